#include "limits_text.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace pawl_tool {
namespace {

using namespace std::chrono_literals;

void expect_rate(const pawl::rate_limit& rate, std::uint32_t starts, pawl::duration per,
                 std::uint32_t burst) {
  EXPECT_EQ(rate.starts, starts);
  EXPECT_EQ(rate.per, per);
  EXPECT_EQ(rate.burst, burst);
}

pawl::rate_limit good_rate(std::string_view text) {
  const auto read = parse_rate(text);
  EXPECT_TRUE(read.value) << text << ": " << read.mistake;
  return read.value.value_or(pawl::rate_limit{});
}

named_queue good_queue(std::string_view text) {
  const auto read = parse_queue(text);
  EXPECT_TRUE(read.value) << text << ": " << read.mistake;
  return read.value.value_or(named_queue{});
}

TEST(limits_text, reads_rates) {
  expect_rate(good_rate("50/s"), 50, 1s, 1);
  expect_rate(good_rate("600/m"), 600, 1min, 1);
  expect_rate(good_rate("1/250ms"), 1, 250ms, 1);
  expect_rate(good_rate("1/.5s"), 1, 500ms, 1);
  expect_rate(good_rate("1/24h"), 1, 24h, 1);
  expect_rate(good_rate("7/d,burst=3"), 7, 24h, 3);
  expect_rate(good_rate("3/5"), 3, 5s, 1);
  expect_rate(good_rate("4294967295/10s,burst=4294967295"), 4'294'967'295, 10s, 4'294'967'295);
}

TEST(limits_text, reads_queues) {
  const named_queue bare = good_queue("mail.out-1_B");
  EXPECT_EQ(bare.name, "mail.out-1_B");
  EXPECT_EQ(bare.options.limits.concurrency, 0u);
  EXPECT_EQ(bare.options.limits.rate.starts, 0u);
  EXPECT_EQ(bare.options.weight, 1u);

  const named_queue all = good_queue("m:burst=2,weight=1000,rate=5/m,concurrency=4");
  EXPECT_EQ(all.name, "m");
  EXPECT_EQ(all.options.limits.concurrency, 4u);
  expect_rate(all.options.limits.rate, 5, 1min, 2);
  EXPECT_EQ(all.options.weight, 1'000u);
}

TEST(limits_text, says_what_is_wrong_with_a_rate) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"", "\"\" is not COUNT/TIME"},
      {"50", "\"50\" is not COUNT/TIME"},
      {"/s", "not COUNT/TIME"},
      {"50/", "not COUNT/TIME"},
      {"50/x", "not COUNT/TIME"},
      {"50/-1s", "not COUNT/TIME"},
      {"0/s", "not COUNT/TIME"},
      {"-1/s", "not COUNT/TIME"},
      {"1.5/s", "not COUNT/TIME"},
      {"4294967296/m", "not COUNT/TIME"},
      {"1/25h", "above 24 hours"},
      {"1/0", "more than one start in a nanosecond"},
      {"1001/us", "more than one start in a nanosecond"},
      {"50/s,", "\"\" is not burst=N"},
      {"50/s,10", "\"10\" is not burst=N"},
      {"50/s,burst=0", "burst \"0\" is not a number from 1 to 4294967295"},
      {"50/s,burst=1,burst=2", "burst \"1,burst=2\" is not a number"},
      {"50/s,burst=1,rate=2/s", "burst \"1,rate=2/s\" is not a number"},
      {"50/s,burst=1,weight=2", "burst \"1,weight=2\" is not a number"},
      {"50/s,concurrency=2", "\"concurrency=2\" is not burst=N"},
  };
  for (const auto& [text, mistake] : mistakes) {
    const auto read = parse_rate(text);
    EXPECT_FALSE(read.value) << text;
    EXPECT_NE(read.mistake.find(mistake), std::string::npos) << text << ": " << read.mistake;
  }
}

TEST(limits_text, says_what_is_wrong_with_a_queue) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"", "\"\" is no name: 1 to 128"},
      {":rate=1/s", "\"\" is no name"},
      {"a b", "\"a b\" is no name"},
      {"a:", "\"\" is none of concurrency=N, rate=COUNT/TIME, burst=N, weight=N"},
      {"a:speed=1", "\"speed=1\" is none of"},
      {"a:concurrency", "concurrency \"\" is not a number"},
      {"a:concurrency=0", "concurrency \"0\" is not a number from 1 to 4294967295"},
      {"a:concurrency=x", "concurrency \"x\" is not a number"},
      {"a:concurrency=1,concurrency=1", "concurrency is there twice"},
      {"a:weight=1001", "weight \"1001\" is not a number from 1 to 1000"},
      {"a:burst=2", "a burst is for a rate"},
      {"a:rate=2", "\"2\" is not COUNT/TIME"},
      {"a:rate=2/s,", "\"\" is none of"},
      {"a:rate=2/s,rate=2/s", "rate is there twice"},
      {"a:rate=2/s,burst=1,burst=2", "burst is there twice"},
  };
  for (const auto& [text, mistake] : mistakes) {
    const auto read = parse_queue(text);
    EXPECT_FALSE(read.value) << text;
    EXPECT_NE(read.mistake.find(mistake), std::string::npos) << text << ": " << read.mistake;
  }
}

}  // namespace
}  // namespace pawl_tool
