// Jobs due by the wall clock got their time on the boot clock at their submit. When the wall clock was set while they
// lay in the timers' inbox, which is emptied by some thousands at a time, those that were left kept the old time,
// and were late by the whole step.
#include <gtest/gtest.h>

#include <chrono>

#include "pawl/testing.hpp"
#include "support/opened.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;
using pawl::testing::test_scheduler;

TEST(clock_set_beside_a_full_inbox, makes_no_job_late_and_none_early) {
  constexpr std::uint64_t jobs = 20'000;
  registry kinds;
  kinds.add("k", say_done);
  const kind_ref k{0};
  auto opened = test_scheduler::open(small_options(), kinds, 1);
  ASSERT_TRUE(opened);
  test_scheduler& t = **opened;
  const queue_ref q = queue_or_exit(*t, "q");
  const auto now = t.wall_clock();
  for (std::uint64_t i = 0; i < jobs; ++i) {
    ASSERT_TRUE(t->submit(q, k, no_payload(), {.at = now + (i % 2 == 0 ? 1h : 3h)}));
  }
  t.set_wall_clock(now + 2h);
  t.run_ready();
  EXPECT_EQ(t->read_counters().completed, jobs / 2);
  for (std::uint64_t i = 0; i < jobs; ++i) {
    ASSERT_TRUE(t->submit(q, k, no_payload(), {.at = now + 4h}));
  }
  t.set_wall_clock(now);  // and back
  t.advance(2h);
  EXPECT_EQ(t->read_counters().completed, jobs / 2);
  t.advance(1h);
  EXPECT_EQ(t->read_counters().completed, jobs);
  t.advance(1h);
  EXPECT_EQ(t->read_counters().completed, 2 * jobs);
}

}  // namespace
}  // namespace pawl::test
