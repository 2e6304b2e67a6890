#include "engine/runner.hpp"

#include <utility>

#include "engine/breaking.hpp"
#include "engine/ending.hpp"
#include "engine/gating.hpp"
#include "engine/handler_call.hpp"
#include "engine/job_log.hpp"
#include "engine/settling.hpp"
#include "engine/timing.hpp"
#include "engine/unique_jobs.hpp"
#include "job/expiry.hpp"
#include "job/extra.hpp"
#include "job/id.hpp"

namespace pawl {

namespace {

// Until when the attempt may run that starts at `now_ns`; UINT64_MAX: no limit.
std::uint64_t deadline_of(const core& c, const slot& job, const running_kind& kind,
                          std::uint64_t now_ns) noexcept {
  std::uint64_t timeout = kind.run_timeout_ns;
  if (job.extra != 0) {
    const std::uint64_t own = c.payloads.value<job_extra>(job.extra).run_timeout_ns;
    if (own != 0) timeout = own;
  }
  return timeout > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout;
}

// The job that `word` was read of has an expiry. True: it had passed; the start is given up, the job has
// ended.
bool expire_instead(core& c, thread_context& context, std::uint32_t slot_index, slot& job,
                    job_word word) noexcept {
  const std::uint64_t version = word.version();
  while (word.version() == version) {
    if (expiry_ns(job.submitted_ns, job.expires) > c.clock.boot_ns()) return false;
    if (transition_to_expired(job.word, word) == request::ended) {
      context.line
          .give_up_start();  // first: a hook may wait for a pause, which waits for the starts
      end_job(c, context, slot_index, word, dead_cause::none);
      return true;
    }
    word = job_word{job.word.load(acquire)};  // a flag was set, or it is gone
  }
  return false;
}

[[gnu::noinline]] void tell_of_start(const core& c, const slot& job, job_id id) noexcept {
  const job_hooks& hooks = c.settings.given.hooks;
  hooks.on_start(hooks.user, {id, queue_ref{job.queue, c.tag}, kind_ref{job.kind}, job.attempt,
                              job_state::running, dead_cause::none});
}

// With histograms a job of a batch starts when the one before it ended: one look at the clock does for both.
std::uint64_t start_time(const core& c, thread_context& context) noexcept {
  if (c.has_histograms) [[unlikely]] {
    const std::uint64_t ended = std::exchange(context.ended_ns, 0);
    if (ended != 0) return ended;
  }
  return c.clock.recent_boot_ns(context.clock_reading);
}

// If the handler takes the process down, the next one knows whose it was.
void note_for_crash(const core& c, thread_context& context, std::uint32_t slot_index,
                    const slot& job, job_word word) noexcept {
  context.now_running.crashes = crashes_of(c, job);
  context.crash->begin(make_id(slot_index, job.generation), word.version(),
                       c.suspects.runs_alone(slot_index));
}

// The handler has set a result: if its queue keeps none it is dropped, else what is logged of it finds room. Here,
// where nobody waits for this thread.
[[gnu::noinline]] void prepare_result(const core& c, thread_context& context,
                                      const slot& job) noexcept {
  attempt& mine = context.now_running;
  if (!c.queues.at(job.queue)->keeps_results()) return mine.drop_result();
  if (job.has(logged)) wait_for_log(context, c.payloads.bytes(mine.result).size());
}

// The attempt is done and the job has ended. What the host does on being told of it is not part of the next
// job's time.
void note_done(core& c, thread_context& context, pair_tally& of, const slot& job, job_word word,
               std::uint64_t now) noexcept {
  note_returned(context, of, job.submitted_ns, now);
  const bool is_told = word.has(job_flag::waiter) || c.settings.given.hooks.on_end != nullptr;
  context.ended_ns = is_told ? 0 : now;
}

// From the start to the end of the attempt that `word` has begun. `IsWatched`: core::watches_starts; two
// copies, so that neither pays for the other.
template <bool IsWatched>
[[gnu::always_inline]] inline void make_attempt(core& c, thread_context& context,
                                                std::uint32_t slot_index, slot& job, job_word word,
                                                std::uint64_t now) noexcept {
  const job_id id = make_id(slot_index, job.generation);
  const running_kind& kind = c.running_kinds[job.kind];
  job.attempt = static_cast<std::uint8_t>(job.attempt + 1);
  const std::uint64_t deadline = deadline_of(c, job, kind, now);
  if (context.line.end_start(id, now, deadline, c.asymmetric)) {
    c.watch.expect(c, context.line, deadline);
  }
  pair_tally& of = context.tallies.of(job.queue, job.kind);
  of.counts.add(tally::started);
  let_go_at_start(c, job, id);
  if (IsWatched && c.settings.given.hooks.on_start != nullptr) tell_of_start(c, job, id);
  if (IsWatched && c.has_histograms) note_began(context, of, job, c.clock);

  const bool is_on_board = job.has(logged) && context.crash != nullptr;
  if (is_on_board) [[unlikely]]
    note_for_crash(c, context, slot_index, job, word);
  bool fits = true;
  const outcome said = handler_call::run(c, context, kind, job, id, fits);
  if (is_on_board) [[unlikely]]
    context.crash->end();

  if (context.now_running.result != 0) [[unlikely]]
    prepare_result(c, context, job);

  // Early: the counter is slow to answer, and what comes in between does not need it.
  const std::uint64_t ended =
      IsWatched && c.has_histograms ? c.clock.recent_boot_ns(context.clock_reading) : 0;
  // First: from here on the job may run elsewhere, and this line must not speak for it.
  context.line.clear_running();
  if (said.what() == outcome::code::done && transition_to_completed(job.word, word)) [[likely]] {
    if (IsWatched && c.has_histograms) note_done(c, context, of, job, word, ended);
    if (kind.has_breaker.load(relaxed)) [[unlikely]]
      note_done_for_breaker(c, context, job.kind);
    end_completed(c, context, slot_index, job, word, of.counts);
  } else {
    settle(c, context, slot_index, word, said, fits);
  }
  context.now_running.end();
}

[[gnu::noinline]] void make_watched_attempt(core& c, thread_context& context,
                                            std::uint32_t slot_index, slot& job, job_word word,
                                            std::uint64_t now) noexcept {
  make_attempt<true>(c, context, slot_index, job, word, now);
}

}  // namespace

start run_job(core& c, thread_context& context, band_entry place, bool may_wait) noexcept {
  slot& job = c.jobs[place.slot()];
  // A stale place may name a slot in a later life, whose queue and kind are none of its business.
  // Read after this acquire, they belong to the life that the swap below starts from.
  job_word word{job.word.load(acquire)};
  if (!place.names(word)) {
    context.tallies.rest().add(tally::stale_entries);
    return start::stale;
  }
  std::uint64_t now = start_time(c, context);
  const job_scopes of(job);
  if (c.running_kinds[of.kind].blocking && !may_wait) return start::needs_thread;
  // Here, where nobody waits for this thread: what comes of it must find room in the log.
  if (job.has(logged)) [[unlikely]]
    wait_for_log(context);

  // The start protocol of ready/board.hpp: line, gate, word, line.
  context.line.begin_start(of.queue, c.asymmetric);
  const ready_queue& queue = *c.queues.at(of.queue);
  // One that brings a permit of its queue starts although that is at its limit: by this permit, it may be.
  const auto has_permit = [&] {
    return context.held.queue == &queue || word.has(job_flag::permit_of_queue);
  };
  if (!queue.gate().looks_open(has_permit)) {
    context.line.give_up_start();
    return start::closed;
  }
  if (job.expires != 0 && expire_instead(c, context, place.slot(), job, word)) [[unlikely]] {
    return start::ran;
  }
  const std::uint64_t gating = c.gating.load(seq_cst);
  const bool is_gated = (gating & core::starts) != 0;
  // In a lane: before the gates, so that who has to wait there takes nothing of them; and after them, to go.
  const bool is_in_lane = job.has(in_lane);
  if (is_gated && is_in_lane && !c.lanes.pass(c, context, place, false)) [[unlikely]] {
    context.line.give_up_start();
    return start::stale;
  }
  // What a job brings along is not the thread's yet.
  if (is_gated &&
      (word.permits() != 0 || !context.pass.lets(of.number(), gating, context.starts, now))) {
    const passage p = pass_gates(c, context, place, job, word, of, gating);
    if (p != passage::free) {
      context.line.give_up_start();
      return p == passage::closed ? start::closed : start::stale;
    }
    now = c.clock.recent_boot_ns(context.clock_reading);
  }
  if (is_in_lane && !c.lanes.pass(c, context, place, true)) [[unlikely]] {
    context.line.give_up_start();
    if (is_gated) take_back_start(c, context, of);
    return start::stale;
  }
  std::uint64_t brought = 0;
  if (!transition_to_running(job.word, place.version(), band_entry::version_mask, word, brought)) {
    context.line.give_up_start();
    if (is_gated) take_back_start(c, context, of);
    context.tallies.rest().add(tally::stale_entries);
    return start::stale;
  }
  if (brought != 0) [[unlikely]]
    give_permits(c, context, of, brought);
  if (c.watches_starts) [[unlikely]] {
    make_watched_attempt(c, context, place.slot(), job, word, now);
  } else {
    make_attempt<false>(c, context, place.slot(), job, word, now);
  }
  return start::ran;
}

}  // namespace pawl
