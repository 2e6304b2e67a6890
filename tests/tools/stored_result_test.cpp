// What a store keeps of a job's result, and what is taken for one.
#include "stored_result.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <string>

#include "pawl/job_result.hpp"
#include "support/seed.hpp"

namespace pawl_tool {
namespace {

stored_result full_one() {
  stored_result r;
  r.sequence = 41;
  r.line_hash = 0x1234'5678'9abc'def0;
  r.kind = kind_name::exec;
  r.attempts = 255;
  r.exit_code = 0;
  r.signal = 15;
  r.waited = std::chrono::nanoseconds(7);
  r.ran = std::chrono::hours(3);
  r.is_words = true;
  r.input = std::string("ls\0-l\0", 6);
  r.output = "out";
  r.errors = "err\n";
  return r;
}

TEST(stored_result, is_the_same_after_it_was_kept) {
  EXPECT_EQ(decode_result(encode(full_one())), full_one());
  EXPECT_EQ(decode_result(encode(stored_result{})), stored_result{});
}

TEST(stored_result, cuts_what_does_not_fit_and_says_so) {
  for (const std::size_t bytes : {70'000u, 1'000'000u}) {
    stored_result r = full_one();
    r.input = std::string(bytes, 'i');
    r.output = std::string(bytes, 'o');
    r.errors = std::string(bytes, 'e');
    const auto kept = encode(r);
    EXPECT_EQ(kept.size(), pawl::result_bytes_max);
    const auto got = decode_result(kept);
    ASSERT_TRUE(got);
    EXPECT_TRUE(got->input_cut && got->output_cut && got->errors_cut);
    EXPECT_GE(got->input.size(), 8'192u);
    EXPECT_GE(got->errors.size(), 8'192u);
    EXPECT_GT(got->output.size(), 40'000u);
    EXPECT_EQ(got->sequence, r.sequence);
  }
}

TEST(stored_result, a_long_text_alone_gets_nearly_all_of_the_room) {
  for (std::string stored_result::*text :
       {&stored_result::input, &stored_result::output, &stored_result::errors}) {
    stored_result r;
    r.*text = std::string(65'000, 'x');
    EXPECT_EQ(decode_result(encode(r)), r);
    (r.*text).resize(70'000);
    const auto got = decode_result(encode(r));
    ASSERT_TRUE(got);
    EXPECT_GT((*got.*text).size(), 65'000u);
  }
}

TEST(stored_result, takes_nothing_that_is_shorter_or_longer) {
  const auto good = encode(full_one());
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_FALSE(decode_result(std::span(good).first(n))) << n;
  }
  auto longer = good;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode_result(longer));
}

// Method: every byte gets every value. What is taken is what encode() would write for it.
TEST(stored_result, what_it_takes_has_one_coding) {
  const auto good = encode(full_one());
  unsigned taken = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (unsigned value = 0; value < 256; ++value) {
      auto bytes = good;
      bytes[i] = static_cast<std::byte>(value);
      const auto got = decode_result(bytes);
      if (!got) continue;
      ++taken;
      EXPECT_EQ(decode_result(encode(*got)), got) << i << ' ' << value;
    }
  }
  EXPECT_GT(taken, 1'000u);
}

TEST(stored_result, takes_no_bytes_of_chance) {
  pawl::test::random_source random(pawl::test::fresh_seed());
  for (int i = 0; i < 10'000; ++i) {
    std::vector<std::byte> bytes(random() % 200);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
    EXPECT_FALSE(decode_result(bytes));
  }
}

TEST(stored_result, is_shown_as_the_job_was) {
  const job_result result = shown(full_one(), pawl::job_id{9});
  EXPECT_EQ(result.state, "completed");
  EXPECT_EQ(result.kind, "exec");
  EXPECT_EQ(result.id.value, 9u);
  EXPECT_TRUE(result.completed());
  EXPECT_FALSE(result.is_cut);
  std::string output;
  EXPECT_EQ(result.output.read([&](std::string_view piece) { output += piece; }), 0);
  EXPECT_EQ(output, "out");
}

}  // namespace
}  // namespace pawl_tool
