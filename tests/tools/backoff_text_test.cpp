#include "backoff_text.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace pawl_tool {
namespace {

using namespace std::chrono_literals;
using shape = pawl::backoff::shape;

pawl::backoff good(std::string_view text) {
  const auto read = parse_backoff(text);
  EXPECT_TRUE(read.value) << text << ": " << read.mistake;
  EXPECT_EQ(read.mistake, "") << text;
  return read.value.value_or(pawl::backoff{});
}

void expect_same(const pawl::backoff& a, const pawl::backoff& b) {
  EXPECT_EQ(a.form, b.form);
  EXPECT_EQ(a.jitter, b.jitter);
  EXPECT_EQ(a.factor, b.factor);
  EXPECT_EQ(a.base, b.base);
  EXPECT_EQ(a.cap, b.cap);
  EXPECT_EQ(a.table_count, b.table_count);
  EXPECT_EQ(a.delays, b.delays);
}

TEST(backoff_text, reads_what_the_library_makes) {
  expect_same(good("1s"), pawl::backoff::fixed(1s));
  expect_same(good("fixed:2"), pawl::backoff::fixed(2s));
  expect_same(good("fixed:2s,jitter=full"), pawl::backoff::fixed(2s, pawl::jitter::full));
  expect_same(good("linear:1s,cap=1m"), pawl::backoff::linear(1s, 1min));
  expect_same(good("linear:10m"), pawl::backoff::linear(10min, 10min));
  expect_same(good("exp:500ms,x3,cap=10m"), pawl::backoff::exponential(500ms, 3, 10min));
  expect_same(good("exp:1s"), pawl::backoff::exponential(1s, 2, 5min));
  expect_same(good("exp:1s,jitter=decorrelated,x1000,cap=1s"),
              pawl::backoff::exponential(1s, 1'000, 1s, pawl::jitter::decorrelated));
  expect_same(good("table:1s,5s,30s"), pawl::backoff::table({1s, 5s, 30s}));
  expect_same(good("table:jitter=equal,2s"), pawl::backoff::table({2s}, pawl::jitter::equal));
  expect_same(good("0"), pawl::backoff::fixed(0s));
}

TEST(backoff_text, says_what_is_wrong) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"", "a part of it is empty"},
      {"exp:", "a part of it is empty"},
      {"exp:1s,", "a part of it is empty"},
      {"soon", "\"soon\" is no TIME"},
      {"square:1s", "\"square\" is none of fixed"},
      {"EXP:1s", "\"EXP\" is none of"},
      {"exp:1s,y2", "\"y2\" is no TIME"},
      {"exp:1s,x0", "\"x0\" is not a factor"},
      {"exp:1s,x1001", "not a factor"},
      {"exp:1s,x2.5", "not a factor"},
      {"exp:1s,x", "not a factor"},
      {"exp:1s,x2,x2", "the factor is there twice"},
      {"exp:1s,2s", "one time too many"},
      {"1s,2s", "one time too many"},
      {"exp:x2", "it has no time"},
      {"exp:366d", "of at most a year"},
      {"exp:1s,cap=soon", "\"soon\" is not a time"},
      {"exp:1s,cap=500ms", "the cap is shorter"},
      {"exp:1s,cap=1m,cap=1m", "cap is there twice"},
      {"fixed:1s,cap=1m", "a cap is for linear and exp"},
      {"table:1s,cap=1m", "a cap is for linear and exp"},
      {"fixed:1s,x2", "a factor is for exp"},
      {"linear:1s,x2", "a factor is for exp"},
      {"exp:1s,jitter=some", "\"some\" is none of none, full"},
      {"exp:1s,jitter=full,jitter=full", "jitter is there twice"},
      {"1s,jitter=decorrelated", "jitter decorrelated is for"},
      {"table:1s,jitter=decorrelated", "jitter decorrelated is for"},
      {"table:1,2,3,4,5,6,7,8,9", "at most 8 times"},
      {"table:jitter=none", "it has no time"},
      {"-1s", "is no TIME"},
      {"exp:1s\x1b[2J", "\\x1b[2J"}};
  for (const auto& [text, part] : mistakes) {
    const auto read = parse_backoff(text);
    EXPECT_FALSE(read.value) << text;
    EXPECT_NE(read.mistake.find(part), std::string::npos) << text << ": " << read.mistake;
  }
}

}  // namespace
}  // namespace pawl_tool
