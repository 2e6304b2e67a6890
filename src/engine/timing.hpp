// engine/timing.hpp -- what the histograms are told of an attempt. Called only if there are any
// (options::histograms). In a header because an empty handler costs little more than the calls would.
#pragma once

#include <cstdint>

#include "engine/core.hpp"
#include "job/slot.hpp"

namespace pawl {

// Where the times of a queue and kind go. Null: no memory, or the budget is low.
[[nodiscard]] job_times* make_times(const thread_context& context, pair_tally& of) noexcept;
[[nodiscard]] inline job_times* times_of(const thread_context& context, pair_tally& of) noexcept {
  job_times* const times = of.times.load(relaxed);  // relaxed: its own
  return times != nullptr ? times : make_times(context, of);
}

inline std::uint64_t from_to(std::uint64_t begin_ns, std::uint64_t end_ns) noexcept {
  // 0: the clocks' readings are not all of one moment.
  return end_ns > begin_ns ? end_ns - begin_ns : 0;
}

// The calling thread is about to call the job's handler; its line says since when. `of`: its queue and kind.
inline void note_began(const thread_context& context, pair_tally& of, const slot& job,
                       const clock_source& clock) noexcept {
  job_times* const times = times_of(context, of);
  if (times == nullptr) [[unlikely]]
    return;
  const std::uint64_t due = job.due_ns;
  if (job.has(by_wall_clock)) [[unlikely]] {
    times->lag.record(from_to(due, clock.wall_ns()));
  } else if (due == job.submitted_ns && job.attempt == 1) {
    times->wait.record(from_to(due, context.line.started_ns()));
  } else {
    times->lag.record(from_to(due, context.line.started_ns()));
  }
}

// The handler has returned at `now`, and what it said counts. `submitted_ns`: of a job that ends with it;
// 0: it comes again.
inline void note_returned(const thread_context& context, pair_tally& of, std::uint64_t submitted_ns,
                          std::uint64_t now) noexcept {
  job_times* const times = times_of(context, of);
  if (times == nullptr) [[unlikely]]
    return;
  times->run.record(from_to(context.line.started_ns(), now));
  if (submitted_ns != 0) times->total.record(from_to(submitted_ns, now));
}

}  // namespace pawl
