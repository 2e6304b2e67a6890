#include "engine/intake.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "engine/ending.hpp"
#include "engine/intake_doors.hpp"
#include "engine/settings.hpp"
#include "engine/shedding.hpp"
#include "job/expiry.hpp"
#include "job/extra.hpp"
#include "job/id.hpp"
#include "policy/retry.hpp"

namespace pawl {

namespace {

// Everything that a whole call has in common.
struct admission {
  core& c;
  thread_context& context;
  ready_queue& queue;
  queue_share& share;
  std::uint16_t kind;
  std::uint8_t attempts_max;  // the kind's
  std::uint64_t now_ns;
};

// A priority from outside its enumeration counts as the lowest.
unsigned band_of(priority p) noexcept {
  return std::min(static_cast<unsigned>(p), static_cast<unsigned>(priority_count - 1));
}

reject check_call(const core& c, queue_ref queue, kind_ref kind) noexcept {
  if (c.stopping.load(relaxed)) return reject::stopping;  // relaxed: nothing follows from it
  if (queue.scheduler != c.tag || c.queues.at(queue.index) == nullptr) return reject::unknown_queue;
  if (kind.index >= c.kinds.size()) return reject::unknown_kind;
  return check_doors(c, *c.queues.at(queue.index), kind.index);
}

std::uint32_t take_set_aside(const admission& a, std::uint32_t wanted) noexcept {
  return a.share.credits.take(wanted, a.queue.recall(), a.c.asymmetric);
}

// For a share without credits. `taken`: how many, more than wanted where the bound is large.
reject take_credits(core& c, ready_queue& queue, std::uint32_t wanted,
                    std::uint32_t& taken) noexcept {
  const std::uint32_t lump = std::min(queue.room().lump(), c.room.lump());
  const std::uint32_t of_queue = queue.room().take(std::max(lump, wanted));
  if (of_queue == 0) return reject::queue_full;
  const std::uint32_t of_both = c.room.take(of_queue);
  if (of_both < of_queue) queue.room().give(of_queue - of_both);
  if (of_both == 0) return reject::scheduler_full;
  taken = of_both;
  return reject::none;
}

void give_credits(const admission& a, std::uint32_t count) noexcept {
  if (count == 0) return;
  a.queue.room().give(count);
  a.c.room.give(count);
}

// Sets aside credits that a call does not use; gives back those beyond what a thread may set aside.
void put_credits(const admission& a, std::uint32_t count) noexcept {
  if (count == 0) return;
  const auto kept_max = [&a] {
    const std::uint32_t lump = std::min(a.queue.room().lump(), a.c.room.lump());
    return lump == 1 ? 0 : lump;
  };
  give_credits(a, count - a.share.credits.put(count, kept_max, a.queue.recall(), a.c.asymmetric));
}

// As take_credits(), at the cost of an older job if the queue sheds. `before_shedding` makes the
// call's own jobs old enough for that.
template <class F>
reject obtain_credits(admission& a, unsigned band, std::uint32_t wanted, std::uint32_t& taken,
                      F before_shedding) noexcept {
  for (;;) {
    const reject r = take_credits(a.c, a.queue, wanted, taken);
    if (r != reject::queue_full || a.queue.when_full() != when_full::shed) return r;
    if (a.queue.room().is_exceeded()) return r;  // lowering a bound ends no job
    if (!before_shedding()) return reject::memory;
    if (!shed_one(a.c, a.context, a.share, a.queue, band)) return r;
    settle_room(a.c, a.context);
  }
}

// Words of 16 bytes, the last one overlapping: a call of memcpy costs more than these.
void copy_inline(std::byte* to, std::span<const std::byte> from) noexcept {
  const std::size_t size = from.size();
  if (size < 16) {
    for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
    return;
  }
  for (std::size_t at = 0; at + 16 <= size; at += 16) std::memcpy(to + at, from.data() + at, 16);
  std::memcpy(to + size - 16, from.data() + size - 16, 16);
}

// 64 bytes or less go into the slot, more into the arena. False: no memory.
bool store_payload(core& c, slot& job, std::span<const std::byte> payload) noexcept {
  if (payload.size() <= inline_payload_bytes) {
    copy_inline(job.body, payload);
    job.payload = static_cast<std::uint32_t>(payload.size());
    return true;
  }
  const std::uint32_t reference = c.payloads.store(payload);
  if (reference == payload_arena::none) return false;
  job.payload = reference;
  return true;
}

// Is there nothing to it but a priority?
bool is_plain(const job_options& how) noexcept {
  return (how.after.count() | how.at.time_since_epoch().count() | how.expires.count() |
          how.run_timeout.count()) == 0 &&
         how.backoff == nullptr;
}

bool is_in_range(const job_options& how) noexcept {
  constexpr duration longest = std::chrono::hours(24 * 36525);  // a century
  const auto fits = [&](duration d) { return d >= duration(0) && d <= longest; };
  const bool two_dues = how.after.count() != 0 && how.at != std::chrono::system_clock::time_point{};
  return !two_dues && fits(how.after) && fits(how.expires) && fits(how.run_timeout) &&
         (how.backoff == nullptr || check_backoff(*how.backoff));
}

bool is_later(const job_options& how) noexcept {
  return how.after.count() > 0 || how.at != std::chrono::system_clock::time_point{};
}

// What the job wants beyond what its kind says. False: no memory.
bool store_extra(core& c, slot& job, const job_options& how) noexcept {
  if (how.run_timeout.count() == 0 && how.backoff == nullptr) return true;
  job_extra x;
  x.run_timeout_ns = detail::nanoseconds(how.run_timeout);
  if (how.backoff != nullptr) {
    x.has_backoff = true;
    x.backoff = *how.backoff;
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
  job.by_wall_clock = true;
  return boot_ns_of(c, job.due_ns, now);
}

// The fields of a job in a free slot, apart from its options. False: no memory for the payload.
bool fill_slot(const admission& a, slot& job, std::span<const std::byte> payload,
               const job_options& how, unsigned band) noexcept {
  if (!store_payload(a.c, job, payload)) return false;
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
  job.by_wall_clock = false;
  job.tenant = how.tenant.index;
  return true;
}

// A job that is accepted. With a place it is ready, and the place is yet to be pushed.
struct newcomer {
  job_id id;
  band_entry place;
  bool is_ready = true;
  std::uint64_t expiry_ns = UINT64_MAX;
};

// Gives a filled slot the job's options; one that is due later goes into the wheel. False: no memory.
bool make_special(const admission& a, std::uint32_t slot_index, const job_options& how,
                  newcomer& made) noexcept {
  slot& job = a.c.jobs[slot_index];
  if (!store_extra(a.c, job, how)) {
    if (payload_arena::is_reference(job.payload)) a.c.payloads.release(job.payload);
    return false;
  }
  job.expires = encode_expiry(how.expires);
  made.expiry_ns = expiry_ns(a.now_ns, job.expires);
  made.is_ready = !is_later(how);
  if (made.is_ready) {
    made.place = band_entry::make(slot_index, transition_to_ready(job.word));
  } else {
    const std::uint64_t due = set_due(a.c, job, how);
    if (job.by_wall_clock) a.c.due_later.note_wall_clock();
    // Counted before anyone can count its end: as soon as it is scheduled it can be cancelled.
    a.context.counts.add(tally::accepted);
    const job_word word = transition_to_scheduled(job.word);
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

// Fills a free slot and makes it a job. False: no memory.
bool make_job(const admission& a, std::uint32_t slot_index, std::span<const std::byte> payload,
              const job_options& how, unsigned band, newcomer& made) noexcept {
  slot& job = a.c.jobs[slot_index];
  if (!fill_slot(a, job, payload, how, band)) return false;
  made.id = make_id(slot_index, job.generation);
  if (!is_plain(how)) [[unlikely]]
    return make_special(a, slot_index, how, made);
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
      continue;  // somebody guessed the id and cancelled it: then it was a job
    release_slot(a.c, a.context, index);
    a.context.counts.take_back_accepted(1);
    give_credits(a, 1);
  }
}

// Counts the jobs, puts their places into the band, tells a drain. False: no memory; undone.
bool enqueue(const admission& a, unsigned band, std::span<const std::uint64_t> places) noexcept {
  a.context.counts.add(tally::accepted, places.size());  // before anyone can count their ends
  band::producer* const token = a.context.producer_of(a.share, a.queue, band);
  pawl::band& fifo = a.queue.band_of(band);
  const bool pushed = token != nullptr && (places.size() == 1 ? fifo.push(*token, places[0])
                                                              : fifo.push(*token, places));
  if (!pushed) {
    undo(a, places);
    return false;
  }
  if (a.queue.gate().announce(band, a.c.active)) a.c.idle.notify();
  return true;
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
    answer.accepted += count;
    answer.ticket.id = last_held;
    return true;
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
    // What is due later is accepted at once, and the answer is a prefix.
    if (!plain && is_later(spec.options) && !flush()) return reject::memory;
    if (credits == 0) {
      const auto wanted = static_cast<std::uint32_t>(std::min(left, places.size()));
      credits = take_set_aside(a, wanted);
      if (credits == 0) {
        const reject r = obtain_credits(a, band, wanted, credits, [this] { return flush(); });
        if (r != reject::none) return r;
      }
    }
    const std::uint32_t slot_index = a.context.take_slot(a.c.jobs);
    if (slot_index == thread_context::no_slot) return reject::memory;
    newcomer made;
    if (!make_job(a, slot_index, spec.payload, spec.options, band, made)) {
      a.context.free_slot(a.c.jobs, slot_index);
      return reject::memory;
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
  if (!is_plain(how) && !is_in_range(how)) return refuse(reject::bad_option);
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
  if (take_set_aside(a, 1) == 0) {
    std::uint32_t credits = 0;
    const reject r = obtain_credits(a, band, 1, credits, [] { return true; });
    if (r != reject::none) return refuse(r);
    put_credits(a, credits - 1);
  }
  const std::uint32_t slot_index = context.take_slot(c.jobs);
  newcomer made;
  if (slot_index == thread_context::no_slot || !make_job(a, slot_index, payload, how, band, made)) {
    if (slot_index != thread_context::no_slot) context.free_slot(c.jobs, slot_index);
    put_credits(a, 1);
    return refuse(reject::memory);
  }
  answer.ticket.id = made.id;
  if (made.is_ready && !enqueue(a, band, {&made.place.bits, 1})) {
    answer.ticket = {};
    return refuse(reject::memory);
  }
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
  for (std::size_t i = 0; i < specs.size() && answer.reason == reject::none; ++i) {
    job_id id;
    answer.reason = b.add(specs[i], specs.size() - i, id);
    if (!ids.empty()) ids[i] = id;
  }
  if (!b.flush()) answer.reason = reject::memory;
  put_credits(b.a, b.credits);
  return answer;
}

}  // namespace pawl
