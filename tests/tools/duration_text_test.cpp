#include "duration_text.hpp"

#include <gtest/gtest.h>

namespace pawl_tool {
namespace {

using namespace std::chrono_literals;

TEST(duration_text, reads_numbers_with_and_without_a_unit) {
  EXPECT_EQ(parse_duration("0"), 0ns);
  EXPECT_EQ(parse_duration("1.5"), 1'500ms);
  EXPECT_EQ(parse_duration("7ns"), 7ns);
  EXPECT_EQ(parse_duration("20us"), 20us);
  EXPECT_EQ(parse_duration("0.25ms"), 250us);
  EXPECT_EQ(parse_duration("3s"), 3s);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("1d"), 24h);
}

TEST(duration_text, takes_nothing_else) {
  for (const char* text :
       {"", "x", "-1", "1x", "1 s", "s", "nan", "inf", "1e400", "99999999999d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace pawl_tool
