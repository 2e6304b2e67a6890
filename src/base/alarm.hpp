// base/alarm.hpp -- where one thread sleeps until a time, until it is woken, or until somebody sets the
// wall clock.
//
// Three descriptors and poll(2): a futex knows neither the boot clock nor that the wall clock was set.
//
// Roles       sleep_until: one thread.  wake: any thread; a wake before the sleep ends the next one.
#pragma once

#include <cstdint>

namespace pawl {

class alarm {
 public:
  // Check is_ready() afterwards.
  alarm() noexcept;
  alarm(const alarm&) = delete;
  alarm& operator=(const alarm&) = delete;
  ~alarm();

  // False: the process has no more descriptors.
  [[nodiscard]] bool is_ready() const noexcept;

  // Until that time of the boot clock; UINT64_MAX: without limit. May return early. True: the wall clock
  // was set meanwhile, or since the last sleep.
  bool sleep_until(std::uint64_t boot_ns) noexcept;
  void wake() noexcept;

 private:
  void watch_wall_clock() noexcept;

  int wakes_ = -1;       // eventfd
  int boot_timer_ = -1;  // timerfd
  int wall_timer_ = -1;  // timerfd that is cancelled when the wall clock is set
};

}  // namespace pawl
