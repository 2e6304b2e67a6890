#include "persistence/segment_header.hpp"

#include <gtest/gtest.h>

#include <array>

#include "base/crc32c.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using block = std::array<std::byte, block_bytes>;

segment_header example() {
  segment_header h{.segment_bytes = segment_bytes_min,
                   .other_features = 1,
                   .number = 7,
                   .epoch = 3,
                   .base = {.frame = 12, .crc = 13, .lsn = 14, .dropped_bytes = 4'096},
                   .made = {.wall_ns = 15, .boot_ns = 16}};
  for (std::size_t i = 0; i < 16; ++i) {
    h.directory_id[i] = static_cast<std::byte>(i + 1);
    h.made.boot_id[i] = static_cast<std::byte>(i + 101);
  }
  const byte_span text = as_bytes("pawl 0.1.0");
  std::copy(text.begin(), text.end(), h.writer.begin());
  return h;
}

block encoded(const segment_header& h) {
  block b;
  encode(h, b);
  return b;
}

// Sets a byte, and the CRC anew.
block with(block b, std::size_t at, unsigned value) {
  b[at] = static_cast<std::byte>(value);
  byte_writer(std::span(b).last<4>()).u32(crc32c(std::span(b).first<block_bytes - 4>()));
  return b;
}

errc error_of(const block& b) {
  const auto h = decode_segment_header(b);
  return h ? errc::busy : h.error().code;
}

TEST(segment_header, what_was_written_is_read) {
  const auto h = decode_segment_header(encoded(example()));
  ASSERT_TRUE(h);
  EXPECT_EQ(*h, example());
}

// The bytes of FORMAT.md, by hand.
TEST(segment_header, lies_where_the_format_says) {
  const block b = encoded(example());
  byte_reader r(b);
  EXPECT_EQ(as_text(r.bytes(8)), "\x89PAWL\r\n\x1a");
  EXPECT_EQ(r.u16(), 1);
  EXPECT_EQ(r.u16(), 0);
  EXPECT_EQ(r.u32(), segment_bytes_min);
  EXPECT_EQ(r.u64(), 0u);
  EXPECT_EQ(r.u64(), 1u);
  EXPECT_EQ(r.bytes(16)[15], std::byte{16});
  for (const std::uint64_t wanted : {7u, 3u, 12u}) EXPECT_EQ(r.u64(), wanted);
  EXPECT_EQ(r.u32(), 13u);
  EXPECT_EQ(r.u32(), 0u);
  for (const std::uint64_t wanted : {14u, 4'096u, 15u, 16u}) EXPECT_EQ(r.u64(), wanted);
  EXPECT_EQ(r.bytes(16)[0], std::byte{101});
  EXPECT_EQ(as_text(r.bytes(11)), std::string_view("pawl 0.1.0\0", 11));
}

TEST(segment_header, every_flipped_bit_is_found) {
  block b = encoded(example());
  for (std::size_t at = 0; at < b.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      b[at] ^= static_cast<std::byte>(1u << bit);
      EXPECT_NE(error_of(b), errc::busy) << at;
      b[at] ^= static_cast<std::byte>(1u << bit);
    }
  }
}

// Each rule broken by itself, with a CRC that is right.
TEST(segment_header, every_rule_is_asked) {
  const block good = encoded(example());
  EXPECT_EQ(error_of(good), errc::busy);
  EXPECT_EQ(error_of(with(good, 0, 0)), errc::corrupt) << "magic";
  EXPECT_EQ(error_of(with(good, 8, 2)), errc::version) << "major";
  EXPECT_EQ(error_of(with(good, 10, 9)), errc::busy) << "a later minor can be read";
  EXPECT_EQ(error_of(with(good, 12, 1)), errc::corrupt) << "not a multiple of a block";
  EXPECT_EQ(error_of(with(with(good, 14, 0), 13, 0x10)), errc::corrupt) << "too short";
  EXPECT_EQ(error_of(with(good, 15, 0x80)), errc::corrupt) << "too long";
  EXPECT_EQ(error_of(with(good, 16, 1)), errc::version) << "a needed feature";
  EXPECT_EQ(error_of(with(good, 24, 0xff)), errc::busy) << "other features may be unknown";
  EXPECT_EQ(error_of(with(good, 48, 0)), errc::corrupt) << "number 0";
  EXPECT_EQ(error_of(with(good, 56, 0)), errc::corrupt) << "epoch 0";
  EXPECT_EQ(error_of(with(good, 56, 1)), errc::corrupt) << "epoch 1 with a base";
  EXPECT_EQ(error_of(with(good, 76, 1)), errc::corrupt) << "zero";
  EXPECT_EQ(error_of(with(good, 4'000, 1)), errc::corrupt) << "zero";
}

TEST(segment_header, any_bytes_can_be_looked_at) {
  test::random_source random(test::fresh_seed());
  block b;
  for (int round = 0; round < 1'000; ++round) {
    for (std::byte& x : b) x = static_cast<std::byte>(random());
    EXPECT_EQ(error_of(b), errc::corrupt);
  }
}

}  // namespace
}  // namespace pawl
