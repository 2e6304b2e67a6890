#include "engine/intake.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/admission.hpp"
#include "engine/ending.hpp"
#include "engine/intake_doors.hpp"
#include "engine/option_checks.hpp"
#include "engine/ordered_intake.hpp"
#include "engine/payload_storing.hpp"
#include "engine/placing.hpp"
#include "engine/scarcity.hpp"
#include "engine/unique_jobs.hpp"
#include "job/expiry.hpp"
#include "job/extra.hpp"
#include "job/id.hpp"
#include "policy/retry.hpp"

namespace pawl {

namespace {

// What the job wants beyond what its kind says. False: no memory.
bool store_extra(core& c, slot& job, const job_options& how, const key_request* key) noexcept {
  if (how.run_timeout.count() == 0 && how.backoff == nullptr && key == nullptr) return true;
  job_extra x;
  x.run_timeout_ns = detail::nanoseconds(how.run_timeout);
  if (how.backoff != nullptr) {
    x.has_backoff = true;
    x.backoff = *how.backoff;
  }
  if (key != nullptr) {
    x.is_unique = true;
    x.key = key->wish.key;
    x.until = key->wish.until;
  }
  const std::uint32_t reference = c.payloads.store_value(x);
  job.extra = reference;
  return reference != 0;
}

// When it is due, in boot time; the slot has it in the job's own clock. The clock is read again: the
// stamp of a submit may be some microseconds old, and nothing may be early.
std::uint64_t set_due(const core& c, slot& job, const job_options& how) noexcept {
  const std::uint64_t now = c.clock.boot_ns();
  if (how.after.count() > 0) {
    job.due_ns = now + detail::nanoseconds(how.after);
    return job.due_ns;
  }
  const std::int64_t at = std::chrono::duration_cast<duration>(how.at.time_since_epoch()).count();
  job.due_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(at, 0));
  job.put(by_wall_clock);
  return boot_ns_of(c, job.due_ns, now);
}

// The fields of a job in a free slot, apart from its options. False: no memory for the payload.
bool fill_slot(const admission& a, slot& job, std::span<const std::byte> payload,
               const job_options& how, unsigned band) noexcept {
  if (!store_payload(a.c.payloads, job, payload)) return false;
  job.generation = job.generation + 1;
  job.due_ns = a.now_ns;
  job.submitted_ns = a.now_ns;
  job.ticket_lsn = 0;
  job.extra = 0;
  job.expires = 0;
  job.kind = a.kind;
  job.queue = static_cast<std::uint16_t>(a.queue.index());
  job.band = static_cast<std::uint8_t>(band);
  job.attempt = 0;
  job.attempts_max = how.max_attempts != 0 ? how.max_attempts : a.attempts_max;
  job.cause = 0;
  job.pushbacks = 0;
  job.marks = 0;
  job.tenant = how.tenant.index;
  return true;
}

// A job that is accepted. With a place it is ready, and the place is yet to be pushed.
struct newcomer {
  job_id id;
  band_entry place;
  bool is_ready = true;
  std::uint64_t expiry_ns = UINT64_MAX;
  reject reason = reject::memory;  // if it is not accepted
};

// Gives a filled slot the job's options, and notes where it stands in an ordered queue; one that is due
// later goes into the wheel. One with a key, or due later, is counted here: before anyone can count its
// end, as soon as others know of it. False: newcomer::reason, or it is a duplicate (key_request::answer).
bool make_special(const admission& a, std::uint32_t slot_index, const job_options& how,
                  newcomer& made, key_request* key) noexcept {
  slot& job = a.c.jobs[slot_index];
  const auto drop = [&] {
    if (job.has(in_lane)) a.c.lanes.move(a.c, a.context, slot_index, lane_place::out);
    if (job.extra != 0) a.c.payloads.release(job.extra);
    if (payload_arena::is_reference(job.payload)) a.c.payloads.release(job.payload);
    return false;
  };
  if (!store_extra(a.c, job, how, key)) return drop();
  if (a.queue.is_ordered()) note_order(a, slot_index, how);
  job.expires = encode_expiry(how.expires);
  made.expiry_ns = expiry_ns(a.now_ns, job.expires);
  made.is_ready = !is_later(how);
  const std::uint64_t due = made.is_ready ? 0 : set_due(a.c, job, how);
  if (job.has(by_wall_clock)) a.c.due_later.note_wall_clock();
  if (!how.lane.empty()) {
    made.reason = a.c.lanes.join(a.c, a.context, slot_index, how.lane, made.is_ready);
    if (made.reason != reject::none) return drop();
    job.put(in_lane);
    made.reason = reject::memory;
  }
  job_word word;
  const auto go_live = [&] {
    if (!made.is_ready || key != nullptr) a.counts().add(tally::accepted);
    if (!made.is_ready) a.counts().add(tally::put_off);
    word = made.is_ready ? transition_to_ready(job.word) : transition_to_scheduled(job.word);
  };
  if (key == nullptr) {
    go_live();
  } else {
    key->answer = a.c.keys.claim(key->wish, made.id, go_live);
    if (!key->answer.is_taken()) return drop();
  }
  order_second_look(a.c, a.queue);
  if (a.queue.counts_bytes()) weigh(a.c, slot_index);
  if (made.is_ready) {
    made.place = band_entry::make(slot_index, word);
  } else {
    a.c.due_later.add(a.c, a.context,
                      {due, slot_index, static_cast<std::uint32_t>(word.version())});
  }
  return true;
}

// After the job was counted and has its place, so that its end comes after both.
void watch_expiry(const admission& a, const newcomer& made) noexcept {
  if (made.expiry_ns == UINT64_MAX) [[likely]]
    return;
  a.c.due_later.add(a.c, a.context,
                    {made.expiry_ns, id_slot(made.id) | expiry_mark,
                     static_cast<std::uint32_t>(id_generation(made.id))});
}

// Fills a free slot and makes it a job. `plain`: is_plain(how). False: newcomer::reason, or a duplicate.
bool make_job(const admission& a, std::uint32_t slot_index, std::span<const std::byte> payload,
              const job_options& how, bool plain, unsigned band, newcomer& made,
              key_request* key = nullptr) noexcept {
  slot& job = a.c.jobs[slot_index];
  if (!fill_slot(a, job, payload, how, band)) return false;
  made.id = make_id(slot_index, job.generation);
  if (!plain || a.queue.is_ordered()) [[unlikely]]
    return make_special(a, slot_index, how, made, key);
  made.place = band_entry::make(slot_index, transition_to_ready(job.word));
  return true;
}

// Jobs that are ready but whose places found no memory: nobody can have started them. As if they
// had never been there.
void undo(const admission& a, std::span<const std::uint64_t> places) noexcept {
  for (const std::uint64_t p : places) {
    const std::uint32_t index = band_entry{p}.slot();
    slot& job = a.c.jobs[index];
    job_word word{job.word.load(acquire)};
    request r = request::changed;
    while (band_entry{p}.names(word) && r == request::changed) {
      r = transition_to_cancelled(job.word, word);
      if (r == request::changed) word = job_word{job.word.load(acquire)};
    }
    if (r != request::ended)
      continue;  // somebody guessed or was told the id and cancelled it: then it was a job
    const job_id id = make_id(index, job.generation);
    withdraw_key(a.c, job, id);
    if (word.has(job_flag::waiter)) a.c.waiters.tell(status_of(a.c, job, id, word));
    if (word.has(job_flag::weighed)) give_bytes(a.c, a.queue, payload_bytes(a.c, job));
    release_slot(a.c, a.context, index);
    a.counts().take_back_accepted(1);
    give_credits(a, 1);
  }
}

// Puts the places of jobs that are counted into the band, tells a drain. False: no memory; undone.
bool push_new(const admission& a, unsigned band, std::span<const std::uint64_t> places) noexcept {
  bool pushed = false;
  if (a.queue.is_ordered()) [[unlikely]] {
    pushed = push_ordered(a, band, places);
  } else {
    band::producer* const token = a.context.producer_of(a.share, a.queue, band);
    pawl::band& fifo = a.queue.band_of(band);
    pushed = token != nullptr &&
             (places.size() == 1 ? fifo.push(*token, places[0], a.c.places_account, need::wanted)
                                 : fifo.push(*token, places, a.c.places_account, need::wanted));
  }
  if (!pushed) {
    undo(a, places);
    return false;
  }
  if (a.queue.gate().announce(band, a.c.active)) a.c.idle.notify();
  return true;
}

// Counts the jobs first, before anyone can count their ends.
bool enqueue(const admission& a, unsigned band, std::span<const std::uint64_t> places) noexcept {
  a.counts().add(tally::accepted, places.size());
  return push_new(a, band, places);
}

// A job with a unique key, once that was looked at: with a credit, or in the place of a waiting job of the
// same queue, whose room it takes over, so far as it needs it. What came of it is in key.answer.
reject try_unique(admission& a, std::span<const std::byte> payload, const job_options& how,
                  unsigned band, key_request& key, job_id& id) noexcept {
  const bool takes_over =
      key.answer.step == key_step::replace && key.answer.queue == key.wish.queue;
  key.wish.in_place_of = takes_over ? key.answer.original : job_id{};
  key.wish.seen = key.answer.before;
  const std::uint64_t brought = takes_over ? bytes_of_replaced(a.c, key.answer) : 0;
  const std::uint64_t bytes = a.queue.counts_bytes() ? payload.size() : 0;
  const std::uint32_t slot_index = a.context.take_slot(a.c.jobs);
  if (slot_index == thread_context::no_slot) return reject::memory;
  reject lacks = reject::none;
  if (takes_over) {
    lacks = obtain_bytes(a, band, slot_index, bytes, brought, [] { return true; });
  } else if (take_set_aside(a, 1) == 0) {
    lacks = obtain_room(a, band, slot_index, payload.size());
  }
  if (lacks != reject::none) {
    a.context.free_slot(a.c.jobs, slot_index);
    return lacks;
  }
  newcomer made;
  if (!make_job(a, slot_index, payload, how, false, band, made, &key)) {
    give_up_slot(a, slot_index);
    if (!takes_over) put_credits(a, 1);
    return key.answer.is_taken() ? made.reason : reject::none;
  }
  const std::span<const std::uint64_t> place(&made.place.bits, made.is_ready ? 1 : 0);
  if (key.answer.step == key_step::replace) {
    // The other one is lost to it, so it is not given up for want of memory.
    if (made.is_ready) push_ready(a.c, a.context, a.queue, band, place);
    end_replaced(a.c, a.context, key);
    if (brought > bytes) give_bytes(a.c, a.queue, brought - bytes);
  } else if (made.is_ready && !push_new(a, band, place)) {
    return reject::memory;
  }
  watch_expiry(a, made);
  id = made.id;
  return reject::none;
}

// Accepts a job with a unique key, or says whose duplicate it is. A duplicate needs no room, so the key is
// looked at first; whose it is is decided in try_unique().
submit_answer take_in_unique(admission& a, std::span<const std::byte> payload,
                             const job_options& how, unsigned band) noexcept {
  submit_answer answer;
  key_request key{
      .wish = wish_of(a.c, *how.unique, static_cast<std::uint16_t>(a.queue.index()), a.kind)};
  do {
    key.answer = a.c.keys.look(key.wish);
    if (!key.answer.is_taken()) break;
    answer.reason = try_unique(a, payload, how, band, key, answer.ticket.id);
    if (answer.reason != reject::none) return answer;
  } while (key.answer.step == key_step::again);
  return note_key(a.counts(), answer, key.answer);
}

// A bulk on its way in: jobs that are made, and whose places wait to be pushed together.
struct bulk {
  admission a;
  submit_answers& answer;
  std::array<std::uint64_t, batch_max> places{};
  std::size_t held = 0;  // places, all of `band`
  unsigned band = 0;
  std::uint32_t credits = 0;  // of jobs to come; what is left is put aside at the end
  job_id last_held{};

  // Pushes what is held: those jobs are accepted then. False: no memory; they are undone.
  bool flush() noexcept {
    const std::size_t count = std::exchange(held, 0);
    if (count == 0) return true;
    if (!enqueue(a, band, {places.data(), count})) return false;
    if (a.queue.counts_bytes()) weigh_places(a.c, {places.data(), count});
    answer.accepted += count;
    answer.ticket.id = last_held;
    return true;
  }

  // A job with a key is accepted at once, and the answer is a prefix.
  reject add_unique(const job_spec& spec, job_id& id) noexcept {
    if (!flush()) return reject::memory;
    put_credits(a, std::exchange(credits, 0));
    const submit_answer one = take_in_unique(a, spec.payload, spec.options, band);
    if (!one) {
      answer.original = one.original;
      answer.retry_after = one.retry_after;
      return one.reason;
    }
    id = one.ticket.id;
    answer.ticket = one.ticket;
    ++answer.accepted;
    if (one.result() == submit_result::duplicate) ++answer.duplicates;
    if (one.result() == submit_result::replaced) ++answer.replaced;
    return reject::none;
  }

  // `left` specs, this one included, are still to come.
  reject add(const job_spec& spec, std::size_t left, job_id& id) noexcept {
    if (spec.payload.size() > a.c.settings.given.payload_bytes_max) return reject::too_large;
    const bool plain = is_plain(spec.options);
    if (!plain && !is_in_range(spec.options)) return reject::bad_option;
    if (const reject r = check_tenant(a.c, spec.options.tenant); r != reject::none) return r;
    const unsigned b = band_of(spec.options.priority);
    if ((held == places.size() || b != band) && !flush()) return reject::memory;
    band = b;
    if (!plain && spec.options.unique != nullptr) return add_unique(spec, id);
    // What is due later is accepted at once, and the answer is a prefix.
    if (!plain && is_later(spec.options) && !flush()) return reject::memory;
    const std::uint32_t slot_index = a.context.take_slot(a.c.jobs);
    if (slot_index == thread_context::no_slot) return reject::memory;
    if (credits == 0) {
      const auto wanted = static_cast<std::uint32_t>(std::min(left, places.size()));
      credits = take_set_aside(a, wanted);
      if (credits == 0) {
        const reject r = obtain_room(a, band, slot_index, spec.payload.size(), wanted, credits,
                                     [this] { return flush(); });
        if (r != reject::none) {
          a.context.free_slot(a.c.jobs, slot_index);
          return r;
        }
      }
    }
    newcomer made;
    if (!make_job(a, slot_index, spec.payload, spec.options, plain, band, made)) {
      give_up_slot(a, slot_index);
      return made.reason;
    }
    id = made.id;
    --credits;
    if (!made.is_ready) {
      ++answer.accepted;
      answer.ticket.id = id;
      watch_expiry(a, made);
      return reject::none;
    }
    places[held++] = made.place.bits;
    last_held = id;
    if (made.expiry_ns != UINT64_MAX) {
      if (!flush()) return reject::memory;
      watch_expiry(a, made);
    }
    return reject::none;
  }
};

}  // namespace

submit_answer take_in(core& c, thread_context& context, queue_ref queue, kind_ref kind,
                      std::span<const std::byte> payload, const job_options& how) noexcept {
  submit_answer answer;
  const auto refuse = [&answer](reject r) {
    answer.reason = r;
    return answer;
  };
  if (const reject r = check_call(c, queue, kind); r != reject::none) return refuse(r);
  if (payload.size() > c.settings.given.payload_bytes_max) return refuse(reject::too_large);
  const bool plain = is_plain(how);
  if (!plain && !is_in_range(how)) return refuse(reject::bad_option);
  if (const reject r = check_tenant(c, how.tenant); r != reject::none) return refuse(r);
  queue_share* const share = context.share_of(queue.index);
  if (share == nullptr) return refuse(reject::memory);
  admission a{c,
              context,
              *c.queues.at(queue.index),
              *share,
              kind.index,
              c.running_kinds[kind.index].attempts_max,
              c.clock.recent_boot_ns(context.clock_reading)};
  const unsigned band = band_of(how.priority);
  if (how.unique != nullptr) [[unlikely]]
    return take_in_unique(a, payload, how, band);
  const std::uint32_t slot_index = context.take_slot(c.jobs);
  if (slot_index == thread_context::no_slot) return refuse(reject::memory);
  if (take_set_aside(a, 1) == 0) {
    const reject r = obtain_room(a, band, slot_index, payload.size());
    if (r != reject::none) {
      context.free_slot(c.jobs, slot_index);
      return refuse(r);
    }
  }
  newcomer made;
  if (!make_job(a, slot_index, payload, how, plain, band, made)) {
    give_up_slot(a, slot_index);
    put_credits(a, 1);
    return refuse(made.reason);
  }
  answer.ticket.id = made.id;
  if (made.is_ready && !enqueue(a, band, {&made.place.bits, 1})) {
    answer.ticket = {};
    return refuse(reject::memory);
  }
  if (a.queue.counts_bytes()) [[unlikely]]
    weigh(c, id_slot(made.id));
  watch_expiry(a, made);
  return answer;
}

submit_answers take_in(core& c, thread_context& context, queue_ref queue, kind_ref kind,
                       std::span<const job_spec> specs, std::span<job_id> ids) noexcept {
  submit_answers answer;
  answer.reason = check_call(c, queue, kind);
  if (answer.reason != reject::none) return answer;
  queue_share* const share = context.share_of(queue.index);
  if (share == nullptr) {
    answer.reason = reject::memory;
    return answer;
  }
  bulk b{{c, context, *c.queues.at(queue.index), *share, kind.index,
          c.running_kinds[kind.index].attempts_max, c.clock.boot_ns()},
         answer};
  scarcity scarce(c, context);
  do {
    answer.reason = reject::none;
    for (std::size_t i = answer.accepted; i < specs.size() && answer.reason == reject::none; ++i) {
      job_id id;
      answer.reason = b.add(specs[i], specs.size() - i, id);
      if (!ids.empty()) ids[i] = id;
    }
    if (!b.flush()) answer.reason = reject::memory;
  } while (answer.reason == reject::memory && scarce.make_memory(b.a.queue, *share, b.band));
  put_credits(b.a, b.credits);
  return answer;
}

}  // namespace pawl
