// policy/lane.hpp -- where a job of a lane belongs after each change of its state.
#pragma once

#include "pawl/job.hpp"
#include "pawl/lane.hpp"

namespace pawl {

enum class lane_place : std::uint8_t {
  in_line,  // where its number puts it; who is behind it does not start
  stops,    // the same, until somebody decides what becomes of it
  aside,    // not in line, and comes back with its number: it waits for an attempt, or is dead
  out,      // it is over
};

// `state`: after an attempt, or an end. `cause`: of a dead one.
constexpr lane_place place_in_lane(on_failure rule, job_state state, dead_cause cause) noexcept {
  switch (state) {
    case job_state::scheduled:
      return rule == on_failure::skip ? lane_place::aside : lane_place::in_line;
    case job_state::dead:
      return rule == on_failure::block && cause != dead_cause::shed ? lane_place::stops
                                                                    : lane_place::aside;
    case job_state::completed:
    case job_state::cancelled:
    case job_state::expired:
    case job_state::ended:
      return lane_place::out;
    default:
      return lane_place::in_line;
  }
}

}  // namespace pawl
