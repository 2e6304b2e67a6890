// The sentences of policy/log_bound.hpp, around the numbers where each answer changes.
#include "policy/log_bound.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace pawl {
namespace {

TEST(log_bound, is_none_or_at_least_four_segments) {
  for (const std::uint64_t segment : {std::uint64_t{65'536}, std::uint64_t{1} << 30}) {
    EXPECT_TRUE(is_log_bound(0, segment));
    EXPECT_FALSE(is_log_bound(1, segment));
    EXPECT_FALSE(is_log_bound(4 * segment - 1, segment));
    EXPECT_TRUE(is_log_bound(4 * segment, segment));
    EXPECT_TRUE(is_log_bound(std::numeric_limits<std::uint64_t>::max(), segment));
  }
}

TEST(log_bound, keeps_room_for_the_end_of_each_job) {
  constexpr std::uint64_t bound = 1'000'000;
  for (const std::uint64_t jobs : {0u, 1u, 1'000u, 31'250u}) {
    const std::uint64_t last = bound - 32 * jobs;
    EXPECT_TRUE(is_too_long(last, jobs, bound));
    EXPECT_FALSE(last != 0 && is_too_long(last - 1, jobs, bound));
    EXPECT_FALSE(is_too_long(last, jobs, 0)) << "there is no bound";
  }
}

// What is reached stays so: jobs that end give up less than their ends have taken.
TEST(log_bound, that_is_reached_stays_so) {
  std::uint64_t bytes = 900'000;
  for (std::uint64_t jobs = 3'125; jobs > 0; --jobs, bytes += end_bytes_kept) {
    ASSERT_TRUE(is_too_long(bytes, jobs, 1'000'000)) << jobs;
  }
}

}  // namespace
}  // namespace pawl
