#include "lane_field.hpp"

#include <gtest/gtest.h>

namespace pawl_tool {
namespace {

TEST(lane_field, is_the_nth_word) {
  EXPECT_EQ(word_of("one two three", 1), "one");
  EXPECT_EQ(word_of("one two three", 2), "two");
  EXPECT_EQ(word_of("one two three", 3), "three");
}

TEST(lane_field, stands_between_any_blanks) {
  EXPECT_EQ(word_of("  one \t two\t", 1), "one");
  EXPECT_EQ(word_of("  one \t two\t", 2), "two");
}

TEST(lane_field, is_empty_where_there_are_fewer_words) {
  EXPECT_EQ(word_of("", 1), "");
  EXPECT_EQ(word_of(" \t", 1), "");
  EXPECT_EQ(word_of("one two", 3), "");
  EXPECT_EQ(word_of("one ", 2), "");
  EXPECT_EQ(word_of("one", 4'000'000'000u), "");
}

}  // namespace
}  // namespace pawl_tool
