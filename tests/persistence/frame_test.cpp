#include "persistence/frame.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/crc32c.hpp"
#include "persistence/block_memory.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

constexpr frame_head head_of(std::uint64_t number) {
  return {.epoch = 2,
          .number = number,
          .lsn = 30,
          .previous_crc = 40,
          .flags = closes_cut,
          .durable_frame = 5,
          .wall_ns = 60,
          .boot_ns = 70};
}

const frame_place here{.directory_id = {std::byte{1}}, .segment = 3, .offset = 8'192};

std::vector<std::byte> frame_of(const frame_head& head, std::initializer_list<std::string> texts) {
  block_memory room(frame_bytes_max);
  frame_builder builder(room.span());
  std::uint32_t ring = 8;
  for (const std::string& text : texts) builder.add({++ring, 0, as_bytes(text)});
  const auto f = builder.finish(head, here);
  return {f.bytes.begin(), f.bytes.end()};
}

std::vector<std::string> texts_of(const frame_view& f) {
  std::vector<std::string> texts;
  f.for_each_chunk([&](const chunk& c) { texts.emplace_back(as_text(c.bytes)); });
  return texts;
}

// Chunks of random lengths, written until the frame is full, and read again.
TEST(frame, what_was_written_is_read) {
  test::random_source random(test::fresh_seed());
  block_memory room(frame_bytes_max);
  for (int round = 0; round < test::scaled(300); ++round) {
    const std::size_t bytes = block_bytes * (1 + random() % 8);
    frame_builder builder(room.span().first(bytes));
    std::vector<std::string> texts;
    std::vector<std::uint64_t> offsets;
    while (builder.room_left() != 0 && random() % 20 != 0) {
      const std::size_t n = 1 + random() % std::min<std::size_t>(builder.room_left(), 3'000);
      texts.emplace_back(n, static_cast<char>(random()));
      offsets.push_back(random() >> 20);
      builder.add(
          {static_cast<std::uint32_t>(texts.size()), offsets.back(), as_bytes(texts.back())});
    }
    const auto done = builder.finish(head_of(7), here);
    ASSERT_LE(done.bytes.size(), bytes);
    const auto f = frame_view::at(here, 2, room.span());
    ASSERT_TRUE(f);
    EXPECT_EQ(f->head(), head_of(7));
    EXPECT_EQ(f->crc(), done.crc);
    EXPECT_EQ(f->size(), done.bytes.size());
    ASSERT_EQ(texts_of(*f), texts);
    std::size_t i = 0;
    f->for_each_chunk([&](const chunk& c) {
      EXPECT_EQ(c.offset, offsets[i++]);
      EXPECT_EQ(c.ring, i);
    });
  }
}

// Its place is part of its CRC: elsewhere it is nothing.
TEST(frame, counts_only_where_it_was_written) {
  const std::vector<std::byte> bytes = frame_of(head_of(7), {"abc"});
  EXPECT_TRUE(frame_view::at(here, 2, bytes));
  EXPECT_FALSE(frame_view::at(here, 1, bytes)) << "another epoch";
  frame_place other = here;
  other.segment = 4;
  EXPECT_FALSE(frame_view::at(other, 2, bytes));
  other = here;
  other.offset = 4'096;
  EXPECT_FALSE(frame_view::at(other, 2, bytes));
  other = here;
  other.directory_id = {};
  EXPECT_FALSE(frame_view::at(other, 2, bytes));
}

TEST(frame, every_flipped_bit_and_every_truncation_is_found) {
  std::vector<std::byte> bytes = frame_of(head_of(7), {"abc", "defgh"});
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    EXPECT_FALSE(frame_view::at(here, 2, byte_span(bytes).first(at)));
    for (unsigned bit = 0; bit < 8; ++bit) {
      bytes[at] ^= static_cast<std::byte>(1u << bit);
      ASSERT_FALSE(frame_view::at(here, 2, bytes)) << at;
      bytes[at] ^= static_cast<std::byte>(1u << bit);
    }
  }
}

// The CRC of its bytes behind the first eight, continued from that of its place.
void sign(std::vector<std::byte>& bytes) {
  std::array<std::byte, 32> place{};
  byte_writer w(place);
  w.bytes(here.directory_id);
  w.u64(here.segment);
  w.u64(here.offset);
  const std::uint32_t crc = crc32c(byte_span(bytes).subspan(8), crc32c(place));
  byte_writer(std::span(bytes).subspan(4)).u32(crc);
}

// Each rule broken by itself, with a CRC that is right.
TEST(frame, every_rule_is_asked) {
  const auto is_sound = [](std::size_t at, std::uint64_t value, std::size_t width) {
    std::vector<std::byte> bytes = frame_of(head_of(7), {"abc", "defgh"});
    byte_writer w(std::span<std::byte>(bytes).subspan(at));
    if (width == 2) w.u16(static_cast<std::uint16_t>(value));
    if (width == 4) w.u32(static_cast<std::uint32_t>(value));
    if (width == 8) w.u64(value);
    if (width == 1) w.u8(static_cast<std::uint8_t>(value));
    sign(bytes);
    return frame_view::at(here, 2, bytes).has_value();
  };
  constexpr std::size_t used = frame_head_bytes + 2 * chunk_head_bytes + 8;
  EXPECT_TRUE(is_sound(12, used, 4)) << "as it was";
  EXPECT_FALSE(is_sound(0, 0, 4)) << "magic";
  EXPECT_FALSE(is_sound(8, 8'192, 4)) << "longer than what is there";
  EXPECT_FALSE(is_sound(8, 0, 4)) << "no length";
  EXPECT_FALSE(is_sound(12, used - 1, 4)) << "the last chunk is cut";
  EXPECT_FALSE(is_sound(12, used + 1, 4)) << "something behind the chunks";
  EXPECT_FALSE(is_sound(12, 5'000, 4)) << "more than the frame";
  EXPECT_FALSE(is_sound(12, 10, 4)) << "less than a head";
  EXPECT_FALSE(is_sound(24, 0, 8)) << "number 0";
  EXPECT_FALSE(is_sound(44, 9, 2)) << "an unknown flag";
  EXPECT_FALSE(is_sound(44, completes_base, 2)) << "completes without closing";
  EXPECT_FALSE(is_sound(44, seal | closes_cut, 2)) << "a seal with chunks";
  EXPECT_FALSE(is_sound(46, 1, 2)) << "fewer chunks";
  EXPECT_FALSE(is_sound(46, 3, 2)) << "more chunks";
  EXPECT_FALSE(is_sound(frame_head_bytes + 4, 0, 4)) << "an empty chunk";
  EXPECT_FALSE(is_sound(frame_head_bytes + 4, 5'000, 4)) << "a chunk beyond the end";
  EXPECT_FALSE(is_sound(frame_head_bytes + 8, ~std::uint64_t{0}, 8)) << "an offset that overflows";
  EXPECT_FALSE(is_sound(used, 1, 1)) << "the rest is not zero";
  constexpr std::size_t second = frame_head_bytes + chunk_head_bytes + 3;
  EXPECT_TRUE(is_sound(second + 8, 3, 8)) << "a hole in another ring is the reader's business";
  const auto follows = [&] {
    std::vector<std::byte> bytes = frame_of(head_of(7), {"abc", "defgh"});
    byte_writer w(std::span<std::byte>(bytes).subspan(second));
    w.u32(9);
    w.u32(5);
    w.u64(3);
    sign(bytes);
    return frame_view::at(here, 2, bytes).has_value();
  };
  EXPECT_FALSE(follows()) << "a chunk that should be part of the one before";
}

// What goes on where the last chunk ends is part of it: there is one way to write a thing.
TEST(frame, bytes_that_follow_each_other_are_one_chunk) {
  block_memory room(block_bytes);
  frame_builder builder(room.span());
  builder.add({1, 10, as_bytes("abc")});
  builder.add({1, 13, as_bytes("def")});
  builder.add({2, 16, as_bytes("x")});
  builder.add({1, 16, as_bytes("y")});
  builder.add({1, 18, as_bytes("z")});
  const auto f = frame_view::at(here, 2, builder.finish(head_of(1), here).bytes);
  ASSERT_TRUE(f);
  EXPECT_EQ(texts_of(*f), (std::vector<std::string>{"abcdef", "x", "y", "z"}));
}

TEST(frame, a_seal_has_no_chunk) {
  frame_head head = head_of(8);
  head.flags = closes_cut | seal;
  const auto f = frame_view::at(here, 2, frame_of(head, {}));
  ASSERT_TRUE(f);
  EXPECT_TRUE(f->has(seal));
  EXPECT_TRUE(texts_of(*f).empty());
}

// What the memory held before does not get to the disk.
TEST(frame, nothing_of_an_older_frame_goes_out) {
  block_memory room(block_bytes);
  for (std::byte& b : room.span()) b = std::byte{0xaa};
  frame_builder builder(room.span());
  builder.add({1, 0, as_bytes("x")});
  const auto f = builder.finish(head_of(1), here);
  byte_reader rest(f.bytes.subspan(frame_head_bytes + chunk_head_bytes + 1));
  rest.zeros(rest.left());
  EXPECT_TRUE(rest.ok());
}

}  // namespace
}  // namespace pawl
