// The FIFO of one priority. Method: threads push numbered places, others pop; the places of one
// producer come out in order, all of them once.
#include "ready/band.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <vector>

#include "ready/front_list.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::on_threads;
using test::scaled;

TEST(band, is_a_fifo_for_one_producer_and_one_consumer) {
  // Random pushes and pops of one and of many, against two counters.
  test::random_source random(test::fresh_seed());
  band b;
  EXPECT_TRUE(b.looks_empty());
  auto producer = b.make_producer();
  auto consumer = b.make_consumer();
  std::uint64_t next_in = 0;
  std::uint64_t next_out = 0;
  std::vector<std::uint64_t> places;
  for (int step = 0; step < scaled(50'000); ++step) {
    places.resize(1 + test::below<std::size_t>(random, 300));
    if (test::one_in(random, 2)) {
      std::iota(places.begin(), places.end(), next_in);
      next_in += places.size();
      ASSERT_TRUE(places.size() == 1 ? b.push(producer, places[0])
                                     : b.push(producer, std::span<const std::uint64_t>(places)));
    } else {
      const std::size_t got = b.pop(consumer, places);
      ASSERT_EQ(got, std::min<std::uint64_t>(places.size(), next_in - next_out));
      for (std::size_t i = 0; i < got; ++i) ASSERT_EQ(places[i], next_out++);
    }
    ASSERT_EQ(b.looks_empty(), next_in == next_out);
  }
}

TEST(band, places_of_one_producer_leave_in_their_order_under_threads) {
  constexpr int producers = 2;
  const std::uint64_t each = static_cast<std::uint64_t>(scaled(200'000));
  band b;
  std::atomic<std::uint64_t> taken{0};
  std::atomic<bool> out_of_order{false};
  std::atomic<std::uint64_t> sum{0};
  on_threads(2 * producers, [&](int thread) {
    if (thread < producers) {
      auto token = b.make_producer();
      std::vector<std::uint64_t> bulk;
      for (std::uint64_t i = 1; i <= each; ++i) {
        bulk.push_back((static_cast<std::uint64_t>(thread) << 32) | i);
        if (bulk.size() < 1 + i % 100 && i != each) continue;
        b.push(token, std::span<const std::uint64_t>(bulk));
        bulk.clear();
      }
      return;
    }
    auto token = b.make_consumer();
    std::vector<std::uint64_t> last(producers, 0);
    std::vector<std::uint64_t> places(64);
    std::uint64_t mine = 0;
    while (taken.load() < producers * each) {
      const std::size_t got = b.pop(token, places);
      for (std::size_t i = 0; i < got; ++i) {
        const std::uint64_t producer = places[i] >> 32;
        const std::uint64_t number = places[i] & 0xffffffff;
        if (number <= last[producer]) out_of_order = true;
        last[producer] = number;
        mine += number;
      }
      taken += got;
    }
    sum += mine;
  });
  EXPECT_FALSE(out_of_order);
  EXPECT_EQ(taken, producers * each);
  EXPECT_EQ(sum, producers * (each * (each + 1) / 2));
  EXPECT_TRUE(b.looks_empty());
}

TEST(front_list, puts_a_batch_before_what_is_there_and_keeps_its_order) {
  front_list list;
  EXPECT_TRUE(list.looks_empty());
  list.push(std::vector<std::uint64_t>{4, 5, 6});
  list.push(std::vector<std::uint64_t>{1, 2, 3});
  EXPECT_FALSE(list.looks_empty());
  std::vector<std::uint64_t> got(4);
  ASSERT_EQ(list.pop(got), 4u);
  EXPECT_EQ(got, (std::vector<std::uint64_t>{1, 2, 3, 4}));
  ASSERT_EQ(list.pop(got), 2u);
  EXPECT_EQ(got[0], 5u);
  EXPECT_EQ(got[1], 6u);
  EXPECT_EQ(list.pop(got), 0u);
  EXPECT_TRUE(list.looks_empty());
}

TEST(front_list, appends_behind_and_drops_what_is_not_to_be_kept) {
  front_list list;
  list.push(std::vector<std::uint64_t>{3, 4});
  list.append(std::vector<std::uint64_t>{5, 6});
  list.push(std::vector<std::uint64_t>{1, 2});
  list.keep_if([](std::uint64_t place) { return place % 3 != 0; });
  std::vector<std::uint64_t> got(10);
  ASSERT_EQ(list.pop(got), 4u);
  got.resize(4);
  EXPECT_EQ(got, (std::vector<std::uint64_t>{1, 2, 4, 5}));
  list.push(std::vector<std::uint64_t>{9});
  list.keep_if([](std::uint64_t) { return false; });
  EXPECT_TRUE(list.looks_empty());
}

}  // namespace
}  // namespace pawl
