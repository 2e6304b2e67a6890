// Room for so many jobs and no more. Methods: random steps against plain numbers; threads that take
// and give while the bound is watched; threads that wait.
#include "ready/credits.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::below;
using test::on_threads;
using test::scaled;

std::chrono::steady_clock::time_point in(std::chrono::nanoseconds time) {
  return std::chrono::steady_clock::now() + time;
}

TEST(credits, free_and_taken_add_up_to_the_bound_after_every_step) {
  test::random_source random(test::fresh_seed());
  std::int64_t bound = 100;
  std::int64_t taken = 0;
  credits room(100);
  for (int step = 0; step < scaled(100'000); ++step) {
    const std::uint32_t n = 1 + below<std::uint32_t>(random, 20);
    switch (below<int>(random, 8)) {
      case 0:
        bound = 1 + below<std::int64_t>(random, 200);
        room.set_bound(static_cast<std::uint64_t>(bound));
        break;
      case 1:
      case 2:
      case 3: {
        const auto give = static_cast<std::uint32_t>(std::min<std::int64_t>(n, taken));
        room.give(give);
        taken -= give;
        break;
      }
      default: {
        const std::uint32_t got = room.take(n);
        const std::int64_t free = std::max<std::int64_t>(bound - taken, 0);
        ASSERT_EQ(got, std::min<std::int64_t>(free, n)) << "as many as there are";
        taken += got;
        break;
      }
    }
    ASSERT_EQ(room.in_use(), static_cast<std::uint64_t>(taken));
    ASSERT_EQ(room.bound(), static_cast<std::uint64_t>(bound));
    ASSERT_EQ(room.has_free(), taken < bound);
  }
}

TEST(credits, small_bounds_are_handed_out_one_at_a_time) {
  EXPECT_EQ(credits(1).lump(), 1u);
  EXPECT_EQ(credits(8191).lump(), 1u);
  EXPECT_EQ(credits(8192).lump(), 2u);
  EXPECT_EQ(credits(100'000'000).lump(), 256u);
}

TEST(credits, the_bound_is_never_exceeded_under_threads) {
  constexpr int bound = 7;
  credits room(bound);
  std::atomic<int> alive{0};
  std::atomic<int> most{0};
  on_threads(4, [&](int) {
    for (int i = 0; i < scaled(50'000); ++i) {
      const std::uint32_t got = room.take(3);
      const int now = alive.fetch_add(static_cast<int>(got)) + static_cast<int>(got);
      int seen = most.load();
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      alive.fetch_sub(static_cast<int>(got));
      room.give(got);
    }
  });
  EXPECT_LE(most, bound);
  EXPECT_EQ(room.in_use(), 0u);
  EXPECT_EQ(room.take(100), 7u);
}

TEST(credits, no_waiter_misses_a_credit_that_is_given) {
  // More threads than credits; each takes one, waiting where there is none, and gives it back. One
  // missed wake-up would hold up a thread until its limit.
  credits room(2);
  std::atomic<int> gave_up{0};
  on_threads(6, [&](int) {
    for (int i = 0; i < scaled(3000); ++i) {
      while (room.take(1) == 0) {
        if (!room.wait_until_given(in(test::patience), [&] { return room.has_free(); })) {
          ++gave_up;
          return;
        }
      }
      room.give(1);
    }
  });
  EXPECT_EQ(gave_up, 0);
}

TEST(credits, a_wait_ends_at_its_limit_or_by_wake_waiters) {
  credits room(1);
  ASSERT_EQ(room.take(1), 1u);
  EXPECT_FALSE(
      room.wait_until_given(in(std::chrono::milliseconds(1)), [&] { return room.has_free(); }));
  std::atomic<bool> stop{false};
  std::thread waiter(
      [&] { EXPECT_TRUE(room.wait_until_given(in(test::patience), [&] { return stop.load(); })); });
  stop = true;
  room.wake_waiters();
  waiter.join();
}

TEST(credits, raising_the_bound_wakes_a_waiter) {
  credits room(1);
  ASSERT_EQ(room.take(1), 1u);
  std::thread waiter([&] {
    EXPECT_TRUE(room.wait_until_given(in(test::patience), [&] { return room.has_free(); }));
  });
  room.set_bound(2);
  waiter.join();
  EXPECT_EQ(room.take(5), 1u);
}

}  // namespace
}  // namespace pawl
