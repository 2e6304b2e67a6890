// Keys as 128 bits. Method: many keys that differ in little are all told apart; the same is the same.
#include "base/key_hash.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

namespace pawl {
namespace {

TEST(key_hash, tells_keys_spaces_and_seeds_apart_and_nothing_else) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  std::set<std::uint64_t> low_halves;
  const auto see = [&](const key_hash& h) {
    low_halves.insert(h.low);
    return seen.emplace(h.high, h.low).second;
  };
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(see(hash_key(std::to_string(i), 1, 7))) << i;
  std::string zeros;
  for (int i = 0; i < 300; ++i, zeros.push_back('\0')) ASSERT_TRUE(see(hash_key(zeros, 1, 7)));
  for (std::uint64_t space = 2; space < 1'000; ++space) ASSERT_TRUE(see(hash_key("5", space, 7)));
  for (std::uint64_t seed = 8; seed < 1'000; ++seed) ASSERT_TRUE(see(hash_key("5", 1, seed)));
  EXPECT_EQ(low_halves.size(), seen.size()) << "each half spreads by itself";
  EXPECT_FALSE(see(hash_key("5", 1, 7)));
}

}  // namespace
}  // namespace pawl
