// sim/manual_clock.hpp -- time that passes when a test says so, or a little with each look at it.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace pawl::test {

class manual_clock final : public clock_source {
 public:
  [[nodiscard]] std::uint64_t boot_ns() const noexcept override { return now_ns += per_look_ns; }
  [[nodiscard]] std::uint64_t wall_ns() const noexcept override { return now_ns + wall_ahead_ns; }
  void sleep_for(std::uint64_t ns) const noexcept override { slept_ns += ns; }  // no time passes
  mutable std::uint64_t now_ns = 1'000'000'000;
  mutable std::uint64_t slept_ns = 0;
  std::uint64_t per_look_ns = 0;
  std::uint64_t wall_ahead_ns =
      1'700'000'000'000'000'000;  // changed when a test sets the wall clock
};

}  // namespace pawl::test
