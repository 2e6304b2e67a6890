#include "base/crc32c.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/bytes.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

// Bit by bit, from the polynomial.
std::uint32_t by_definition(byte_span bytes) {
  std::uint32_t crc = 0xffffffffu;
  for (const std::byte b : bytes) {
    crc ^= std::to_integer<std::uint32_t>(b);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

// The examples of RFC 3720, B.4.
TEST(crc32c, is_that_of_the_standard) {
  std::vector<std::byte> bytes(32);
  EXPECT_EQ(crc32c(bytes), 0x8a9136aau);
  bytes.assign(32, std::byte{0xff});
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43u);
  for (unsigned i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c(bytes), 0x46dd794eu);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

// Against the definition, at all alignments, and cut in two anywhere.
TEST(crc32c, of_two_parts_is_that_of_the_whole) {
  test::random_source random(test::fresh_seed());
  std::vector<std::byte> bytes(3'000);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  for (int round = 0; round < test::scaled(2'000); ++round) {
    const std::size_t from = random() % 64;
    const std::size_t n = random() % (bytes.size() - 64);
    const std::size_t cut = random() % (n + 1);
    const byte_span part = byte_span(bytes).subspan(from, n);
    const std::uint32_t whole = crc32c(part);
    ASSERT_EQ(whole, by_definition(part));
    ASSERT_EQ(crc32c(part.subspan(cut), crc32c(part.first(cut))), whole);
  }
}

}  // namespace
}  // namespace pawl
