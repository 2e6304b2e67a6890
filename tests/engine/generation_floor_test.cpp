// When a floor of generations is raised, how far, and what may be given meanwhile.
#include "engine/generation_floor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace pawl {
namespace {

constexpr auto step = generation_floor::step_min;
constexpr auto last = generation_floor::last;

TEST(generation_floor, gives_what_is_below_it_and_no_more) {
  generation_floor f(5'000);
  EXPECT_TRUE(f.may_give(4'999));
  EXPECT_FALSE(f.may_give(5'000));
  f.raise(6'000);
  EXPECT_TRUE(f.may_give(5'999));
  EXPECT_FALSE(f.may_give(6'000));
  EXPECT_EQ(f.ceiling(), 6'000u);
}

TEST(generation_floor, is_raised_half_a_step_before_it_is_reached) {
  generation_floor f(5'000);
  EXPECT_EQ(f.soft_ceiling(), 5'000 - step / 2);
  EXPECT_EQ(f.next(), 5'000 + 1 + step) << "at once, for what was lost of the one before";
  f.raise(f.next());
  EXPECT_EQ(f.next(), 0u);
  EXPECT_TRUE(f.ask(f.soft_ceiling() - 1));
  EXPECT_EQ(f.next(), 0u);
  EXPECT_TRUE(f.ask(f.soft_ceiling()));
  EXPECT_EQ(f.next(), f.ceiling() + 2 * step);
}

TEST(generation_floor, is_asked_for_once) {
  generation_floor f(5'000);
  EXPECT_TRUE(f.ask(5'001));
  EXPECT_FALSE(f.ask(5'001));
  EXPECT_FALSE(f.ask(4'000));
  EXPECT_TRUE(f.ask(5'002));
}

TEST(generation_floor, grows_by_steps_that_double_up_to_the_largest) {
  generation_floor f(step);
  std::uint64_t expected = step;
  for (int i = 0; i < 40; ++i) {
    static_cast<void>(f.ask(f.soft_ceiling()));
    const std::uint64_t before = f.ceiling();
    const std::uint64_t next = f.next();
    ASSERT_GE(next, before + expected);
    ASSERT_LE(next, before + expected + 1);
    f.raise(next);
    ASSERT_EQ(f.soft_ceiling(), next - expected / 2) << "half of the step that was made";
    expected = std::min(2 * expected, generation_floor::step_max);
  }
}

TEST(generation_floor, goes_far_enough_for_who_asked) {
  generation_floor f(5'000);
  EXPECT_TRUE(f.ask(1'000'000));
  EXPECT_EQ(f.next(), 1'000'001 + step);
}

TEST(generation_floor, ends_at_the_last_generation) {
  generation_floor f(last - 1);
  EXPECT_EQ(f.next(), last);
  f.raise(last);
  EXPECT_TRUE(f.may_give(last - 1));
  EXPECT_FALSE(f.may_give(last));
  EXPECT_EQ(f.soft_ceiling(), last) << "there is nothing to ask for";
  EXPECT_TRUE(f.ask(last));
  EXPECT_EQ(f.next(), 0u);
}

TEST(generation_floor, stops_nobody_once_there_is_no_log) {
  generation_floor f(5'000);
  f.open();
  EXPECT_TRUE(f.may_give(last));
  EXPECT_EQ(f.soft_ceiling(), ~std::uint64_t{0});
}

}  // namespace
}  // namespace pawl
