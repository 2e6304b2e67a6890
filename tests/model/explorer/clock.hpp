// explorer/clock.hpp -- what a model thread knows of the others: a vector clock.
//
// Component i is the time of thread i up to which the owner of the clock is ordered after it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace pawl::model {

// Model threads of one scenario, and one more place for the look at the end.
inline constexpr unsigned threads_max = 6;

struct vector_clock {
  std::array<std::uint32_t, threads_max> time{};

  void join(const vector_clock& other) noexcept {
    for (unsigned i = 0; i < threads_max; ++i) time[i] = std::max(time[i], other.time[i]);
  }
  [[nodiscard]] bool includes(unsigned thread, std::uint32_t when) const noexcept {
    return time[thread] >= when;
  }
};

}  // namespace pawl::model
