// Payloads above 64 bytes. Methods: every size around the border of each size class, contents
// compared; the budget used up and given back; threads that store, check and release.
#include "job/payload_arena.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <set>
#include <vector>

#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::on_threads;
using test::scaled;

std::vector<std::byte> pattern(std::size_t bytes, std::uint64_t seed) {
  std::vector<std::byte> out(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    out[i] = static_cast<std::byte>(seed + i * (seed | 1) / 8);
  return out;
}

bool holds(const payload_arena& arena, std::uint32_t reference, std::span<const std::byte> wanted) {
  const auto got = arena.bytes(reference);
  return got.size() == wanted.size() && std::memcmp(got.data(), wanted.data(), wanted.size()) == 0;
}

TEST(payload_arena, keeps_every_size_around_each_class_border) {
  // All are alive at the same time, so blocks that overlap would be seen.
  payload_arena arena(64u << 20);
  ASSERT_TRUE(arena.is_ready());
  std::set<std::size_t> sizes{1, 64, 65, payload_arena::payload_bytes_max};
  for (std::size_t block = 128; block <= payload_arena::payload_bytes_max; block *= 2) {
    for (std::size_t around = block - 10; around <= block + 2; ++around) {
      if (around <= payload_arena::payload_bytes_max) sizes.insert(around);
    }
  }
  std::vector<std::pair<std::uint32_t, std::size_t>> stored;
  for (const std::size_t bytes : sizes) {
    const std::uint32_t reference = arena.store(pattern(bytes, bytes));
    ASSERT_NE(reference, payload_arena::none) << bytes;
    ASSERT_TRUE(payload_arena::is_reference(reference));
    stored.emplace_back(reference, bytes);
  }
  for (const auto& [reference, bytes] : stored) {
    ASSERT_TRUE(holds(arena, reference, pattern(bytes, bytes))) << bytes;
  }
  EXPECT_LE(arena.memory_bytes(), 64u << 20);
}

TEST(payload_arena, gives_a_released_block_to_the_next_of_its_class) {
  payload_arena arena(1u << 20);
  const std::uint32_t first = arena.store(pattern(100, 1));
  const std::uint64_t memory = arena.memory_bytes();
  for (int i = 0; i < 100'000; ++i) {
    arena.release(first);
    ASSERT_EQ(arena.store(pattern(70, 2)), first);
  }
  EXPECT_EQ(arena.memory_bytes(), memory);
}

TEST(payload_arena, says_none_at_its_limit_and_recovers) {
  // Fills the whole budget with one class, then with what is left for others.
  constexpr std::uint64_t budget = 1u << 20;
  payload_arena arena(budget);
  std::vector<std::uint32_t> stored;
  for (;;) {
    const std::uint32_t reference = arena.store(pattern(1000, stored.size()));
    if (reference == payload_arena::none) break;
    stored.push_back(reference);
    ASSERT_LE(arena.memory_bytes(), budget);
  }
  EXPECT_EQ(stored.size(), budget / 1024);  // 1000 bytes and the header lie in 1 KB blocks
  EXPECT_EQ(arena.store(pattern(100'000, 1)), payload_arena::none);
  for (std::size_t i = 0; i < stored.size(); ++i) {
    ASSERT_TRUE(holds(arena, stored[i], pattern(1000, i)));
  }
  arena.release(stored.back());
  EXPECT_EQ(arena.store(pattern(900, 7)), stored.back());
  EXPECT_EQ(arena.store(pattern(900, 7)), payload_arena::none);
}

TEST(payload_arena, a_budget_below_the_first_growth_step_stores_nothing) {
  payload_arena arena(1000);
  EXPECT_TRUE(arena.is_ready());
  EXPECT_EQ(arena.store(pattern(100, 1)), payload_arena::none);
  EXPECT_EQ(arena.memory_bytes(), 0u);
}

TEST(payload_arena, contents_stay_intact_under_threads) {
  // Each thread keeps some payloads of random sizes and checks one before it releases it; the
  // budget is small, so that "no memory" happens too.
  const std::uint64_t seed = test::fresh_seed();
  payload_arena arena(4u << 20);
  std::atomic<int> wrong{0};
  std::atomic<int> full{0};
  on_threads(4, [&](int thread) {
    test::random_source random(seed + static_cast<std::uint64_t>(thread));
    struct kept {
      std::uint32_t reference;
      std::size_t bytes;
      std::uint64_t seed;
    };
    std::vector<kept> mine;
    for (int i = 0; i < scaled(3000); ++i) {
      if (mine.size() < 64 && !test::one_in(random, 3)) {
        const std::size_t bytes =
            65 + test::below<std::size_t>(random, std::size_t{128} << test::below(random, 11));
        const std::uint64_t s = random();
        const std::uint32_t reference = arena.store(pattern(bytes, s));
        if (reference == payload_arena::none) {
          ++full;
        } else {
          mine.push_back({reference, bytes, s});
        }
      } else if (!mine.empty()) {
        std::swap(mine[test::below<std::size_t>(random, mine.size())], mine.back());
        const kept k = mine.back();
        mine.pop_back();
        if (!holds(arena, k.reference, pattern(k.bytes, k.seed))) ++wrong;
        arena.release(k.reference);
      }
    }
    for (const kept& k : mine) {
      if (!holds(arena, k.reference, pattern(k.bytes, k.seed))) ++wrong;
      arena.release(k.reference);
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(arena.memory_bytes(), 4u << 20);
  std::printf("%d stores found no memory\n", full.load());
}

}  // namespace
}  // namespace pawl
