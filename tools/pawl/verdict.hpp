// verdict.hpp -- what becomes of a job after an attempt: a value of values.
//
// The scheduler decides the same from `say`; the tool must know before, since what a last attempt
// wrote is shown and what an earlier one wrote is not.
#pragma once

#include "pawl/job.hpp"
#include "pawl/outcome.hpp"
#include "pawl/retry.hpp"

namespace pawl_tool {

struct attempt_end {
  bool completed = false;
  bool timed_out = false;
  bool hopeless = false;  // the same would happen again, or --dead-on says so
  bool stopping = false;  // there will be no other attempt: the run is being cut short
  unsigned attempt = 1;   // this one's number
  unsigned attempts_max = 1;
};

struct verdict {
  pawl::job_state state;   // completed, dead, or scheduled: it is tried again
  pawl::dead_cause cause;  // of a dead job
  pawl::outcome say;
};

[[nodiscard]] constexpr verdict judge(const attempt_end& end) noexcept {
  using enum pawl::job_state;
  using enum pawl::dead_cause;
  if (end.completed) return {completed, none, pawl::outcome::done()};
  const pawl::outcome failed = pawl::outcome::fail(end.timed_out ? pawl::error_timeout : 0);
  const bool is_last = end.attempt >= end.attempts_max;
  if (end.timed_out) {
    if (is_last) return {dead, timeout, failed};
    if (end.stopping) return {dead, timeout, pawl::outcome::dead(pawl::error_timeout)};
    return {scheduled, none, failed};
  }
  if (end.hopeless || end.stopping || end.attempts_max == 1) {
    return {dead, handler, pawl::outcome::dead()};
  }
  return is_last ? verdict{dead, exhausted, failed} : verdict{scheduled, none, failed};
}

}  // namespace pawl_tool
