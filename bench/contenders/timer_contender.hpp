// bench/contenders/timer_contender.hpp -- one way to keep timers, behind one call.
//
// One thread schedules all timers, restarts some, cancels some, and lets the rest fire. Each phase has
// its own clock. One .cpp a contender; each includes its own library alone. What a library needs once
// per timer before it can be scheduled, memory above all, is made before the clock starts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "support/check.hpp"

namespace bench {

// Timer i is due delays_ns[i] after the start.
struct timer_work {
  std::span<const std::uint64_t> delays_ns;
  std::uint64_t spread_ns = 0;              // all delays are below
  std::span<const std::uint32_t> restarts;  // the k-th of these gets the delay delays_ns[k]
  std::span<const std::uint32_t> cancels;   // timers that must not fire; no restarted one
};

// Nanoseconds a timer that the phase is about; bytes of all of it a timer.
struct timer_costs {
  double schedule_ns = 0;
  double restart_ns = 0;
  double cancel_ns = 0;
  double fire_ns = 0;
  double bytes = 0;            // 0: not measured
  double longest_step_us = 0;  // 0: no steps
};

// What fired: each timer that was not cancelled, once.
struct fired_timers {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;

  void add(std::uint64_t timer) noexcept {
    ++count;
    sum += timer;
  }
  void check(const timer_work& work, const char* what) const {
    const std::uint64_t timers = work.delays_ns.size();
    std::uint64_t expected = timers * (timers - 1) / 2;
    for (const std::uint32_t gone : work.cancels) expected -= gone;
    require(count == timers - work.cancels.size() && sum == expected, what);
  }
};

class timer_contender {
 public:
  timer_contender() = default;
  timer_contender(const timer_contender&) = delete;
  timer_contender& operator=(const timer_contender&) = delete;
  virtual ~timer_contender() = default;

  [[nodiscard]] virtual const char* name() const noexcept = 0;
  // True: it reads the real clock, so its timers are let become due by waiting, and all fire at once.
  // Its cost hangs on the order of the due times alone, not on how far they lie apart.
  [[nodiscard]] virtual bool has_real_clock() const noexcept { return true; }
  virtual timer_costs run(const timer_work& work) = 0;
};

class timer_slots;

std::unique_ptr<timer_contender> make_wheel(timer_slots& slots);
std::unique_ptr<timer_contender> make_heap(timer_slots& slots);
std::unique_ptr<timer_contender> make_libuv();
std::unique_ptr<timer_contender> make_libevent();
std::unique_ptr<timer_contender> make_asio_timer();

}  // namespace bench
