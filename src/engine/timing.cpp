#include "engine/timing.hpp"

#include <new>

namespace pawl {

namespace {

std::uint64_t from_to(std::uint64_t begin_ns, std::uint64_t end_ns) noexcept {
  return end_ns > begin_ns ? end_ns - begin_ns
                           : 0;  // the clocks' readings are not all of one moment
}

// Null: no memory.
job_times* times_of(pair_tally& of) noexcept {
  job_times* times = of.times.load(relaxed);  // relaxed: its own
  if (times == nullptr) {
    times = new (std::nothrow) job_times;
    of.times.store(times, release);
  }
  return times;
}

}  // namespace

void note_began(const thread_context& context, pair_tally& of, const slot& job,
                const clock_source& clock) noexcept {
  const std::uint64_t now = context.line.started_ns();
  job_times* const times = times_of(of);
  if (times == nullptr) return;
  const std::uint64_t due = job.due_ns;
  if (job.has(by_wall_clock)) {
    times->lag.record(from_to(due, clock.wall_ns()));
  } else if (due == job.submitted_ns && job.attempt == 1) {
    times->wait.record(from_to(due, now));
  } else {
    times->lag.record(from_to(due, now));
  }
}

void note_returned(core& c, thread_context& context, pair_tally& of,
                   std::uint64_t submitted_ns) noexcept {
  const std::uint64_t now = c.clock.recent_boot_ns(context.clock_reading);
  job_times* const times = times_of(of);
  if (times == nullptr) return;
  times->run.record(from_to(context.line.started_ns(), now));
  if (submitted_ns != 0) times->total.record(from_to(submitted_ns, now));
}

}  // namespace pawl
