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

TEST(duration_text, a_number_is_seconds) {
  EXPECT_EQ(duration_of_seconds(1.5), 1'500ms);
  EXPECT_EQ(duration_of_seconds(0), 0ns);
  EXPECT_EQ(duration_of_seconds(36'525.0 * 86'400), 24h * 36'525);
  for (const double seconds : {-1.0, 36'526.0 * 86'400, 1e300}) {
    EXPECT_EQ(duration_of_seconds(seconds), std::nullopt) << seconds;
  }
}

TEST(duration_text, takes_nothing_else) {
  for (const char* text :
       {"", "x", "-1", "1x", "1 s", "s", "nan", "inf", "1e400", "99999999999d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace pawl_tool
