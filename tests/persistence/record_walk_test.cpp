#include <gtest/gtest.h>

#include <vector>

#include "persistence/record.hpp"
#include "persistence/record_coding.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::byte_vector;
using test::coded;
using test::set_at;

void add(byte_vector& to, const byte_vector& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

byte_vector headed(std::uint32_t bytes, std::uint8_t kind, std::uint8_t flags,
                   std::uint16_t count = 0) {
  byte_vector record(std::max<std::size_t>(bytes, record_head_bytes));
  byte_writer w(record);
  w.numbers(bytes, kind, flags, count);
  return record;
}

void expect_broken(const byte_vector& bytes, errc code, std::string_view where,
                   std::size_t offset) {
  record_walk walk(bytes);
  while (walk.next()) {
  }
  const status end = walk.end();
  ASSERT_FALSE(end) << where;
  EXPECT_EQ(end.error().code, code) << where;
  EXPECT_EQ(end.error().where, where);
  EXPECT_EQ(walk.offset(), offset) << where;
  EXPECT_FALSE(walk.next()) << "it went on behind what is broken";
}

TEST(record_walk, nothing_is_whole) {
  record_walk walk({});
  EXPECT_FALSE(walk.next());
  EXPECT_TRUE(walk.end());
}

TEST(record_walk, gives_records_and_their_groups_in_order) {
  byte_vector bytes;
  add(bytes, coded(floor_record{1}, more::yes));
  add(bytes, coded(floor_record{2}, more::no));
  add(bytes, coded(floor_record{3}, more::yes));
  record_walk walk(bytes);
  EXPECT_TRUE(walk.is_between_groups());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(walk.offset(), 16 * i);
    const auto record = walk.next();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->kind, record_kind::floor);
    EXPECT_TRUE(record->needed);
    EXPECT_EQ(record->bytes.data(), bytes.data() + 16 * i);
    EXPECT_EQ(record->bytes.size(), 16u);
    EXPECT_EQ(record->body().size(), 8u);
    EXPECT_EQ(walk.is_between_groups(), i == 1);
  }
  EXPECT_FALSE(walk.next());
  EXPECT_FALSE(walk.end());
  EXPECT_EQ(walk.end().error().where, "record.group");
  EXPECT_EQ(walk.end().error().code, errc::corrupt);
}

// Kinds of later releases: the group they belong to goes on behind them, or ends with them.
TEST(record_walk, passes_over_what_need_not_be_known) {
  for (int kind = 0; kind < 256; ++kind) {
    byte_vector bytes = coded(floor_record{1}, more::yes);
    add(bytes, headed(21, static_cast<std::uint8_t>(kind), 2, 9));
    add(bytes, headed(8, static_cast<std::uint8_t>(kind), 0));
    if (kind == 0 || kind >= record_kind_never) {
      expect_broken(bytes, errc::corrupt, "record.kind", 16);
      continue;
    }
    record_walk walk(bytes);
    std::size_t records = 0;
    while (walk.next()) ++records;
    EXPECT_EQ(records, kind > static_cast<int>(record_kind_last) ? 1u : 3u) << kind;
    EXPECT_TRUE(walk.end()) << kind;
    EXPECT_EQ(walk.offset(), bytes.size()) << kind;

    if (kind > static_cast<int>(record_kind_last)) {
      set_at(bytes, 16 + 5, std::uint8_t{3});
      expect_broken(bytes, errc::version, "record.kind", 16);
      set_at(bytes, 16 + 5, std::uint8_t{2});
      bytes.resize(bytes.size() - 8);
      record_walk cut(bytes);
      EXPECT_TRUE(cut.next());
      EXPECT_FALSE(cut.next());
      EXPECT_FALSE(cut.end()) << "the record that was passed over has more behind it";
    }
  }
}

TEST(record_walk, every_rule_of_a_head_is_asked_for) {
  const byte_vector good = coded(floor_record{1});
  const auto broken = [&good](std::size_t offset, auto value) {
    byte_vector bytes = good;
    add(bytes, good);
    set_at(bytes, good.size() + offset, value);
    return bytes;
  };
  for (const std::uint32_t bytes : {0u, 7u, 17u, 0x10010u, 0xffffffffu}) {
    expect_broken(broken(0, bytes), errc::corrupt, "record.bytes", good.size());
  }
  for (unsigned bit = 2; bit < 8; ++bit) {
    expect_broken(broken(5, static_cast<std::uint8_t>(1 | (1u << bit))), errc::corrupt,
                  "record.flags", good.size());
  }
  for (std::size_t left = 1; left < record_head_bytes; ++left) {
    byte_vector bytes = good;
    bytes.resize(good.size() + left);
    expect_broken(bytes, errc::corrupt, "record.head", good.size());
  }
  // As long as may be, and a byte longer.
  EXPECT_TRUE(test::judge(headed(record_bytes_max, 127, 0)).canonical);
  EXPECT_FALSE(test::judge(headed(record_bytes_max, 127, 0)).refused);
  expect_broken(headed(record_bytes_max + 1, 127, 0), errc::corrupt, "record.bytes", 0);
}

}  // namespace
}  // namespace pawl
