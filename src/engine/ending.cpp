#include "engine/ending.hpp"

#include <utility>

#include "engine/breaking.hpp"
#include "engine/gating.hpp"
#include "engine/job_log.hpp"
#include "engine/unique_jobs.hpp"
#include "engine/weighing.hpp"
#include "job/extra.hpp"
#include "job/id.hpp"

namespace pawl {

namespace {

void count_end(tally& counts, job_state state, dead_cause cause) noexcept {
  switch (state) {
    case job_state::completed:
      counts.add(tally::completed);
      break;
    case job_state::cancelled:
      counts.add(tally::cancelled);
      break;
    case job_state::expired:
      counts.add(tally::expired);
      break;
    default:
      counts.add(cause);
      break;
  }
}

void release_extra(core& c, std::uint32_t extra) noexcept {
  const std::uint32_t history = c.payloads.value<job_extra>(extra).history;
  if (history != 0) c.payloads.release(history);
  c.payloads.release(extra);
}

[[gnu::always_inline]] inline void give_room_back(core& c, thread_context& context,
                                                  unsigned queue_index) noexcept {
  room_debt& debt = context.debt;
  if (debt.jobs != 0 && debt.queue != queue_index) settle_room(c, context);
  debt.queue = queue_index;
  ++debt.jobs;
  const credits& room = c.queues.at(queue_index)->room();
  if (context.role() != context_role::drain || room.is_exact() || c.room.is_exact()) {
    settle_room(c, context);
  }
}

waiting_for waits_for(const core& c, const slot& job, job_id id, job_state state) noexcept {
  if (state == job_state::scheduled) return waiting_for::due_time;
  if (state == job_state::blocked) {
    if (c.running_kinds[job.kind].call == nullptr) return waiting_for::handler;
    const std::uint32_t line = c.lot.owner_of(id_slot(id));
    if (line == 0 && job.has(in_lane)) return waiting_for::lane;
    const bool by_tenant = part_of_gate(line) == gate_part::tenant;
    return by_tenant ? waiting_for::tenant : waiting_for::kind;
  }
  if (state != job_state::ready) return waiting_for::nothing;
  const ready_queue* const queue = c.queues.at(job.queue);
  if (queue == nullptr) return waiting_for::a_drain;
  if (!queue->gate().is_open()) return waiting_for::gate;
  if (queue->order() != queue_order::tenants || job.tenant == 0) return waiting_for::a_drain;
  // There it is in its tenant's line, which is held while one of them waits at the tenant's gate.
  const start_gate* const tenant = c.gates.of_tenant(job.tenant);
  const bool is_held = tenant != nullptr && (tenant->is_closed() || tenant->has_waiting());
  return is_held ? waiting_for::tenant : waiting_for::a_drain;
}

// Of a job that has ended and that nobody else has a claim to. `word` is the last of it.
[[gnu::always_inline]] inline void give_slot_back(core& c, thread_context& context,
                                                  std::uint32_t slot_index, slot& job,
                                                  job_word word) noexcept {
  const std::uint32_t payload = job.payload;
  if (payload_arena::is_reference(payload)) c.payloads.release(payload);
  if (job.extra != 0) [[unlikely]]
    release_extra(c, job.extra);
  transition_to_free(job.word, word);
  context.free_slot(c.jobs, slot_index);
}

}  // namespace

void release_slot(core& c, thread_context& context, std::uint32_t slot_index) noexcept {
  slot& job = c.jobs[slot_index];
  // acquire: a handler that overran may have left a moment ago, and its thread wrote before that.
  job_word word{job.word.load(acquire)};
  if (!leave_terminal(job.word, word)) return;
  if (job.has(in_lane)) [[unlikely]]
    c.lanes.move(c, context, slot_index, lane_place::out);
  give_slot_back(c, context, slot_index, job, word);
}

void release_dead(core& c, thread_context& context, std::uint32_t slot_index) noexcept {
  if (c.jobs[slot_index].has(logged)) {
    wait_for_log(context);  // the job that takes its place may not be logged
    log_purged(c, context, slot_index);
  }
  release_slot(c, context, slot_index);
}

void forget_result(core& c, thread_context& context, const kept_results::entry& old) noexcept {
  if ((old.marks & logged) != 0) {
    wait_for_log(context);  // the job that takes its place may not be logged
    log_forgotten(context, old);
  }
  c.payloads.release(old.block);
}

void settle_room(core& c, thread_context& context) noexcept {
  room_debt& debt = context.debt;
  if (debt.jobs == 0) return;
  c.queues.at(debt.queue)->room().give(debt.jobs);
  c.room.give(debt.jobs);
  debt.jobs = 0;
}

job_status status_of(const core& c, const slot& job, job_id id, job_word word) noexcept {
  job_status s;
  s.id = id;
  s.state = word.state();
  if (s.state == job_state::dead) {
    s.cause = static_cast<dead_cause>(static_cast<std::uint8_t>(job.cause));
    // A runner writes the cause before the swap that ends its job; who sheds one, just after; and
    // who takes it from its handler, not at all.
    if (s.cause == dead_cause::none) s.cause = dead_cause::shed;
    if (word.has(job_flag::overrun)) s.cause = dead_cause::timeout;
  }
  s.priority = static_cast<priority>(static_cast<std::uint8_t>(job.band));
  s.attempt = job.attempt;
  s.max_attempts = job.attempts_max;
  if (s.state == job_state::running) {
    s.cancel_requested = word.has(job_flag::cancel_requested);
    s.timed_out = word.has(job_flag::timed_out);
  }
  s.overrun = word.has(job_flag::overrun);
  s.version = word.version();
  s.due = duration(static_cast<std::int64_t>(std::uint64_t{job.due_ns}));
  s.due_by_wall_clock = job.has(by_wall_clock);
  s.waiting_for = waits_for(c, job, id, s.state);
  s.queue = queue_ref{job.queue, c.tag};
  s.kind = kind_ref{job.kind};
  s.submitted = duration(static_cast<std::int64_t>(std::uint64_t{job.submitted_ns}));
  return s;
}

namespace {

// The job has ended. One that was taken from its handler is there until that has returned (settling.cpp).
[[gnu::noinline]] void leave_lane(core& c, thread_context& context, std::uint32_t slot_index,
                                  slot& job, job_word word, dead_cause cause) noexcept {
  if (word.has(job_flag::attached)) return;
  const ready_queue& queue = *c.queues.at(job.queue);
  const lane_place to = place_in_lane(queue.lanes().on_failure, word.state(), cause);
  breaker_facts facts;
  if (word.state() == job_state::completed && queue.lane_breaker().is_on()) {
    facts = {.counts = true, .slow = was_slow(c, context, queue.lane_breaker().read())};
  }
  c.lanes.move(c, context, slot_index, to, facts);
  if (to == lane_place::out) job.take_off(in_lane);
}

// What the attempt of this thread gave outlives its job. Before anyone is told of the end.
void keep_result(core& c, thread_context& context, std::uint32_t slot_index, const slot& job,
                 job_word word) noexcept {
  kept_results::entry kept{.id = make_id(slot_index, job.generation),
                           .version = word.version(),
                           .lsn = 0,
                           .block = std::exchange(context.now_running.result, 0),
                           .marks = job.marks};
  if (job.has(logged)) {
    kept.lsn = log_completed(context, kept, c.payloads.bytes(kept.block));
  }
  const std::optional<kept_results::entry> to_forget = c.results.keep(kept);
  if (to_forget) forget_result(c, context, *to_forget);
}

// What follows from an end that has been counted. `is_said`: the log has been told.
[[gnu::always_inline]] inline void finish(core& c, thread_context& context,
                                          std::uint32_t slot_index, slot& job, job_word word,
                                          dead_cause cause, bool keeps_room,
                                          bool is_said = false) noexcept {
  if (!is_said && job.has(logged)) [[unlikely]]
    log_end(c, context, slot_index, job, word, cause);
  if (word.has_any_of(permit_flags | static_cast<std::uint64_t>(job_flag::weighed))) [[unlikely]] {
    if (word.permits() != 0) give_permits(c, context, job_scopes(job), word.permits());
    if (word.has(job_flag::weighed) && !keeps_room) {
      give_bytes(c, *c.queues.at(job.queue), payload_bytes(c, job));
    }
  }
  if (job.expires != 0) c.due_later.note_stale();
  // First: who is told of the end may submit the next job.
  let_go_at_end(c, job, slot_index);
  if (job.has(in_lane)) [[unlikely]]
    leave_lane(c, context, slot_index, job, word, cause);
  if (!keeps_room) [[likely]]
    give_room_back(c, context, job.queue);
  const job_hooks& hooks = c.settings.given.hooks;
  const bool is_dead = word.state() == job_state::dead;
  // Only a job that was taken from its handler is attached still, and that is dead.
  if (!is_dead && !word.has(job_flag::waiter) && hooks.on_end == nullptr) [[likely]] {
    give_slot_back(c, context, slot_index, job, word);
    return;
  }
  // Copies: from keep() on another thread may purge or requeue the job.
  const job_status ended = status_of(c, job, make_id(slot_index, job.generation), word);
  if (is_dead) {
    // Before anyone is told: who is may ask for the letter, and must find it, or that there is none.
    const std::optional<std::uint32_t> to_free = c.dead.keep(slot_index, c.clock.boot_ns());
    if (to_free) release_dead(c, context, *to_free);
  }
  if (word.has(job_flag::waiter)) c.waiters.tell(ended);
  if (hooks.on_end != nullptr) {
    hooks.on_end(hooks.user,
                 {ended.id, ended.queue, ended.kind, ended.attempt, word.state(), cause});
  }
  if (!is_dead) give_slot_back(c, context, slot_index, job, word);
}

[[gnu::noinline]] void end_with_result(core& c, thread_context& context, std::uint32_t slot_index,
                                       slot& job, job_word word) noexcept {
  keep_result(c, context, slot_index, job, word);
  finish(c, context, slot_index, job, word, dead_cause::none, false, true);
}

}  // namespace

void end_job(core& c, thread_context& context, std::uint32_t slot_index, job_word word,
             dead_cause cause, bool keeps_room) noexcept {
  slot& job = c.jobs[slot_index];
  count_end(context.tallies.of(job.queue, job.kind).counts, word.state(), cause);
  if (word.state() == job_state::completed && context.now_running.result != 0) {
    return end_with_result(c, context, slot_index, job, word);
  }
  finish(c, context, slot_index, job, word, cause, keeps_room);
}

void end_completed(core& c, thread_context& context, std::uint32_t slot_index, slot& job,
                   job_word word, tally& counts) noexcept {
  counts.add(tally::completed);
  if (context.now_running.result != 0) [[unlikely]]
    return end_with_result(c, context, slot_index, job, word);
  finish(c, context, slot_index, job, word, dead_cause::none, false);
}

}  // namespace pawl
