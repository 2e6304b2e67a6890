// bench/contenders/timer_phases.hpp -- the clock around a phase, and the phases that all have.
#pragma once

#include <cstddef>
#include <cstdint>

#include "contenders/timer_contender.hpp"
#include "support/clock.hpp"

namespace bench {

// Nanoseconds of body() for each of `count`.
template <class Body>
double time_each_ns(std::size_t count, Body body) {
  const std::uint64_t begin = now_ns();
  body();
  const std::uint64_t end = now_ns();
  return count == 0 ? 0 : static_cast<double>(end - begin) / static_cast<double>(count);
}

// Everything before the firing, of timers that are objects: start(index, delay_ns) schedules one or
// schedules it anew, cancel(index) takes it out.
template <class Start, class Cancel>
timer_costs time_changes(const timer_work& work, Start start, Cancel cancel) {
  const std::size_t timers = work.delays_ns.size();
  timer_costs costs;
  costs.schedule_ns = time_each_ns(timers, [&] {
    for (std::uint32_t i = 0; i < timers; ++i) start(i, work.delays_ns[i]);
  });
  costs.restart_ns = time_each_ns(work.restarts.size(), [&] {
    for (std::size_t k = 0; k < work.restarts.size(); ++k) {
      start(work.restarts[k], work.delays_ns[k]);
    }
  });
  costs.cancel_ns = time_each_ns(work.cancels.size(), [&] {
    for (const std::uint32_t i : work.cancels) cancel(i);
  });
  return costs;
}

}  // namespace bench
