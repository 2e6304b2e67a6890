// Each queue that the scheduler's rate refused set a timer of its own, and each of these that fired while one was still
// refused set another: with a thousand queues a hundred thousand of them after some seconds, which took all
// the time that there was.
#include <gtest/gtest.h>

#include <string>

#include "pawl/testing.hpp"
#include "support/opened.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;
using pawl::testing::test_scheduler;

TEST(start_rate_over_many_queues, sets_one_timer_for_all_of_them) {
  constexpr int queues = 200;
  registry kinds;
  kinds.add("k", say_done);
  const kind_ref k{0};
  options o = small_options();
  o.start_rate = {.starts = 20, .per = 1s, .burst = 1};
  auto opened = test_scheduler::open(o, kinds, 1);
  ASSERT_TRUE(opened);
  test_scheduler& t = **opened;
  for (int i = 0; i < queues; ++i) {
    const queue_ref q = queue_or_exit(*t, "q" + std::to_string(i));
    for (int job = 0; job < 5; ++job) ASSERT_TRUE(t->submit(q, k, no_payload()));
  }
  for (int second = 1; second <= 20; ++second) {
    t.advance(1s);
    ASSERT_LE(t->health().timers, 4u) << "after " << second << " s";
    ASSERT_NEAR(static_cast<double>(t->read_counters().completed), 20.0 * second, 2.0);
  }
  t.advance(60s);
  EXPECT_EQ(t->read_counters().completed, 5u * queues);
}

}  // namespace
}  // namespace pawl::test
