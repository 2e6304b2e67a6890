#include "base/alarm.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>

namespace pawl {

namespace {

itimerspec at(std::uint64_t ns) noexcept {
  itimerspec t{};
  t.it_value.tv_sec = static_cast<time_t>(ns / 1'000'000'000u);
  t.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000u);
  if (ns == 0) t.it_value.tv_nsec = 1;  // 0 would disarm
  return t;
}

// EAGAIN is "nothing was there", ECANCELED "the wall clock was set": both are answers, not errors.
void drain_counter(int fd) noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(fd, &count, sizeof count);
}

}  // namespace

alarm::alarm() noexcept
    : wakes_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      boot_timer_(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)),
      wall_timer_(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
  if (is_ready()) watch_wall_clock();
}

alarm::~alarm() {
  for (const int fd : {wakes_, boot_timer_, wall_timer_}) {
    if (fd >= 0) ::close(fd);
  }
}

bool alarm::is_ready() const noexcept {
  return wakes_ >= 0 && boot_timer_ >= 0 && wall_timer_ >= 0;
}

// Due in the far future; what counts is that setting the clock cancels it.
void alarm::watch_wall_clock() noexcept {
  itimerspec far{};
  far.it_value.tv_sec = 0x7fff'ffff'ffff / 1000;
  ::timerfd_settime(wall_timer_, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, nullptr);
}

bool alarm::sleep_until(std::uint64_t boot_ns) noexcept {
  const bool limited = boot_ns != UINT64_MAX;
  if (limited) {
    const itimerspec when = at(boot_ns);
    ::timerfd_settime(boot_timer_, TFD_TIMER_ABSTIME, &when, nullptr);
  }
  std::array<pollfd, 3> fds{pollfd{wakes_, POLLIN, 0}, pollfd{wall_timer_, POLLIN, 0},
                            pollfd{boot_timer_, POLLIN, 0}};
  ::poll(fds.data(), limited ? 3 : 2, -1);  // EINTR: "may return early"
  if (fds[0].revents != 0) drain_counter(wakes_);
  if (fds[1].revents != 0) {
    drain_counter(wall_timer_);
    watch_wall_clock();
  }
  if (fds[2].revents != 0) drain_counter(boot_timer_);
  return fds[1].revents != 0;
}

void alarm::wake() noexcept {
  const std::uint64_t one = 1;
  // Fails only when 2^64 - 2 wakes have not been read: then there is one.
  [[maybe_unused]] const ssize_t n = ::write(wakes_, &one, sizeof one);
}

}  // namespace pawl
