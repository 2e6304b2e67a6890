#include "printable.hpp"

#include <gtest/gtest.h>

#include "pawl_process.hpp"

namespace pawl_tool {
namespace {

TEST(printable, lets_no_control_character_through) {
  EXPECT_EQ(printable("plain name"), R"("plain name")");
  EXPECT_EQ(printable("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(printable("\x1b[2J\n"), R"("\x1b[2J\n")");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            R"("\xc2\x9b2J")");
  EXPECT_EQ(printable("\xff\xc3\xa4"), "\"\\xff\xc3\xa4\"");
  EXPECT_EQ(printable(std::string(300, 'x'), 3), R"("xxx"...)");
}

// A shell reads every byte back as it was; the shell is bash, for $'...'.
TEST(shell_word, stands_for_exactly_these_bytes) {
  for (const std::string& word :
       {std::string("plain"), std::string(""), std::string("it's"), std::string("a b $HOME `x` \\"),
        std::string("tab\there\nnew'line\\\x01"), std::string("\x7f\xff")}) {
    const auto end = pawl_tests::run_program({"bash", "-c", "printf %s " + shell_word(word)}, "");
    EXPECT_EQ(end.output, word) << shell_word(word);
  }
}

TEST(printable, numbers_and_times) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1'000), "1,000");
  EXPECT_EQ(with_commas(12'345'678), "12,345,678");
  EXPECT_EQ(short_time(999), "999 ns");
  EXPECT_EQ(short_time(1'234), "1.23 us");
  EXPECT_EQ(short_time(1'234'567), "1.23 ms");
  EXPECT_EQ(short_time(61'000'000'000), "61 s");
}

}  // namespace
}  // namespace pawl_tool
