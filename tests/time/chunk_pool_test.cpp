// Chunks of memory. Method: random takes and gives beside a set; what the kernel says of memory.
#include "time/chunk_pool.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

#include "support/process.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

constexpr std::size_t segment_chunks = region::step_bytes / sizeof(timer_chunk);

TEST(chunk_pool, hands_out_each_chunk_once_and_the_lowest_segments_first) {
  test::random_source random(test::fresh_seed());
  constexpr std::size_t chunks_max = 5 * segment_chunks;
  chunk_pool pool(chunks_max);
  ASSERT_TRUE(pool.is_ready());
  ASSERT_TRUE(pool.reserve(chunks_max));
  EXPECT_FALSE(pool.reserve(chunks_max + 1));
  std::set<std::uint32_t> taken;
  std::array<std::size_t, 5> in_segment{};
  for (int round = 0; round < 20; ++round) {
    const std::size_t wanted = round == 3 ? chunks_max : test::below(random, chunks_max + 1);
    while (taken.size() < wanted) {
      const std::uint32_t index = pool.take();
      ASSERT_TRUE(taken.insert(index).second);
      for (std::size_t below = 0; below < index / segment_chunks; ++below) {
        ASSERT_EQ(in_segment[below], segment_chunks) << "a lower one had room";
      }
      ++in_segment[index / segment_chunks];
      pool[index].entries[62] = {index, index, index};
    }
    while (taken.size() > wanted) {
      auto one = taken.lower_bound(test::below<std::uint32_t>(random, chunks_max));
      if (one == taken.end()) one = taken.begin();
      ASSERT_EQ(pool[*one].entries[62].due_ns, *one);
      pool.give(*one);
      --in_segment[*one / segment_chunks];
      taken.erase(one);
    }
    ASSERT_EQ(pool.used(), taken.size());
    std::size_t held = 0;
    for (const std::size_t used : in_segment) held += used > 0;
    ASSERT_GE(pool.held_bytes(), held * region::step_bytes);
    ASSERT_LE(pool.held_bytes(), (held + 1) * region::step_bytes) << "one empty segment is kept";
  }
  for (const std::uint32_t index : taken) ASSERT_EQ(pool[index].entries[62].slot, index);
}

TEST(chunk_pool, gives_all_but_a_segment_back_to_the_system) {
  constexpr std::size_t chunks = 20 * segment_chunks;
  chunk_pool pool(chunks);
  ASSERT_TRUE(pool.reserve(chunks));
  const auto resident = [&pool] {
    return test::resident_bytes_of(&pool[0], chunks * sizeof(timer_chunk));
  };
  for (int round = 0; round < 3; ++round) {
    std::vector<std::uint32_t> taken;
    for (std::size_t i = 0; i < chunks; ++i) {
      taken.push_back(pool.take());
      pool[taken.back()].entries = {};
    }
    EXPECT_EQ(resident(), 20 * region::step_bytes);
    for (const std::uint32_t index : taken) pool.give(index);
    EXPECT_EQ(pool.held_bytes(), region::step_bytes);
    EXPECT_LE(resident(), region::step_bytes);
  }
}

}  // namespace
}  // namespace pawl
