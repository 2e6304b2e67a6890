#include "json_text.hpp"

#include <gtest/gtest.h>

#include "support/seed.hpp"

namespace pawl_tool {
namespace {

std::string json(std::string_view bytes) {
  std::string text;
  append_json(text, bytes);
  return text;
}

TEST(json_text, escapes_what_json_cannot_hold) {
  EXPECT_EQ(json(""), R"("")");
  EXPECT_EQ(json("plain"), R"("plain")");
  EXPECT_EQ(json("a\"b\\c\n\r\t"), R"("a\"b\\c\n\r\t")");
  EXPECT_EQ(json(std::string_view("\0\x1b\x7f", 3)), R"("\u0000\u001b\u007f")");
}

TEST(json_text, keeps_characters_and_replaces_bytes_that_are_none) {
  const std::string whole = "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
  EXPECT_EQ(json(whole), '"' + whole + '"');
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(json("a\xff"
                 "b"),
            "\"a" + mark + "b\"");
  EXPECT_EQ(json("\xc0\x80"), '"' + mark + mark + '"') << "overlong";
  EXPECT_EQ(json("\xed\xa0\x80"), '"' + mark + mark + mark + '"') << "surrogate";
  EXPECT_EQ(json("\xf4\x90\x80\x80"), '"' + mark + mark + mark + mark + '"') << "above U+10FFFF";
  EXPECT_EQ(json("\xe2\x82"), '"' + mark + mark + '"') << "cut off";
  EXPECT_EQ(json("\xe2\x82"
                 "a"),
            '"' + mark + mark + "a\"");
}

// Cuts random bytes, rich in halves of characters, into random pieces: the result is that of the
// whole.
TEST(json_text, does_not_depend_on_where_it_is_cut) {
  pawl::test::random_source random(pawl::test::fresh_seed());
  const std::string_view alphabet = "a\n\x80\xa4\xbf\xc3\xe2\x82\xac\xed\xf0\x9f\x98\xf4\xff";
  for (int round = 0; round < 5'000; ++round) {
    std::string bytes;
    while (bytes.size() < 12) bytes += alphabet[random() % alphabet.size()];
    std::string text = "\"";
    json_string inside(text);
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t count = 1 + random() % 4;
      inside.append(std::string_view(bytes).substr(at, count));
      at += count;
    }
    inside.finish();
    ASSERT_EQ(text + '"', json(bytes)) << "round " << round;
  }
}

}  // namespace
}  // namespace pawl_tool
