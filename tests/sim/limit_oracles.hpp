// sim/limit_oracles.hpp -- whether a start is one too many: plain reckoning beside the engine's, a few numbers for
// each scope, so that tens of millions of starts can be asked about.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pawl/limits.hpp"
#include "ready/breaker.hpp"

namespace pawl::test {

// Whether more than burst + starts / per * W begin in any span W that ends with a start. The worst span is
// followed: a bucket that leaks `starts` a nanosecond and gets `per` with each start. Exact, without a
// division, and not the engine's own reckoning.
class rate_oracle {
 public:
  void set(const rate_limit& r) noexcept {
    rate_ = r;
    level_ = 0;
  }
  [[nodiscard]] bool start(std::uint64_t now_ns) noexcept {
    if (rate_.starts == 0) return true;
    const auto per = static_cast<std::uint64_t>(rate_.per.count());
    level_ -= std::min(level_, (now_ns - at_ns_) * rate_.starts);
    level_ += per;
    at_ns_ = now_ns;
    return level_ <= rate_.burst * per;
  }

 private:
  rate_limit rate_{};
  std::uint64_t level_ = 0;
  std::uint64_t at_ns_ = 0;
};

// What one scope says, for its next start.
struct scope_oracle {
  std::uint32_t concurrency = 0;  // 0: any
  std::uint32_t running = 0;
  bool is_paused = false;
  std::uint64_t held_until_ns = 0;
  rate_oracle rate;

  void set(const limits& l) noexcept {
    concurrency = l.concurrency;
    rate.set(l.rate);
  }
  // What is wrong with a start now; null: nothing.
  const char* start(std::uint64_t now_ns) noexcept {
    ++running;
    if (is_paused) return "in a pause";
    if (now_ns < held_until_ns) return "in a hold";
    if (concurrency != 0 && running > concurrency) return "beyond the concurrency";
    return rate.start(now_ns) ? nullptr : "beyond the rate";
  }
  void end() noexcept { --running; }
};

// A kind's breaker, by what its attempts came to.
struct breaker_oracle {
  std::uint64_t opened = 0;  // as the engine counts it, at the last look
  std::uint32_t trials = 0;  // started since, and not taken back
  std::uint32_t failed_in_a_row = 0;

  const char* start(const breaker& b, const breaker_rule& r, std::uint64_t now_ns) noexcept {
    if (b.opened() != opened) *this = {b.opened(), 0, 0};
    switch (b.state(now_ns)) {
      case breaker_state::open:
        return "while the breaker is open";
      case breaker_state::half_open:
        return ++trials > r.trials ? "as one trial too many" : nullptr;
      default:
        // The window is full of failures, and more of them were started before than it is long.
        return failed_in_a_row > 2u * r.window + 64 ? "although the breaker should be open"
                                                    : nullptr;
    }
  }
  void end(bool counts, bool failed) noexcept {
    if (!counts && trials != 0) --trials;
    if (counts) failed_in_a_row = failed ? failed_in_a_row + 1 : 0;
  }
};

}  // namespace pawl::test
