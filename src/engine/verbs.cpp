// engine/verbs.cpp -- what can be asked of an engine beside submitting: the members of engine that
// scheduler's users call.
#include <algorithm>
#include <bit>
#include <utility>

#include "base/membarrier.hpp"
#include "engine/cancelling.hpp"
#include "engine/ending.hpp"
#include "engine/engine.hpp"
#include "engine/gating.hpp"
#include "engine/job_log.hpp"
#include "engine/picture.hpp"
#include "engine/queue_log.hpp"
#include "engine/settings.hpp"
#include "engine/wal.hpp"
#include "engine/weighing.hpp"
#include "job/id.hpp"
#include "job/sighting.hpp"

namespace pawl {

namespace {

// Gives what threads have set aside back to the queue and to the scheduler. One caller at a time.
void recall_credits(core& c, ready_queue& queue) noexcept {
  queue.recall().begin();
  if (c.asymmetric) membarrier_all_threads();
  std::uint32_t recalled = 0;
  // A thread whose context is added later sees the recall, or its end and with it the new bound.
  c.contexts.for_each([&](thread_context& t) { recalled += t.take_recalled(queue.index()); });
  queue.recall().end();
  if (recalled == 0) return;
  queue.room().give(recalled);
  c.room.give(recalled);
}

// Before they count: from here on starts look.
void note_limits(core& c, const limits& wanted) noexcept {
  if (wanted.concurrency == 0 && wanted.rate.starts == 0) return;
  c.gating.fetch_or(core::starts, seq_cst);
}

// One caller at a time. The LSN.
std::uint64_t change_options(core& c, thread_context& context, ready_queue& queue,
                             const queue_options& wanted) noexcept {
  const bool lowers = wanted.jobs_max < queue.room().bound();
  const lane_rule lanes_before = queue.lanes();
  const breaker_rule breaker_before = queue.lane_breaker().read();
  const bool starts_to_count = wanted.bytes_max != 0 && !queue.counts_bytes();
  note_limits(c, wanted.limits);
  if (wanted.strict_start && c.log != nullptr) c.strict.use();
  queue.apply(wanted, c.clock.boot_ns());
  c.note_change_of_gates();
  // Whoever is refused by the new limits closes them again.
  for (const gate_reason r : {gate_reason::at_limit, gate_reason::at_rate}) {
    if (queue.gate().is_closed_for(r) && queue.gate().open(r, c.active)) c.idle.notify();
  }
  if (queue.lanes() != lanes_before || queue.lane_breaker().read() != breaker_before) {
    c.lanes.look_again(c, context, queue, breaker_before);
  }
  if (starts_to_count) queue.count_bytes();
  if (lowers || starts_to_count) recall_credits(c, queue);
  if (starts_to_count) weigh_all(c, queue);
  if (c.log == nullptr) return 0;
  return log_queue_options(context, number_of_queue(queue.index()), wanted, ++c.settings_order);
}

// A queue of which nobody knows yet.
void say_new_queue(core& c, thread_context& context, ready_queue& queue,
                   const queue_options& wanted) noexcept {
  const std::uint32_t number = number_of_queue(queue.index());
  log_name(context, name_record::of::queue, number, queue.name());
  log_queue_options(context, number, wanted, ++c.settings_order);
}

// Of a job of an earlier process, in a slot that this one has not used yet: it has ended, or would be there.
bool is_of_earlier(const core& c, job_id id) noexcept {
  const std::uint64_t generation = id_generation(id);
  return !id_is_away(id) && generation != 0 && generation < c.first_generation;
}

constexpr failure never_issued{errc::not_found, 0, "job id"};
constexpr failure has_ended{errc::stale, 0, "job id"};
constexpr failure other_order{errc::invalid, 0, "queue_options.order"};

}  // namespace

result<queue_ref> engine::queue(thread_context& context, std::string_view name,
                                const queue_options& wanted) {
  if (const status ok = check_queue(name, wanted); !ok) return ok.error();
  if (core_.stopping.load(seq_cst)) return failure{errc::stopping, 0, "queue"};
  wait_for_settings_room(context);
  const std::lock_guard lock(changing_);
  const std::lock_guard all_lock(core_.all.mutex);
  if (wanted.order != queue_order::fifo &&
      !(core_.jobs.add_rows(row::order, sizeof(order_mark)) && core_.order.prepare())) {
    return failure{errc::memory, 0, "queue"};
  }
  bool full = false;
  bool differs = false;
  ready_queue* const q = core_.queues.find_or_add(
      name, wanted,
      [&](ready_queue& queue, bool is_new) {
        if (is_new) {
          note_limits(core_, wanted.limits);
          if (wanted.strict_start && wal_ != nullptr) core_.strict.use();
          if (wal_ != nullptr) queue.give_log(wanted.durability);
          const bool is_known = queue.index() < queues_named_;
          if (wal_ != nullptr && !is_known) say_new_queue(core_, context, queue, wanted);
          if (wanted.bytes_max != 0 || core_.bytes.bound() != 0) queue.count_bytes();
          if (core_.all.is_paused) queue.gate().close(gate_reason::all_paused);
          if (core_.all.is_held) queue.gate().close(gate_reason::all_held);
          if (!core_.settings.given.dispatch) queue.gate().close(gate_reason::no_dispatch);
          // Either this sees the stop, or the stop sees the queue: both are under the table's lock.
          if (core_.stopping.load(seq_cst)) queue.gate().close(gate_reason::stopping);
        } else if (queue.order() != wanted.order) {
          differs = true;
        } else {
          change_options(core_, context, queue, wanted);
        }
      },
      full);
  if (differs) return other_order;
  if (full) return failure{errc::full, 0, "queue"};
  if (q == nullptr) return failure{errc::memory, 0, "queue"};
  return queue_ref{static_cast<std::uint16_t>(q->index()), core_.tag};
}

result<ready_queue*> engine::queue_at(queue_ref queue) const noexcept {
  if (core_.stopping.load(seq_cst)) return failure{errc::stopping, 0, "queue"};
  ready_queue* const q = queue.scheduler == core_.tag ? core_.queues.at(queue.index) : nullptr;
  if (q == nullptr) return failure{errc::not_found, 0, "queue"};
  return q;
}

result<job_status> engine::find(job_id id) const noexcept {
  for (;;) {
    const sighting s = look_up(core_.jobs, id);
    if (s.job == nullptr && !is_of_earlier(core_, id)) return never_issued;
    job_status known;
    known.id = id;
    if (s.job == nullptr || !s.is_current) return known;
    known = status_of(core_, *s.job, id, s.word);
    // The fields belong to the word if it is still the same.
    if (s.job->word.load(acquire) == s.word.bits) return known;
  }
}

result<job_status> engine::wait(job_id id, duration limit, bool inside_handler) noexcept {
  end_waiters::waiter w;
  w.id = id;
  w.inside_handler = inside_handler;
  core_.waiters.add(w);
  for (;;) {
    const sighting s = look_up(core_.jobs, id);
    const request asked =
        !s.is_current ? request::too_late : request_end_notice(s.job->word, s.word);
    if (asked == request::changed) continue;
    if (asked == request::noted && world_.pass_time) {
      world_.pass_time([&w] { return w.told || w.stopped; }, limit);
    } else if (asked == request::noted) {
      core_.waiters.wait(w, limit);
    }
    // Before the remove: after it the scheduler may be gone. A late tell() is seen after it.
    const result<job_status> known =
        asked == request::too_late ? find(id) : result<job_status>(never_issued);
    core_.waiters.remove(w);
    if (asked == request::too_late) return known;
    if (w.told) return w.status;
    return failure{w.stopped ? errc::stopping : errc::timeout, 0, "wait"};
  }
}

result<ticket> engine::cancel(thread_context& context, job_id id) noexcept {
  for (;;) {
    const sighting s = look_up(core_.jobs, id);
    if (s.job == nullptr && !is_of_earlier(core_, id)) return never_issued;
    if (s.job == nullptr || !s.is_current) return has_ended;
    job_word word = s.word;
    const bool is_logged = s.job->has(logged);  // if it is still that job
    if (is_logged) wait_for_log(context);
    switch (transition_to_cancelled(s.job->word, word)) {
      case request::ended:
        end_cancelled(core_, context, id_slot(id), s.word, word);
        return ticket{id, is_logged ? core_.log->ask() : 0};
      case request::noted:
        ask_all_to_stop(id);
        return ticket{id, 0};  // a wish: what comes of it is the attempt's outcome
      case request::too_late:
        return has_ended;
      case request::changed:
        break;
    }
  }
}

// After the gate was closed and, where starts are asymmetric, the barrier.
// A thread added after the look at the lines sees the closed gate: its context was added under the
// same lock.
void engine::wait_for_starts_of(unsigned queue) noexcept {
  core_.contexts.for_each([&](const thread_context& t) { wait_for_start(t.line, queue); });
}

result<ticket> engine::set_options(thread_context& context, queue_ref queue,
                                   const queue_options& wanted) noexcept {
  if (const status ok = check_options(wanted); !ok) return ok.error();
  const result<ready_queue*> q = queue_at(queue);
  if (!q) return q.error();
  if ((*q)->order() != wanted.order) return other_order;
  wait_for_settings_room(context);
  const std::lock_guard lock(changing_);
  return ticket{{}, change_options(core_, context, **q, wanted)};
}

void engine::close_all_gates() noexcept {
  const std::lock_guard lock(changing_);
  core_.queues.for_each([](ready_queue& q) { q.gate().close(gate_reason::stopping); });
  if (core_.asymmetric) membarrier_all_threads();
  core_.queues.for_each([this](ready_queue& q) { wait_for_starts_of(q.index()); });
}

bool engine::wait_for_room(queue_ref queue, reject reason, std::uint64_t bytes,
                           std::chrono::steady_clock::time_point until) {
  const result<ready_queue*> q = queue_at(queue);
  if (!q || (is(executor::stepped) && !world_.pass_time)) return false;
  if ((*q)->when_full() != when_full::block) return false;
  if (reason == reject::memory) return wait_for_memory(**q, until);
  if (reason == reject::log_full) return wait_for_disk(until);
  const bool of_queue = reason == reject::queue_full;
  credits& room = of_queue ? (*q)->room() : core_.room;
  const byte_room& bytes_room = of_queue ? (*q)->bytes() : core_.bytes;
  const auto may_try = [&] {
    const bool has_room = bytes == 0
                              ? room.has_free()
                              : bytes_room.has_room_for(bytes) || !bytes_room.may_ever_hold(bytes);
    return has_room || core_.stopping.load(seq_cst);
  };
  if (!world_.pass_time) return room.wait_until_given(until, may_try);
  world_.pass_time(may_try, (*q)->block_for());
  return may_try();
}

// The disk is behind by what a thread's ring holds, which takes it longer than this.
bool engine::wait_for_disk(std::chrono::steady_clock::time_point until) const noexcept {
  constexpr std::uint64_t nap_ns = 200'000;
  if (std::chrono::steady_clock::now() >= until) return false;
  core_.clock.sleep_for(nap_ns);
  return true;
}

// Nobody says when memory is free: it tries again when jobs have ended, and each millisecond.
bool engine::wait_for_memory(ready_queue& queue, std::chrono::steady_clock::time_point until) {
  if (core_.memory.bound() == 0) return false;
  const std::uint64_t before = core_.room.in_use();
  bool has_waited = false;
  const auto may_try = [&] {
    const bool is_time = std::exchange(has_waited, !world_.pass_time);
    return is_time || core_.room.in_use() < before || core_.stopping.load(seq_cst);
  };
  if (!world_.pass_time) return core_.room.wait_until_given(until, may_try);
  world_.pass_time(may_try, queue.block_for());
  return may_try();
}

health_report engine::describe_health(const std::vector<tally_sums>& queues,
                                      std::uint64_t without_handler) const {
  health_report h;
  h.conditions = monitor_.look(core_, queues, without_handler);
  for (const condition& c : h.conditions) h.status = std::max(h.status, status_of(c.severity));
  {
    const std::lock_guard lock(living_mutex_);
    h.phase = !core_.stopping.load(seq_cst)            ? phase::open
              : living_ != 0 || loops_.is_any_inside() ? phase::stopping
                                                       : phase::stopped;
  }
  const bool external = is(executor::external);
  const unsigned drains = external ? loops_.count() : core_.settings.drains;
  h.drains = core_.settings.given.dispatch ? drains : 0;
  h.drains_asleep = static_cast<unsigned>(std::popcount(core_.idle.asleep()));
  h.blocking_threads = pool_->thread_count();
  h.jobs = core_.room.in_use();
  h.jobs_max = core_.room.bound();
  h.bytes = core_.bytes.in_use();
  h.bytes_max = core_.bytes.bound();
  h.payload_memory_bytes = core_.payloads.memory_bytes();
  h.memory = describe_memory(core_);
  h.asymmetric_barrier = core_.asymmetric;
  h.overruns = core_.overruns.load(relaxed);
  h.replacements = external ? 0 : core_.drains_alive.load(relaxed) - core_.settings.drains;
  h.timers = core_.due_later.entry_count();
  h.dead = core_.dead.size();
  if (wal_ != nullptr) describe_log(h.log);
  const std::uint64_t now = core_.clock.boot_ns();
  core_.queues.for_each([&](const ready_queue& q) {
    h.queues.push_back({q.name(), queue_ref{static_cast<std::uint16_t>(q.index()), core_.tag},
                        q.room().in_use(), q.room().bound(), q.bytes().in_use(), q.bytes().bound(),
                        q.gate().is_closed_for(gate_reason::paused)});
  });
  core_.contexts.for_each([&](const thread_context& t) {
    const job_id id = t.line.running();
    if (t.may_block() || (t.role() == context_role::timer && !id)) return;
    const bool is_loop = external && t.role() == context_role::drain;
    if (is_loop && !loops_.is_lent(t.index())) return;
    const thread_role role = is_loop ? thread_role::loop : role_of(t.role());
    thread_health one{role, t.index(), id, duration(0), false};
    if (id) {
      const std::uint64_t started = t.line.started_ns();
      one.running_for = duration(static_cast<std::int64_t>(now - std::min(now, started)));
      one.overrun = job_word{core_.jobs[id_slot(id)].word.load(acquire)}.has(job_flag::overrun);
    }
    h.threads.push_back(one);
  });
  return h;
}

}  // namespace pawl
