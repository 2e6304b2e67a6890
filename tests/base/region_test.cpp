// Memory that grows without moving. Method: commit step by step; look at what the kernel gave.
#include "base/region.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

#include "support/process.hpp"

namespace pawl {
namespace {

constexpr std::size_t megabyte = 1u << 20;

TEST(region, grows_in_place_and_new_memory_is_zero) {
  region r(20 * megabyte);
  std::byte* const data = r.data();
  ASSERT_NE(data, nullptr);
  EXPECT_EQ(r.committed_bytes(), 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % (2 * megabyte), 0u) << "for huge pages";
  std::size_t before = 0;
  for (const std::size_t wanted : {std::size_t{1}, 2 * megabyte, 2 * megabyte + 1, 19 * megabyte}) {
    ASSERT_TRUE(r.commit(wanted));
    ASSERT_GE(r.committed_bytes(), wanted);
    ASSERT_EQ(r.data(), data);
    for (std::size_t i = 0; i < wanted; i += 4096) {
      ASSERT_EQ(data[i], i < before ? std::byte{7} : std::byte{0}) << i;
      data[i] = std::byte{7};
    }
    before = wanted;
  }
  EXPECT_TRUE(r.commit(1)) << "less than there is";
  EXPECT_EQ(data[0], std::byte{7});
}

TEST(region, refuses_more_than_it_reserved) {
  region r(3 * megabyte);
  EXPECT_TRUE(r.commit(3 * megabyte));
  EXPECT_FALSE(r.commit(5 * megabyte));
  EXPECT_FALSE(region(std::size_t{1} << 62).commit(1)) << "no such address space";
  EXPECT_EQ(region(std::size_t{1} << 62).data(), nullptr);
}

TEST(region, reserving_takes_no_memory) {
  const std::size_t before = test::resident_bytes();
  const region r(std::size_t{64} << 30);
  ASSERT_NE(r.data(), nullptr);
  EXPECT_LT(test::resident_bytes(), before + 16 * megabyte);
}

TEST(region, gives_memory_back_and_has_zeros_there_after) {
  region r(40 * megabyte);
  ASSERT_TRUE(r.commit(40 * megabyte));
  for (std::size_t i = 0; i < 40 * megabyte; i += 4096) r.data()[i] = std::byte{7};
  ASSERT_EQ(test::resident_bytes_of(r.data(), 40 * megabyte), 40 * megabyte);
  r.discard(2 * megabyte, 36 * megabyte);
  EXPECT_EQ(test::resident_bytes_of(r.data(), 40 * megabyte), 4 * megabyte);
  EXPECT_EQ(r.committed_bytes(), 40 * megabyte) << "it stays usable";
  for (std::size_t i = 0; i < 40 * megabyte; i += 4096) {
    const bool kept = i < 2 * megabyte || i >= 38 * megabyte;
    ASSERT_EQ(r.data()[i], kept ? std::byte{7} : std::byte{0}) << i;
    r.data()[i] = std::byte{8};
  }
}

TEST(region, moves_its_memory_with_its_ownership) {
  region a(4 * megabyte);
  ASSERT_TRUE(a.commit(1));
  std::byte* const data = a.data();
  *data = std::byte{9};
  region b(std::move(a));
  EXPECT_EQ(b.data(), data);
  region c;
  c = std::move(b);
  EXPECT_EQ(c.data(), data);
  EXPECT_EQ(*c.data(), std::byte{9});
  EXPECT_GE(c.committed_bytes(), 1u);
}

}  // namespace
}  // namespace pawl
