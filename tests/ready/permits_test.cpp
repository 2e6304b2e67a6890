// Permits and rates. Methods: by hand for a change of the limit; threads that start while the rate is
// changed, after which nothing of the old rate may be left.
#include "ready/permits.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/scale.hpp"

namespace pawl {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t hour = 3600 * second;
constexpr limits slow{.rate = {1, std::chrono::hours(1), 1}};
constexpr limits fast{.rate = {1000, std::chrono::seconds(1), 1}};

// As permits::try_start().
std::uint64_t start(permits& p, std::uint64_t now_ns) {
  permits::step made;
  return p.try_start(now_ns, made);
}

TEST(permits, are_taken_up_to_the_limit_and_given_back) {
  permits p;
  p.set({.concurrency = 2}, 0);
  EXPECT_TRUE(p.try_take());
  EXPECT_EQ(p.left(5), 1u);
  EXPECT_TRUE(p.try_take());
  EXPECT_TRUE(p.is_full());
  EXPECT_FALSE(p.try_take());
  p.set({.concurrency = 1}, 0);
  EXPECT_TRUE(p.is_exceeded());
  p.give();
  EXPECT_FALSE(p.is_exceeded());
  EXPECT_FALSE(p.try_take());
  p.set({}, 0);
  EXPECT_EQ(p.left(5), 5u);
  EXPECT_TRUE(p.try_take());
  EXPECT_EQ(p.used(), 2u);
}

TEST(permits, a_start_that_did_not_happen_is_taken_back) {
  permits p;
  p.set(slow, 0);
  permits::step made;
  EXPECT_EQ(p.try_start(second, made), 0u);
  EXPECT_EQ(start(p, second), second + hour);
  p.undo(made);
  EXPECT_EQ(start(p, second), 0u);
}

TEST(permits, a_start_that_did_not_happen_stays_counted_if_another_one_came_after_it) {
  // Or the time that has passed until then would count twice.
  permits p;
  p.set(slow, 0);
  permits::step made;
  EXPECT_EQ(p.try_start(second, made), 0u);
  EXPECT_EQ(start(p, second + hour), 0u);
  p.undo(made);
  EXPECT_EQ(start(p, second + hour), second + 2 * hour);
}

TEST(permits, a_faster_rate_does_not_wait_for_what_a_slower_one_put_off) {
  permits p;
  p.set(slow, 0);
  EXPECT_EQ(start(p, second), 0u);
  EXPECT_NE(start(p, 2 * second), 0u);
  p.set(fast, 2 * second);
  EXPECT_EQ(p.starts_ready_at(2 * second, 1), 2 * second + second / 1000);
  EXPECT_EQ(start(p, 2 * second + second / 1000), 0u);
  // And a change without a limit in between.
  p.set(slow, 3 * second);
  EXPECT_EQ(start(p, 3 * second), 0u);
  p.set({}, 3 * second);
  p.set(fast, 4 * second);
  EXPECT_EQ(start(p, 4 * second + second / 1000), 0u);
}

TEST(permits, setting_the_same_rate_again_grants_nothing) {
  permits p;
  p.set(slow, 0);
  EXPECT_EQ(start(p, second), 0u);
  p.set(slow, 2 * second);
  EXPECT_EQ(start(p, 2 * second), second + hour);
}

TEST(permits, no_start_at_the_old_rate_outlives_its_change) {
  for (int round = 0; round < test::scaled(20'000); ++round) {
    permits p;
    p.set(slow, 0);
    std::atomic<int> ready{0};
    const auto meet = [&] {
      ++ready;
      while (ready.load() != 2) {
        std::this_thread::yield();
      }
    };
    std::thread starter([&] {
      meet();
      static_cast<void>(start(p, second));
    });
    meet();
    p.set(fast, second);
    starter.join();
    ASSERT_LE(p.starts_ready_at(second, 1), second + second / 1000);
  }
}

}  // namespace
}  // namespace pawl
