#include "engine/intake.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/admission.hpp"
#include "engine/ending.hpp"
#include "engine/intake_doors.hpp"
#include "engine/job_log.hpp"
#include "engine/job_making.hpp"
#include "engine/option_checks.hpp"
#include "engine/ordered_intake.hpp"
#include "engine/placing.hpp"
#include "engine/scarcity.hpp"
#include "engine/unique_jobs.hpp"
#include "job/id.hpp"
#include "policy/retry.hpp"

namespace pawl {

namespace {

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
    if (job.has(logged)) {
      wait_for_log(a.context);
      log_end(a.c, a.context, index, job, word, dead_cause::none);
    }
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

// The same of jobs that are not given up for want of memory: their source has moved past them, in the log
// perhaps, or they may have to wait until they are durable. `at`: null if there is no source.
bool push_new(const admission& a, unsigned band, std::span<const std::uint64_t> places,
              const source_cursor* at) noexcept {
  if (at == nullptr && (a.log_marks & strictly) == 0) [[likely]]
    return push_new(a, band, places);
  push_ready(a.c, a.context, a.queue, band, places);
  return true;
}

// Of plain jobs, before their places are pushed. The LSN; 0: they are not logged.
std::uint64_t tell(const admission& a, std::span<const std::uint64_t> places,
                   const source_cursor* at) noexcept {
  if (a.log_marks != 0) return log_plain(a, places, at);
  if (at != nullptr) move_cursor(a.c, *at);
  return 0;
}

// Nothing comes of it, and its source moves on.
void move_past_duplicate(const admission& a, const source_cursor& at, ticket& t) noexcept {
  if (a.log_marks == 0) return move_cursor(a.c, at);
  t.lsn = std::max(t.lsn, log_cursor(a.c, a.context, at));
}

// Counts the jobs first, before anyone can count their ends.
bool enqueue(const admission& a, unsigned band, std::span<const std::uint64_t> places,
             const source_cursor* at) noexcept {
  a.counts().add(tally::accepted, places.size());
  return push_new(a, band, places, at);
}

// A job with a unique key, once that was looked at: with a credit, or in the place of a waiting job of the
// same queue, whose room it takes over, so far as it needs it. What came of it is in key.answer.
reject try_unique(admission& a, std::span<const std::byte> payload, const job_options& how,
                  unsigned band, key_request& key, ticket& accepted) noexcept {
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
  } else if (made.is_ready && !push_new(a, band, place, how.cursor)) {
    return reject::memory;
  }
  watch_expiry(a, made);
  accepted = {made.id, made.lsn};
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
    // The one that is replaced may be logged, though this one is not.
    if (!has_log_room(a.context)) {
      answer.reason = reject::log_full;
      return answer;
    }
    answer.reason = try_unique(a, payload, how, band, key, answer.ticket);
    if (answer.reason != reject::none) return answer;
  } while (key.answer.step == key_step::again);
  answer = note_key(a.c, a.counts(), answer, key.answer);
  if (how.cursor != nullptr && answer && !key.answer.is_taken()) {
    move_past_duplicate(a, *how.cursor, answer.ticket);
  }
  return answer;
}

// So much of a bulk is said at once.
constexpr std::size_t log_bytes_at_once = 256u << 10;

// A bulk on its way in: jobs that are made, and whose places wait to be pushed together.
struct bulk {
  admission a;
  submit_answers& answer;
  std::array<std::uint64_t, batch_max> places{};
  std::size_t held = 0;  // places, all of `band`
  unsigned band = 0;
  std::uint32_t credits = 0;  // of jobs to come; what is left is put aside at the end
  ticket last_held{};
  const source_cursor* last_cursor = nullptr;  // of what is held: that of the last one that has any
  bool is_said = false;                        // what is held has been logged
  std::size_t log_bytes = 0;                   // that will be said of what is held

  // Pushes what is held: those jobs are accepted then. False: no memory; they are undone.
  bool flush() noexcept {
    const std::size_t count = std::exchange(held, 0);
    const source_cursor* const at = std::exchange(last_cursor, nullptr);
    log_bytes = 0;
    if (count == 0) return true;
    if ((a.log_marks != 0 || at != nullptr) && !std::exchange(is_said, false)) {
      last_held.lsn = tell(a, {places.data(), count}, at);
    }
    if (!enqueue(a, band, {places.data(), count}, at)) return false;
    if (a.queue.counts_bytes()) weigh_places(a.c, {places.data(), count});
    answer.accepted += count;
    answer.ticket = last_held;
    return true;
  }

  // Room in the log for one more. What is held is logged together, or was; and is all of one level.
  reject make_log_room(const job_spec& spec, bool plain) noexcept {
    const std::uint8_t marks = log_marks_of(a.queue, spec.options);
    if ((marks != a.log_marks || !plain || log_bytes > log_bytes_at_once) && !flush()) {
      return reject::memory;
    }
    a.log_marks = marks;
    if (marks == 0) return reject::none;
    const std::size_t bytes = plain ? bulk_bytes(spec.options, spec.payload.size())
                                    : submit_bytes(spec.options, spec.payload.size());
    reject r = log_refusal(a.c, a.context, log_bytes + bytes);
    if (r == reject::log_full && held != 0) {
      if (!flush()) return reject::memory;
      r = log_refusal(a.c, a.context, bytes);
    }
    if (r == reject::none) log_bytes += bytes;
    return r;
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

  // Or is what is held to be pushed first? What is due later is accepted at once, and the answer is a prefix;
  // and a cursor is in one group with all that came up to it, see log_plain().
  [[nodiscard]] bool goes_with_held(const job_options& how, bool plain) const noexcept {
    if (!plain && (is_later(how) || how.cursor != nullptr)) return false;
    if (held == 0 || (how.cursor == nullptr && last_cursor == nullptr)) return true;
    const slot& first = a.c.jobs[band_entry{places[0]}.slot()];
    return first.attempts_max == attempts_max_of(a, how) && first.tenant == how.tenant.index;
  }

  // `left` specs, this one included, are still to come.
  reject add(const job_spec& spec, std::size_t left, job_id& id) noexcept {
    if (spec.payload.size() > a.c.settings.given.payload_bytes_max) return reject::too_large;
    const bool is_bare = is_plain(spec.options);
    bool plain = is_bare;
    if (!is_bare) {
      if (!is_in_range(spec.options)) return reject::bad_option;
      if (const reject r = check_cursor(a.c, spec.options.cursor); r != reject::none) return r;
      plain = is_plain(spec.options, nullptr);
    }
    if (const reject r = check_tenant(a.c, spec.options.tenant); r != reject::none) return r;
    const unsigned b = band_of(spec.options.priority);
    if ((held == places.size() || b != band) && !flush()) return reject::memory;
    band = b;
    // Before this one's room is counted with that of what is held.
    if (!is_bare || last_cursor != nullptr) [[unlikely]] {
      if (!goes_with_held(spec.options, plain) && !flush()) return reject::memory;
    }
    if (a.queue.has_log()) [[unlikely]] {
      if (const reject r = make_log_room(spec, plain); r != reject::none) return r;
    }
    if (!plain && spec.options.unique != nullptr) return add_unique(spec, id);
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
      answer.ticket = {id, made.lsn};
      watch_expiry(a, made);
      return reject::none;
    }
    if (!is_bare && spec.options.cursor != nullptr) last_cursor = spec.options.cursor;
    places[held++] = made.place.bits;
    last_held = {id, made.lsn};
    is_said = made.lsn != 0;
    if (made.expiry_ns != UINT64_MAX || is_said) {
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
  bool plain = is_plain(how);
  if (!plain) {
    if (!is_in_range(how)) return refuse(reject::bad_option);
    if (const reject r = check_cursor(c, how.cursor); r != reject::none) return refuse(r);
    plain = is_plain(how, nullptr);
  }
  if (const reject r = check_tenant(c, how.tenant); r != reject::none) return refuse(r);
  queue_share* const share = context.share_of(queue.index);
  if (share == nullptr) return refuse(reject::memory);
  admission a{c,
              context,
              *c.queues.at(queue.index),
              *share,
              kind.index,
              c.running_kinds[kind.index].attempts_max,
              c.clock.recent_boot_ns(context.clock_reading),
              log_marks_of(*c.queues.at(queue.index), how)};
  const unsigned band = band_of(how.priority);
  if (a.log_marks != 0) [[unlikely]] {
    const reject r = log_refusal(c, context, submit_bytes(how, payload.size()));
    if (r != reject::none) return refuse(r);
  }
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
  answer.ticket = {made.id, made.lsn};
  if ((a.log_marks != 0 || how.cursor != nullptr) && made.lsn == 0) [[unlikely]]
    answer.ticket.lsn = tell(a, {&made.place.bits, 1}, how.cursor);
  if (made.is_ready && !enqueue(a, band, {&made.place.bits, 1}, how.cursor)) {
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
