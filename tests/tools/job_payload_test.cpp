// Payloads of jobs, which come from a store: nothing is trusted.
#include "job_payload.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pawl_tool {
namespace {

TEST(job_payload, is_the_same_after_it_was_kept) {
  for (const bool with_parts : {false, true}) {
    payload p;
    p.sequence = sequence_mask;
    p.due_ns = -5;
    p.is_words = with_parts;
    if (with_parts) p.timeout = std::chrono::seconds(2);
    p.has_line_hash = with_parts;
    p.line_hash = with_parts ? 99 : 0;
    p.text = "a text";
    std::vector<std::byte> bytes(3);
    const std::size_t count = append_payload(bytes, p);
    EXPECT_EQ(count, bytes.size() - 3);
    const auto got = read_payload(std::span(bytes).subspan(3));
    ASSERT_TRUE(got);
    EXPECT_EQ(got->sequence, p.sequence);
    EXPECT_EQ(got->due_ns, p.due_ns);
    EXPECT_EQ(got->is_words, p.is_words);
    EXPECT_EQ(got->timeout, p.timeout);
    EXPECT_EQ(got->line_hash, p.line_hash);
    EXPECT_EQ(got->text, p.text);
    EXPECT_EQ(got->body_bytes(), bytes.size() - 3 - payload_head_bytes);
  }
}

// Method: of a payload with all parts and no text each beginning is too short.
TEST(job_payload, takes_no_bytes_that_lack_a_part) {
  std::vector<std::byte> bytes;
  append_payload(bytes, {.timeout = std::chrono::seconds(1), .has_line_hash = true, .text = {}});
  EXPECT_TRUE(read_payload(bytes));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(read_payload(std::span(bytes).first(n))) << n;
  }
}

TEST(job_payload, takes_no_timeout_that_cannot_be) {
  std::vector<std::byte> bytes;
  append_payload(bytes, {.timeout = std::chrono::nanoseconds(-1), .text = {}});
  EXPECT_FALSE(read_payload(bytes));
}

// Method: before this process began clocks may have said anything, so a reboot changes nothing.
TEST(job_payload, a_job_has_waited_in_this_process_only) {
  const auto ns = [](std::int64_t n) { return std::chrono::nanoseconds(n); };
  EXPECT_EQ(waited(150, 100, 170), ns(20));
  EXPECT_EQ(waited(50, 100, 170), ns(70));
  EXPECT_EQ(waited(INT64_MIN, 100, 170), ns(70));
  EXPECT_EQ(waited(INT64_MAX, 100, 170), ns(0));
}

}  // namespace
}  // namespace pawl_tool
