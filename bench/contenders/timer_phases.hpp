// bench/contenders/timer_phases.hpp -- the clock around a phase.
#pragma once

#include <cstddef>

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

}  // namespace bench
