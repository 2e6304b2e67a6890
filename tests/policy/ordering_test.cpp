// Where a job stands in an ordered queue. Method: all pairs of interesting wishes, against the sentences of
// the manual, written down again in the slowest way.
#include "policy/ordering.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace pawl {
namespace {

std::vector<order_wish> wishes() {
  constexpr std::uint64_t century = 3'155'760'000'000'000'000;
  std::vector<order_wish> all;
  for (const std::uint64_t submitted : {std::uint64_t{0}, std::uint64_t{5}, century}) {
    for (const std::uint64_t deadline :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{9}, century}) {
      for (const std::uint64_t expires : {std::uint64_t{0}, std::uint64_t{3}, century}) {
        for (const std::int64_t number :
             {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, INT64_MAX}) {
          all.push_back({submitted, deadline, expires, number});
        }
      }
    }
  }
  return all;
}

// "The earliest deadline; the expiry for a deadline; without either after all that have one."
bool is_more_urgent(const order_wish& a, const order_wish& b) {
  const auto has_one = [](const order_wish& w) { return w.deadline_ns != 0 || w.expires_ns != 0; };
  const auto at = [](const order_wish& w) {
    return w.submitted_ns + (w.deadline_ns != 0 ? w.deadline_ns : w.expires_ns);
  };
  if (has_one(a) != has_one(b)) return has_one(a);
  return has_one(a) && at(a) < at(b);
}

TEST(order_key, is_the_earliest_deadline_first) {
  for (const order_wish& a : wishes()) {
    for (const order_wish& b : wishes()) {
      ASSERT_EQ(order_key(queue_order::deadline, a) < order_key(queue_order::deadline, b),
                is_more_urgent(a, b))
          << a.submitted_ns << '+' << a.deadline_ns << '/' << a.expires_ns << " and "
          << b.submitted_ns << '+' << b.deadline_ns << '/' << b.expires_ns;
    }
  }
}

TEST(order_key, is_the_smallest_number_first) {
  for (const order_wish& a : wishes()) {
    for (const order_wish& b : wishes()) {
      ASSERT_EQ(
          order_key(queue_order::exact_priority, a) < order_key(queue_order::exact_priority, b),
          a.exact_priority < b.exact_priority);
    }
  }
}

TEST(order_key, of_a_deadline_beyond_the_end_of_time_comes_before_none) {
  const order_wish late{UINT64_MAX - 5, 100, 0, 0};
  EXPECT_LT(order_key(queue_order::deadline, late), no_deadline);
  EXPECT_GT(order_key(queue_order::deadline, late),
            order_key(queue_order::deadline, {UINT64_MAX - 5, 1, 0, 0}));
}

TEST(ordered_batch_size, is_at_most_what_the_manual_says) {
  EXPECT_EQ(ordered_batch_size(0), 1u) << "nothing is known of the handler";
  EXPECT_EQ(ordered_batch_size(1), 32u);
  EXPECT_EQ(ordered_batch_size(1'000), 20u);
  EXPECT_EQ(ordered_batch_size(10'001), 1u);
  EXPECT_EQ(ordered_batch_size(UINT64_MAX), 1u);
}

}  // namespace
}  // namespace pawl
