// bench/contenders/bare_futex.hpp -- the least that waking a thread can cost.
//
// One thread sleeps in FUTEX_WAIT; hand_over() stores a word and calls FUTEX_WAKE. There is no
// queue, no job and no second look: nothing that hands work to a sleeping thread can be faster.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace bench {

class bare_futex {
 public:
  bare_futex();
  ~bare_futex();

  // Returns the time from just before the store until the sleeper ran. The sleeper must have had
  // the time to fall asleep again.
  std::uint64_t hand_over_ns();

 private:
  void sleep_loop();

  std::atomic<std::uint32_t> word_{0};      // counts hand-overs; the futex
  std::atomic<std::uint32_t> answered_{0};  // the last one the sleeper saw
  std::atomic<std::uint64_t> woken_at_{0};
  std::atomic<bool> stop_{false};
  std::thread sleeper_;  // last: it uses the members above
};

}  // namespace bench
