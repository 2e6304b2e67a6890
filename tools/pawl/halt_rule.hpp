// halt_rule.hpp -- ends the intake after so many failures (--halt). Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "stop_request.hpp"

namespace pawl_tool {

class halt_rule {
 public:
  // 0: never.
  halt_rule(std::uint64_t failures_max, stop_request& stop)
      : failures_max_(failures_max), stop_(stop) {}

  // A job died, or a line was refused.
  void count_failure() noexcept {
    // relaxed: who reaches the number acts on nothing but the number
    if (failures_max_ == 0 ||
        failures_.fetch_add(1, std::memory_order_relaxed) + 1 != failures_max_)
      return;
    stop_.stop_intake(stop_request::reason::halted);
  }

 private:
  const std::uint64_t failures_max_;
  stop_request& stop_;
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace pawl_tool
