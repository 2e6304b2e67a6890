// The array, small on the heap and large on pages of its own.
#include "base/mapped_array.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace pawl {
namespace {

struct value {
  std::uint64_t number = 42;
  std::uint64_t zero = 0;
};
constexpr std::size_t small = 100;
constexpr std::size_t large = mapped_array<value>::mapped_bytes_min;

TEST(mapped_array, has_default_values_whatever_its_size) {
  for (const std::size_t count : {small, large}) {
    const mapped_array<value> a(count);
    ASSERT_FALSE(a.is_null());
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(a[i].number, 42u);
      ASSERT_EQ(a[i].zero, 0u);
    }
  }
}

TEST(mapped_array, is_null_without_memory_and_as_it_is_made) {
  EXPECT_TRUE(mapped_array<value>().is_null());
  EXPECT_TRUE(mapped_array<value>(std::size_t{1} << 56).is_null());
}

TEST(mapped_array, moves_and_swaps) {
  mapped_array<value> a(small);
  mapped_array<value> b(large);
  a[0].number = 1;
  b[large - 1].number = 2;
  a.swap(b);
  EXPECT_EQ(a[large - 1].number, 2u);
  EXPECT_EQ(b[0].number, 1u);
  const mapped_array<value> c(std::move(a));
  EXPECT_EQ(c[large - 1].number, 2u);
}

}  // namespace
}  // namespace pawl
