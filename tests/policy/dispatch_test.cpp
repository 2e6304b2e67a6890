// The decisions of a drain are values. Method: all combinations of interesting values, against the
// sentence that states the rule, written down again in the slowest way.
#include "policy/dispatch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "support/seed.hpp"

namespace pawl {
namespace {

using lags = std::array<std::uint64_t, priority_count>;

// "The highest band; on an aged turn the band that lags most beyond its limit."
unsigned slow_choice(band_mask with_work, bool aged_turn, const lags& ready, std::uint64_t now,
                     std::uint64_t ageing) {
  std::vector<unsigned> bands;
  for (unsigned b = 0; b < priority_count; ++b) {
    if ((with_work >> b & 1) != 0) bands.push_back(b);
  }
  if (!aged_turn || ageing == 0) return bands.front();
  const auto excess = [&](unsigned b) -> std::int64_t {
    const auto lag = static_cast<std::int64_t>(now) - static_cast<std::int64_t>(ready[b]);
    return b == bands.front() ? 0 : lag - static_cast<std::int64_t>(ageing * b);
  };
  return *std::max_element(bands.begin(), bands.end(), [&](unsigned a, unsigned b) {
    return std::max<std::int64_t>(excess(a), 0) < std::max<std::int64_t>(excess(b), 0);
  });
}

TEST(choose_band, is_the_rule_for_every_set_of_bands) {
  // All 255 sets, both turns, random ready times around the limits, also in the future.
  test::random_source random(test::fresh_seed());
  constexpr std::uint64_t now = 1'000'000;
  for (band_mask with_work = 1; with_work < 256; ++with_work) {
    for (const bool aged : {false, true}) {
      for (const std::uint64_t ageing : {0u, 1u, 1000u, 100'000u, 2'000'000u}) {
        for (int i = 0; i < 20; ++i) {
          lags ready;
          for (std::uint64_t& r : ready) r = test::below(random, 2 * now);
          ASSERT_EQ(choose_band(with_work, aged, ready, now, ageing),
                    slow_choice(with_work, aged, ready, now, ageing));
        }
      }
    }
  }
}

TEST(choose_band, a_band_exactly_at_its_limit_does_not_lag_yet) {
  lags ready{};
  ready.fill(1000);
  EXPECT_EQ(choose_band(0b1001, true, ready, 1000 + 3 * 10, 10), 0u);
  EXPECT_EQ(choose_band(0b1001, true, ready, 1000 + 3 * 10 + 1, 10), 3u);
}

TEST(batch_size, fills_twenty_microseconds_between_one_and_the_most) {
  for (const std::uint32_t most : {1u, 2u, 256u}) {
    EXPECT_EQ(batch_size(0, most), most) << "nothing known yet";
    for (std::uint64_t mean = 1; mean < 50'000; mean = mean * 3 / 2 + 1) {
      const std::uint32_t n = batch_size(mean, most);
      ASSERT_GE(n, 1u);
      ASSERT_LE(n, most);
      if (n > 1) {
        ASSERT_LE(n * mean, batch_target_ns);
      }
      if (n < most) {
        ASSERT_GT((n + 1) * mean, batch_target_ns);
      }
    }
    EXPECT_EQ(batch_size(UINT64_MAX, most), 1u);
  }
}

TEST(next_mean, jumps_up_at_once_and_comes_down_by_halves) {
  const std::vector<std::uint64_t> values{0, 1, 2, 7, 8, 9, 100, 20'000, 1'000'000, 1'000'000'000};
  for (const std::uint64_t mean : values) {
    EXPECT_EQ(next_mean(mean, 1'000'000, 0), mean) << "no job ran: nothing was learned";
    for (const std::uint64_t each : values) {
      for (const std::uint32_t count : {1u, 3u, 256u}) {
        const std::uint64_t next = next_mean(mean, each * count, count);
        ASSERT_GE(next, 1u) << "0 means unknown";
        if (each >= mean) {
          ASSERT_EQ(next, std::max<std::uint64_t>(each, 1));
        } else {
          ASSERT_GE(next, each);
          ASSERT_LT(next, mean == 1 ? 2 : mean) << "it moves";
          ASSERT_LE(mean - next, (mean - each) / 2 + 1);
        }
      }
    }
  }
}

TEST(next_mean, arrives) {
  // From a second down to a microsecond within 40 batches.
  std::uint64_t mean = 1'000'000'000;
  for (int i = 0; i < 40; ++i) mean = next_mean(mean, 1000, 1);
  EXPECT_EQ(mean, 1000u);
}

TEST(is_thin, a_batch_that_emptied_its_queue_and_was_over_at_once) {
  EXPECT_TRUE(is_thin(1, 256, 100));
  EXPECT_TRUE(is_thin(255, 256, 1999));
  EXPECT_FALSE(is_thin(256, 256, 100)) << "there may be more where that came from";
  EXPECT_FALSE(is_thin(1, 1, 100)) << "long jobs come one at a time";
  EXPECT_FALSE(is_thin(1, 256, 2000)) << "that was worth a processor";
}

TEST(next_nap, doubles_between_its_bounds) {
  std::uint64_t nap = 0;
  for (const unsigned wanted : {25'000u, 50'000u, 100'000u, 200'000u, 200'000u}) {
    nap = next_nap(nap);
    EXPECT_EQ(nap, wanted);
  }
}

}  // namespace
}  // namespace pawl
