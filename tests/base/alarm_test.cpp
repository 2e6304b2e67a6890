// Where the timer thread sleeps. Method: real sleeps, of which only the lower bound is asserted, and a thread that wakes
// the sleeper; the wall clock is set by a nanosecond and back.
#include "base/alarm.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include <thread>

#include "base/clock.hpp"

namespace pawl {
namespace {

constexpr std::uint64_t ms = 1'000'000;
const system_clock clock_of_system;

// Moves the wall clock. False: this user may not, or a container's may not.
bool step_wall_clock(long ns) {
  timex change{};
  change.modes = ADJ_SETOFFSET | ADJ_NANO;
  change.time.tv_sec = ns < 0 ? -1 : 0;
  change.time.tv_usec = ns < 0 ? 1'000'000'000 + ns : ns;
  return ::adjtimex(&change) >= 0;
}

// What it says of the wall clock is not looked at here: the last test but one sets that, maybe at this moment.
void sleep_fully(alarm& a, std::uint64_t until) {
  while (a.sleep_until(until) && clock_of_system.boot_ns() < until) {
  }
}

TEST(alarm, sleeps_until_its_time_and_not_less) {
  alarm a;
  ASSERT_TRUE(a.is_ready());
  for (const std::uint64_t span : {std::uint64_t{0}, ms, 20 * ms}) {
    const std::uint64_t until = clock_of_system.boot_ns() + span;
    sleep_fully(a, until);
    EXPECT_GE(clock_of_system.boot_ns(), until);
  }
  sleep_fully(a, 0);  // long ago: at once, or the test hangs
  sleep_fully(a, 1);
}

TEST(alarm, that_was_woken_before_it_sleeps_does_not_sleep) {
  alarm a;
  for (int i = 0; i < 3; ++i) a.wake();
  a.sleep_until(UINT64_MAX);  // or the test hangs
  const std::uint64_t until = clock_of_system.boot_ns() + 10 * ms;
  sleep_fully(a, until);  // three wakes were one
  EXPECT_GE(clock_of_system.boot_ns(), until);
}

TEST(alarm, is_woken_out_of_a_sleep_with_and_without_an_end) {
  alarm a;
  for (const std::uint64_t until : {UINT64_MAX, clock_of_system.boot_ns() + 3'600'000 * ms}) {
    std::thread waker([&a] {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      a.wake();
    });
    a.sleep_until(until);  // or the test hangs
    waker.join();
  }
}

TEST(alarm, forgets_the_end_of_an_earlier_sleep) {
  // The timer of the first goes off while nobody looks; a later sleep does not take that for its own end.
  alarm a;
  a.wake();
  a.sleep_until(clock_of_system.boot_ns() + ms);
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  const std::uint64_t until = clock_of_system.boot_ns() + 20 * ms;
  sleep_fully(a, until);
  EXPECT_GE(clock_of_system.boot_ns(), until);
}

TEST(alarm, says_that_the_wall_clock_was_set_also_before_the_sleep) {
  if (!step_wall_clock(1)) GTEST_SKIP() << "the wall clock may not be set here";
  ASSERT_TRUE(step_wall_clock(-1));
  alarm a;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(step_wall_clock(1));
    EXPECT_TRUE(a.sleep_until(UINT64_MAX)) << "or the test hangs";
    ASSERT_TRUE(step_wall_clock(-1));
    EXPECT_TRUE(a.sleep_until(UINT64_MAX));
    a.wake();
    EXPECT_FALSE(a.sleep_until(UINT64_MAX)) << "told once";
  }
}

TEST(alarm, is_not_ready_without_descriptors) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(0);
  ASSERT_GE(next, 0);
  ::close(next);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(next) + 2;  // it wants three
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  {
    const alarm a;
    EXPECT_FALSE(a.is_ready());
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  const alarm a;
  EXPECT_TRUE(a.is_ready()) << "what it had was given back";
}

}  // namespace
}  // namespace pawl
