#include "engine/watchdog.hpp"

#include <algorithm>

#include "base/membarrier.hpp"
#include "engine/breaking.hpp"
#include "engine/core.hpp"
#include "engine/ending.hpp"
#include "engine/handler_call.hpp"
#include "engine/job_log.hpp"
#include "engine/settling.hpp"
#include "job/id.hpp"

namespace pawl {

namespace {

// The times belong to the job if nothing has changed after they were read; the deadline is looked at
// last: who sees a later attempt's start sees that the job went, and its deadline once the job is back.
watchdog::picture look(const board_line& line) noexcept {
  for (;;) {
    const watchdog::picture p{line.running(), line.started_ns(), line.deadline_ns()};
    if (line.running() == p.job && line.started_ns() == p.started_ns &&
        line.deadline_ns() == p.deadline_ns) {
      return p;
    }
  }
}

constexpr std::uint64_t sum(std::uint64_t a, std::uint64_t b) noexcept {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

}  // namespace

void watchdog::lower(std::uint64_t next_ns) noexcept {
  std::uint64_t now = next_.load(seq_cst);
  while (next_ns < now && !next_.compare_exchange_weak(now, next_ns, seq_cst)) {
  }
}

void watchdog::expect(core& c, board_line& line, std::uint64_t deadline_ns) noexcept {
  line.lower_watch(deadline_ns);
  lower(deadline_ns);
  c.due_later.wake_for(deadline_ns);
}

void watchdog::step(core& c, thread_context& context,
                    const std::function<void(thread_context&)>& on_overrun) noexcept {
  const std::uint64_t now = c.clock.boot_ns();
  if (now < next_ns()) return;
  // Before the looks: what is expected from here on lowers it again.
  next_.store(UINT64_MAX, seq_cst);
  c.contexts.for_each([&](thread_context& t) {
    if (t.may_block()) return;  // it runs no handlers
    if (t.line.watched_ns() > now) return lower(t.line.watched_ns());
    bool overran = false;
    const picture seen = look(t.line);
    const std::uint64_t next = look_at(c, context, t, seen, now, overran);
    // A start that comes while this is stored tells us, or is seen by the second look.
    t.line.watch(next);
    if (c.asymmetric) membarrier_all_threads();
    const picture p = look(t.line);
    const bool is_another = p.job && (p.job != seen.job || p.started_ns != seen.started_ns);
    if (is_another) t.line.lower_watch(p.deadline_ns);
    lower(is_another ? std::min(next, p.deadline_ns) : next);
    if (overran) on_overrun(t);
  });
}

// When to look again; UINT64_MAX: when the next job starts there.
std::uint64_t watchdog::look_at(core& c, thread_context& context, thread_context& watched,
                                const picture& p, std::uint64_t now_ns, bool& overran) noexcept {
  if (!p.job) return UINT64_MAX;
  if (now_ns < p.deadline_ns) return p.deadline_ns;
  slot& job = c.jobs[id_slot(p.job)];
  job_word word{job.word.load(acquire)};
  const bool is_it = word.state() == job_state::running && job.generation == id_generation(p.job) &&
                     watched.line.running() == p.job && watched.line.started_ns() == p.started_ns;
  if (!is_it) return UINT64_MAX;
  // Of this attempt if the word can be marked below.
  tally& counts = context.tallies.of(job.queue, job.kind).counts;
  if (!word.has(job_flag::timed_out)) {
    if (!mark_attempt(job.word, word, job_flag::timed_out)) return UINT64_MAX;
    counts.add(tally::timed_out);
    handler_call::ask_to_stop(watched, p.job, p.started_ns);
  }
  const std::uint64_t grace_end =
      sum(p.deadline_ns, static_cast<std::uint64_t>(c.settings.given.grace.count()));
  if (now_ns < grace_end) return grace_end;
  if (word.has(job_flag::overrun)) return UINT64_MAX;
  constexpr std::uint64_t log_wait_ns = 1'000'000;
  const bool dies = c.settings.given.on_overrun == on_overrun::dead;
  if (dies && job.has(logged) && !has_log_room(context)) return now_ns + log_wait_ns;
  // Counted first: the handler may return at once. relaxed: a number for health and for replacements.
  c.overruns.fetch_add(1, relaxed);
  if (!mark_attempt(job.word, word, job_flag::overrun)) {
    c.overruns.fetch_sub(1, relaxed);
    return UINT64_MAX;
  }
  overran = true;
  counts.add(tally::overrun);
  c.say.say(log_level::error, "handler.overrun",
            "a handler is still inside after run_timeout and grace", p.job);
  // Before the swap: afterwards the thread may be at another attempt.
  const std::uint32_t mark = watched.now_running.breaker_mark.load(relaxed);
  if (dies && transition_to_overrun_dead(job.word, word)) {
    if (is_mark_of(mark, job.kind)) {
      const breaker_rule rule = c.gates.of_kind(job.kind).trips()->rule();
      tell_breaker(c, context, job.kind, mark, failed_with(rule, error_timeout));
    }
    const live_breaker_rule& of_lane = c.queues.at(job.queue)->lane_breaker();
    if (job.has(in_lane) && of_lane.is_on()) {
      c.lanes.tell(c, context, id_slot(p.job), failed_with(of_lane.read(), error_timeout));
    }
    note_error(c, job, word.version(), job.attempt, error_timeout, {});
    end_job(c, context, id_slot(p.job), word, dead_cause::timeout);
    settle_room(c, context);
  }
  return UINT64_MAX;
}

}  // namespace pawl
