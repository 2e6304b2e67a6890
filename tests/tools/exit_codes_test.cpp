#include "exit_codes.hpp"

#include <gtest/gtest.h>

namespace pawl_tool {
namespace {

TEST(exit_codes, reads_numbers_and_ranges) {
  exit_codes wanted;
  wanted.set(2);
  for (unsigned code = 64; code <= 78; ++code) wanted.set(code);
  EXPECT_EQ(parse_exit_codes("2,64-78").value, wanted);
  EXPECT_EQ(parse_exit_codes("70-78,64-75,2").value, wanted);
  EXPECT_EQ(parse_exit_codes("1-255").value->count(), 255u);
  EXPECT_EQ(parse_exit_codes("7-7").value->count(), 1u);
}

TEST(exit_codes, takes_nothing_else) {
  for (const char* text : {"", "0", "0-3", "256", "-1", "1-", "-", "5-4", "1,", ",1", "1 2", "x",
                           "1-2-3", "1.5", "+1", "99999999999999999999"}) {
    const auto read = parse_exit_codes(text);
    EXPECT_FALSE(read.value) << text;
    EXPECT_NE(read.mistake.find("is no exit code from 1 to 255"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace pawl_tool
