#include "histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>
#include "support/seed.hpp"

namespace pawl_tool {
namespace {

// Walks the values around every power of two: each falls into a bucket whose bounds hold it.
TEST(histogram, every_value_has_a_bucket_at_most_3_percent_wide) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (const std::uint64_t value :
         {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit, (std::uint64_t{1} << bit) + 1}) {
      const std::size_t bucket = histogram::bucket_of(value);
      ASSERT_LT(bucket, histogram::bucket_count);
      ASSERT_GE(histogram::upper_bound_of(bucket), value);
      ASSERT_LE(static_cast<double>(histogram::upper_bound_of(bucket) - value),
                static_cast<double>(value) * 0.032);
      if (bucket > 0) {
        ASSERT_LT(histogram::upper_bound_of(bucket - 1), value);
      }
    }
  }
  EXPECT_EQ(histogram::bucket_of(~std::uint64_t{0}), histogram::bucket_count - 1);
}

// Against a sorted vector of random values.
TEST(histogram, percentiles_agree_with_a_sorted_vector) {
  const auto times = std::make_unique<histogram>();
  pawl::test::random_source random(pawl::test::fresh_seed());
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 10'000; ++i) {
    values.push_back(random() >> (random() % 60));
    times->add(values.back());
  }
  std::sort(values.begin(), values.end());
  EXPECT_EQ(times->count(), values.size());
  EXPECT_EQ(times->max(), values.back());
  for (const double share : {0.0, 0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(share * 10'000);
    const auto exact = static_cast<double>(values[rank == 0 ? 0 : rank - 1]);
    EXPECT_GE(static_cast<double>(times->percentile(share)), exact) << share;
    EXPECT_LE(static_cast<double>(times->percentile(share)), exact * 1.032) << share;
  }
}

TEST(histogram, adds_up) {
  const auto one = std::make_unique<histogram>();
  const auto other = std::make_unique<histogram>();
  EXPECT_EQ(one->percentile(0.5), 0u);
  one->add(10);
  other->add(1'000'000);
  one->add_all(*other);
  EXPECT_EQ(one->count(), 2u);
  EXPECT_EQ(one->percentile(0.5), 10u);
  EXPECT_EQ(one->percentile(1), 1'000'000u);
}

}  // namespace
}  // namespace pawl_tool
