// Credits that a thread sets aside come back when they are called back, all of them, and none is
// set aside until the recall is over. Method: the parts one by one; then owners that take and put by
// the protocol while one thread recalls, with the asymmetric barrier and without. All interleavings:
// tests/model/set_aside_model.cpp.
#include "ready/set_aside.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::scaled;

std::uint32_t hundred() {
  return 100;
}

TEST(set_aside, gives_out_what_was_put_and_keeps_no_more_than_the_maximum) {
  for (const bool asymmetric : {false, true}) {
    credit_recall recall;
    set_aside mine;
    EXPECT_EQ(mine.take(1, recall, asymmetric), 0u);
    EXPECT_EQ(mine.put(60, hundred, recall, asymmetric), 60u);
    EXPECT_EQ(mine.put(60, hundred, recall, asymmetric), 40u);
    EXPECT_EQ(mine.put(
                  60, [] { return 99u; }, recall, asymmetric),
              0u)
        << "a maximum lowered";
    EXPECT_EQ(mine.take(1, recall, asymmetric), 1u);
    EXPECT_EQ(mine.take(1000, recall, asymmetric), 99u);
    EXPECT_EQ(mine.take(1, recall, asymmetric), 0u);
  }
}

TEST(set_aside, is_as_if_empty_and_full_while_called_back) {
  for (const bool asymmetric : {false, true}) {
    credit_recall recall;
    set_aside mine;
    EXPECT_EQ(mine.put(60, hundred, recall, asymmetric), 60u);
    recall.begin();
    EXPECT_EQ(mine.take(1, recall, asymmetric), 0u);
    EXPECT_EQ(mine.put(1, hundred, recall, asymmetric), 0u);
    EXPECT_EQ(mine.take_recalled(), 60u);
    EXPECT_EQ(mine.take_recalled(), 0u);
    recall.end();
    EXPECT_EQ(mine.take(1, recall, asymmetric), 0u);
    EXPECT_EQ(mine.put(1, hundred, recall, asymmetric), 1u);
  }
}

// A pool of credits that owners take from and put aside. Each recall halves or restores what an owner
// may set aside; at its end, as the recaller says, no owner has more than that.
void nothing_is_lost_or_kept(bool asymmetric) {
  constexpr std::int64_t all = 1000;
  constexpr std::size_t owners = 3;
  credit_recall recall;
  std::array<set_aside, owners> sides;
  std::atomic<std::int64_t> pool{all};
  std::atomic<std::uint32_t> most{64};
  std::array<std::atomic<std::uint32_t>, owners> known{};  // as each owner counts, a moment late
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> hits{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < owners; ++i) {
    threads.emplace_back([&, i] {
      std::uint64_t own_hits = 0;
      while (!stop.load(std::memory_order_relaxed)) {
        std::uint32_t hand = sides[i].take(2, recall, asymmetric);
        own_hits += hand;
        if (hand == 0 && pool.fetch_sub(50) >= 50) {
          hand = 50;
        } else if (hand == 0) {
          pool.fetch_add(50);
        }
        const std::uint32_t put = sides[i].put(
            hand, [&] { return most.load(std::memory_order_relaxed); }, recall, asymmetric);
        pool.fetch_add(hand - put);
        known[i].store(put, std::memory_order_relaxed);
      }
      hits += own_hits;
    });
  }
  for (int round = 0; round < scaled(2000); ++round) {
    const bool exact = round % 2 == 0;
    most.store(exact ? 0 : 64, std::memory_order_relaxed);
    recall.begin();
    if (asymmetric) membarrier_all_threads();
    std::uint32_t recalled = 0;
    for (set_aside& s : sides) recalled += s.take_recalled();
    for (set_aside& s : sides) EXPECT_EQ(s.take_recalled(), 0u) << "set aside during a recall";
    recall.end();
    pool.fetch_add(recalled);
    if (exact) {
      for (int i = 0; i < 300; ++i) cpu_pause();
      recall.begin();
      if (asymmetric) membarrier_all_threads();
      for (set_aside& s : sides) EXPECT_EQ(s.take_recalled(), 0u) << "more than may be kept";
      recall.end();
    } else {
      EXPECT_TRUE(round % 100 != 1 ||
                  test::eventually([&] { return known[0].load(std::memory_order_relaxed) > 0; }));
    }
  }
  stop = true;
  for (std::thread& t : threads) t.join();
  for (set_aside& s : sides) pool.fetch_add(s.take(1000, recall, asymmetric));
  EXPECT_EQ(pool, all);
  EXPECT_GT(hits, 0u);
}

TEST(set_aside, loses_nothing_under_threads_with_membarrier) {
  if (!membarrier_register()) GTEST_SKIP() << "membarrier(2) is refused here";
  nothing_is_lost_or_kept(true);
}

TEST(set_aside, loses_nothing_under_threads_without_membarrier) {
  nothing_is_lost_or_kept(false);
}

}  // namespace
}  // namespace pawl
