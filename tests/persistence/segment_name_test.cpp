#include "persistence/segment_name.hpp"

#include <gtest/gtest.h>

namespace pawl {
namespace {

TEST(segment_name, goes_there_and_back) {
  EXPECT_EQ(file_name(segment_prefix, 1), "wal-0000000000000001.seg");
  EXPECT_EQ(file_name(spare_prefix, 0xfedcba9876543210u), "spare-fedcba9876543210.seg");
  for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{255}, ~std::uint64_t{0}}) {
    EXPECT_EQ(number_in(file_name(segment_prefix, n), segment_prefix), n);
  }
}

TEST(segment_name, others_are_none) {
  for (const std::string_view name :
       {"", "wal-", "wal-1.seg", "wal-0000000000000000.seg", "wal-000000000000000A.seg",
        "wal-000000000000000g.seg", "wal-0000000000000001.seg ", "wal-0000000000000001.sag",
        "wel-0000000000000001.seg", "spare-0000000000000001.seg", "wal-00000000000000011.seg"}) {
    EXPECT_FALSE(number_in(name, segment_prefix)) << name;
  }
}

}  // namespace
}  // namespace pawl
