#include "engine/runner.hpp"

#include "engine/breaking.hpp"
#include "engine/ending.hpp"
#include "engine/gating.hpp"
#include "engine/handler_call.hpp"
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

[[gnu::noinline]] void tell_of_start(core& c, thread_context& context, pair_tally& of,
                                     const slot& job, job_id id) noexcept {
  const job_hooks& hooks = c.settings.given.hooks;
  if (hooks.on_start != nullptr) {
    hooks.on_start(hooks.user, {id, queue_ref{job.queue, c.tag}, kind_ref{job.kind}, job.attempt,
                                job_state::running, dead_cause::none});
  }
  if (c.has_histograms) note_began(context, of, job, c.clock);
}

[[gnu::noinline]] void tell_breaker_done(core& c, thread_context& context, unsigned kind) noexcept {
  const breaker_rule& rule = c.gates.of_kind(kind).trips()->rule();
  tell_breaker(c, context, kind, context.now_running.breaker_epoch.load(relaxed),
               {.counts = true, .slow = was_slow(c, context, rule)});
}

// From the start to the end of the attempt that `word` has begun.
void make_attempt(core& c, thread_context& context, std::uint32_t slot_index, slot& job,
                  job_word word) noexcept {
  const job_id id = make_id(slot_index, job.generation);
  const running_kind& kind = c.running_kinds[job.kind];
  job.attempt = static_cast<std::uint8_t>(job.attempt + 1);
  const std::uint64_t now = c.clock.recent_boot_ns(context.clock_reading);
  const std::uint64_t deadline = deadline_of(c, job, kind, now);
  if (context.line.end_start(id, now, deadline, c.asymmetric)) {
    c.watch.expect(c, context.line, deadline);
  }
  pair_tally& of = context.tallies.of(job.queue, job.kind);
  of.counts.add(tally::started);
  let_go_at_start(c, job, id);
  if (c.watches_starts) [[unlikely]]
    tell_of_start(c, context, of, job, id);

  bool fits = true;
  const outcome said = handler_call::run(c, context, kind, job, id, fits);

  // First: from here on the job may run elsewhere, and this line must not speak for it.
  context.line.clear_running();
  if (said.what() == outcome::code::done && transition_to_completed(job.word, word)) [[likely]] {
    if (c.has_histograms) [[unlikely]]
      note_returned(c, context, of, job.submitted_ns);
    if (kind.has_breaker) [[unlikely]]
      tell_breaker_done(c, context, job.kind);
    end_completed(c, context, slot_index, job, word, of.counts);
  } else {
    settle(c, context, slot_index, word, said, fits);
  }
  context.now_running.end();
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
  const job_scopes of(job);
  if (c.running_kinds[of.kind].blocking && !may_wait) return start::needs_thread;

  // The start protocol of ready/board.hpp: line, gate, word, line.
  context.line.begin_start(of.queue, c.asymmetric);
  const ready_queue& queue = *c.queues.at(of.queue);
  if (!queue.gate().looks_open(context.held.queue == &queue)) {
    context.line.give_up_start();
    return start::closed;
  }
  if (job.expires != 0 && expire_instead(c, context, place.slot(), job, word)) [[unlikely]] {
    return start::ran;
  }
  const bool is_gated = (c.gating.load(seq_cst) & core::starts) != 0;
  // Before the gates, so that one who has to wait in its lane takes nothing of them; and after them, to go.
  if (job.has(in_lane) && is_gated && !c.lanes.pass(c, context, place, false)) [[unlikely]] {
    context.line.give_up_start();
    return start::stale;
  }
  if (is_gated) {
    const passage p = pass_gates(c, context, place, job, word, of);
    if (p != passage::free) {
      context.line.give_up_start();
      return p == passage::closed ? start::closed : start::stale;
    }
  }
  if (job.has(in_lane) && !c.lanes.pass(c, context, place, true)) [[unlikely]] {
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
  make_attempt(c, context, place.slot(), job, word);
  return start::ran;
}

}  // namespace pawl
