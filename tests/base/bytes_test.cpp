#include "base/bytes.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

TEST(bytes, the_smallest_byte_comes_first) {
  std::array<std::byte, 15> room{};
  byte_writer w(room);
  w.u8(0x01);
  w.u16(0x0302);
  w.u32(0x07060504u);
  w.u64(0x0f0e0d0c0b0a0908u);
  EXPECT_EQ(w.size(), room.size());
  for (unsigned i = 0; i < room.size(); ++i) EXPECT_EQ(room[i], static_cast<std::byte>(i + 1));
}

TEST(bytes, several_numbers_are_as_wide_as_their_types) {
  std::array<std::byte, 15> room{};
  byte_writer w(room);
  w.numbers(std::uint8_t{0x01}, std::uint16_t{0x0302}, std::uint32_t{0x07060504},
            std::uint64_t{0x0f0e0d0c0b0a0908});
  EXPECT_EQ(w.size(), room.size());
  for (unsigned i = 0; i < room.size(); ++i) EXPECT_EQ(room[i], static_cast<std::byte>(i + 1));
}

// Random fields, written and read again, against the list of them.
TEST(bytes, what_was_written_is_read) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < test::scaled(2'000); ++round) {
    std::vector<std::byte> room(4'096);
    byte_writer w(room);
    std::vector<std::pair<int, std::uint64_t>> fields;
    std::string text;
    for (int i = 0; i < 100; ++i) {
      const int what = static_cast<int>(random() % 6);
      const std::uint64_t value = random() >> (random() % 64);
      fields.emplace_back(what, value);
      if (what == 0) w.u8(static_cast<std::uint8_t>(value));
      if (what == 1) w.u16(static_cast<std::uint16_t>(value));
      if (what == 2) w.u32(static_cast<std::uint32_t>(value));
      if (what == 3) w.u64(value);
      if (what == 4) w.bytes(as_bytes(std::string(value % 9, static_cast<char>(value))));
      if (what == 5) w.zeros(value % 5);
    }
    byte_reader r(byte_span(room).first(w.size()));
    for (const auto& [what, value] : fields) {
      if (what == 0) {
        ASSERT_EQ(r.u8(), static_cast<std::uint8_t>(value));
      }
      if (what == 1) {
        ASSERT_EQ(r.u16(), static_cast<std::uint16_t>(value));
      }
      if (what == 2) {
        ASSERT_EQ(r.u32(), static_cast<std::uint32_t>(value));
      }
      if (what == 3) {
        ASSERT_EQ(r.u64(), value);
      }
      if (what == 4) {
        ASSERT_EQ(as_text(r.bytes(value % 9)), std::string(value % 9, static_cast<char>(value)));
      }
      if (what == 5) r.zeros(value % 5);
    }
    ASSERT_TRUE(r.is_at_end());
  }
}

TEST(bytes, who_reads_too_much_gets_zeros_and_is_told) {
  const std::array<std::byte, 3> bytes{std::byte{1}, std::byte{2}, std::byte{3}};
  byte_reader r(bytes);
  EXPECT_EQ(r.u16(), 0x0201);
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.u32(), 0u);
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.u8(), 0u) << "it read on after it had failed";
  EXPECT_TRUE(r.bytes(0).empty());
  EXPECT_FALSE(r.is_at_end());
  EXPECT_EQ(byte_reader({}).array<4>(), (std::array<std::byte, 4>{}));
}

TEST(bytes, zeros_are_asked_for) {
  const std::array<std::byte, 3> bytes{std::byte{0}, std::byte{0}, std::byte{1}};
  byte_reader zeros(bytes);
  zeros.zeros(2);
  EXPECT_TRUE(zeros.ok());
  zeros.zeros(1);
  EXPECT_FALSE(zeros.ok());
}

TEST(bytes_death, a_writer_without_room_is_a_mistake) {
  std::array<std::byte, 3> room{};
  byte_writer w(room);
  w.u16(1);
  EXPECT_EQ(w.left(), 1u);
  EXPECT_DEATH(w.u16(2), "left");
}

}  // namespace
}  // namespace pawl
