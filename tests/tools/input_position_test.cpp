// How far an input was read, and what a store keeps of it.
#include "input_position.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace pawl_tool {
namespace {

input_line line_of(std::string_view text) {
  return {text, text.size(), false};
}

input_position behind(const std::vector<std::string>& lines) {
  input_position at;
  for (const std::string& line : lines) at.pass(line_of(line));
  return at;
}

TEST(input_position, counts_lines_and_bytes) {
  const input_position at = behind({"ab", "", "cde"});
  EXPECT_EQ(at.lines, 3u);
  EXPECT_EQ(at.bytes, 5u);
}

TEST(input_position, tells_apart_what_differs_anywhere) {
  const input_position at = behind({"ab", "c"});
  EXPECT_EQ(at, behind({"ab", "c"}));
  EXPECT_NE(at.hash, behind({"a", "bc"}).hash);
  EXPECT_NE(at.hash, behind({"c", "ab"}).hash);
  EXPECT_NE(at.hash, behind({"ab", "c", ""}).hash);
  EXPECT_NE(at.hash, behind({"Ab", "c"}).hash);
}

TEST(input_position, tells_apart_long_lines_by_their_length) {
  input_position a;
  input_position b;
  a.pass({"begins alike", 2'000'000, true});
  b.pass({"begins alike", 2'000'001, true});
  EXPECT_NE(a.hash, b.hash);
}

TEST(input_position, is_the_same_after_it_was_kept) {
  input_position at = behind({"x", "y"});
  at.command = 77;
  EXPECT_EQ(decode_position(encode(at)), at);
}

// Method: each length but the right one, and each version but this one.
TEST(input_position, takes_no_other_bytes_for_a_position) {
  const position_bytes good = encode(behind({"x"}));
  std::vector<std::byte> bytes(good.begin(), good.end());
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(decode_position(bytes));
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_FALSE(decode_position(std::span(good).first(n))) << n;
  }
  for (unsigned version = 0; version < 256; ++version) {
    bytes.assign(good.begin(), good.end());
    bytes[0] = static_cast<std::byte>(version);
    EXPECT_EQ(decode_position(bytes).has_value(), version == 1) << version;
  }
}

TEST(input_position, the_command_is_what_decides_what_a_line_becomes) {
  run_settings exec;
  exec.kind = kind_name::exec;
  exec.command = {"echo", "a b"};
  const std::uint64_t hash = hash_of_command(exec);

  run_settings same = exec;
  same.concurrency = 9;
  same.keep_order = true;
  same.form = output_form::jsonl;
  same.attempts = 3;
  EXPECT_EQ(hash_of_command(same), hash);

  run_settings other = exec;
  other.command = {"echo", "a", "b"};
  EXPECT_NE(hash_of_command(other), hash);
  other = exec;
  other.jsonl = true;
  EXPECT_NE(hash_of_command(other), hash);
  other = exec;
  other.delimiter = '\0';
  EXPECT_NE(hash_of_command(other), hash);
  other = exec;
  other.kind = kind_name::digest;
  EXPECT_NE(hash_of_command(other), hash);
}

}  // namespace
}  // namespace pawl_tool
