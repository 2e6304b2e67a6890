// No wake-up is lost. Method: real threads; work is a counter, sleepers announce, look again, sleep.
// A lost wake-up shows as work that nobody takes. All interleavings: tests/model/eventcount_model.cpp.
#include "base/eventcount.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::eventually;
using test::on_threads;
using test::scaled;

TEST(eventcount, wakes_nobody_when_nobody_sleeps) {
  eventcount e;
  EXPECT_FALSE(e.wake_one());
  e.announce(5);
  EXPECT_EQ(e.asleep(), 1u << 5);
  e.withdraw(5);
  EXPECT_EQ(e.asleep(), 0u);
  EXPECT_FALSE(e.wake_one());
}

TEST(eventcount, a_wake_between_announce_and_sleep_is_kept) {
  eventcount e;
  e.announce(63);
  EXPECT_TRUE(e.wake_one());
  EXPECT_FALSE(e.wake_one()) << "one announcement is answered once";
  e.sleep(63);  // returns at once, or the test hangs
  e.announce(63);
  EXPECT_TRUE(e.wake_one());
  e.withdraw(63);  // takes the signal, so that the next sleep is not cut short
  e.announce(63);
  EXPECT_EQ(e.asleep(), std::uint64_t{1} << 63);
  e.withdraw(63);
}

TEST(eventcount, the_last_thread_that_is_awake_does_not_nap) {
  constexpr unsigned threads = 3;
  eventcount e;
  EXPECT_TRUE(e.begin_nap(threads));
  EXPECT_TRUE(e.begin_nap(threads));
  EXPECT_FALSE(e.begin_nap(threads));
  e.end_nap();
  EXPECT_TRUE(e.begin_nap(threads));
  e.end_nap();
  e.announce(0);
  EXPECT_FALSE(e.begin_nap(threads)) << "one sleeps, one naps";
  e.end_nap();
  EXPECT_TRUE(e.begin_nap(threads));
  e.withdraw(0);
}

TEST(eventcount, every_piece_of_work_is_taken_while_sleepers_come_and_go) {
  // Wakers add one piece and wake one; sleepers take pieces. The last wait is the test.
  constexpr int sleepers = 3;
  const int pieces = scaled(200'000);
  eventcount e;
  atomic<std::int64_t> work{0};
  atomic<std::int64_t> taken{0};
  atomic<bool> stop{false};
  const auto take_one = [&] {
    std::int64_t now = work.load(seq_cst);
    while (now > 0) {
      if (work.compare_exchange_weak(now, now - 1, seq_cst)) {
        taken.fetch_add(1);
        return true;
      }
    }
    return false;
  };
  std::vector<std::thread> threads;
  for (unsigned self = 0; self < sleepers; ++self) {
    threads.emplace_back([&, self] {
      while (!stop.load(seq_cst)) {
        if (take_one()) continue;
        e.announce(self);
        if (work.load(seq_cst) > 0 || stop.load(seq_cst)) {
          e.withdraw(self);
        } else {
          e.sleep(self);
        }
      }
    });
  }
  on_threads(2, [&](int) {
    for (int i = 0; i < pieces; ++i) {
      work.fetch_add(1, seq_cst);
      e.wake_one();
    }
  });
  EXPECT_TRUE(eventually([&] { return taken.load() == 2 * std::int64_t{pieces}; }));
  stop.store(true, seq_cst);
  while (e.wake_one()) {
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(e.asleep(), 0u);
}

TEST(eventcount, one_wake_wakes_one_sleeper) {
  // Two sleep; after one wake exactly one of them has gone on.
  eventcount e;
  atomic<int> awake{0};
  std::vector<std::thread> threads;
  for (unsigned self = 0; self < 2; ++self) {
    threads.emplace_back([&, self] {
      e.announce(self);
      e.sleep(self);
      awake.fetch_add(1);
    });
  }
  ASSERT_TRUE(eventually([&] { return e.asleep() == 3; }));
  EXPECT_TRUE(e.wake_one());
  ASSERT_TRUE(eventually([&] { return awake.load() == 1; }));
  EXPECT_EQ(e.asleep() & (e.asleep() - 1), 0u);
  EXPECT_NE(e.asleep(), 0u);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(awake.load(), 1);
  EXPECT_TRUE(e.wake_one());
  for (std::thread& t : threads) t.join();
}

}  // namespace
}  // namespace pawl
