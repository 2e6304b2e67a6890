// ready/live_breaker_rule.hpp -- a breaker's rule that may be changed at any time.
//
// Roles       set: one thread at a time.  the rest: any thread.
// Progress    wait-free.
//
// State       counts_, slow_ns_, open_for_ns_, ignored_   written by set   read by all   relaxed: a rule
//             applies from some moment on, and who has to know of it sooner is told by the breaker's word,
//             which is changed afterwards. Numbers that have to fit each other are one word.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>

#include "base/atomic.hpp"
#include "pawl/breaker.hpp"

namespace pawl {

class live_breaker_rule {
 public:
  void set(const breaker_rule& r) noexcept {
    const counts c{r.window, r.attempts_min, r.trials, r.failed_percent, r.slow_percent};
    slow_ns_.store(r.slow.count(), relaxed);
    open_for_ns_.store(r.open_for.count(), relaxed);
    ignored_.store(std::bit_cast<std::uint64_t>(r.ignored), relaxed);
    counts_.store(std::bit_cast<std::uint64_t>(c), relaxed);
  }
  [[nodiscard]] breaker_rule read() const noexcept {
    const auto c = std::bit_cast<counts>(counts_.load(relaxed));
    return {.window = c.window,
            .attempts_min = c.attempts_min,
            .failed_percent = c.failed_percent,
            .slow_percent = c.slow_percent,
            .slow = slow(),
            .open_for = duration(open_for_ns_.load(relaxed)),
            .trials = c.trials,
            .ignored = std::bit_cast<std::array<error_kind, 4>>(ignored_.load(relaxed))};
  }
  // Is it the rule of a breaker?
  [[nodiscard]] bool is_on() const noexcept {
    return std::bit_cast<counts>(counts_.load(relaxed)).window != 0;
  }
  [[nodiscard]] duration slow() const noexcept { return duration(slow_ns_.load(relaxed)); }

 private:
  struct counts {
    std::uint16_t window;
    std::uint16_t attempts_min;
    std::uint16_t trials;
    std::uint8_t failed_percent;
    std::uint8_t slow_percent;
  };
  atomic<std::uint64_t> counts_{0};
  atomic<std::int64_t> slow_ns_{0};
  atomic<std::int64_t> open_for_ns_{0};
  atomic<std::uint64_t> ignored_{0};
};

}  // namespace pawl
