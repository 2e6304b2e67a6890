// How free slots travel. Method: threads exchange magazines as contexts do; every number is held by
// one holder at a time and none is lost. All interleavings at toy size: tests/model/depot_model.cpp.
#include "job/depot.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <vector>

#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::on_threads;
using test::scaled;

TEST(depot, hands_out_what_was_put_in_and_nothing_else) {
  const auto magazines = std::make_unique<magazine[]>(4);
  depot d({magazines.get(), 4});
  EXPECT_EQ(d.take_full(), nullptr);
  EXPECT_EQ(d.take_empty(), nullptr);
  d.put_full(&magazines[1]);
  d.put_empty(&magazines[2]);
  d.put_full(&magazines[3]);
  EXPECT_EQ(d.take_full(), &magazines[3]);  // the warmest first
  EXPECT_EQ(d.take_full(), &magazines[1]);
  EXPECT_EQ(d.take_full(), nullptr);
  EXPECT_EQ(d.take_empty(), &magazines[2]);
  EXPECT_EQ(d.take_empty(), nullptr);
}

TEST(depot, no_slot_is_held_twice_or_lost_under_threads) {
  // Half of the threads take slots out of full magazines and mark them, half put them back.
  constexpr std::uint32_t slots = 64 * magazine_slots;
  constexpr std::uint32_t count = slots / magazine_slots + 16;
  const auto magazines = std::make_unique<magazine[]>(count);
  depot d({magazines.get(), count});
  std::vector<std::atomic<int>> holders(slots);
  for (std::uint32_t m = 0; m < count; ++m) {
    if (m >= slots / magazine_slots) {
      d.put_empty(&magazines[m]);
      continue;
    }
    for (std::uint32_t i = 0; i < magazine_slots; ++i) magazines[m].push(m * magazine_slots + i);
    d.put_full(&magazines[m]);
  }
  std::atomic<bool> twice{false};
  on_threads(4, [&](int) {
    for (int round = 0; round < scaled(5000); ++round) {
      magazine* const full = d.take_full();
      if (full == nullptr) continue;
      magazine* const empty = d.take_empty();
      if (empty == nullptr) {
        d.put_full(full);
        continue;
      }
      while (!full->is_empty()) {
        const std::uint32_t slot = full->pop();
        if (holders[slot].fetch_add(1) != 0) twice = true;
        empty->push(slot);
      }
      for (std::uint32_t i = 0; i < magazine_slots; ++i) holders[empty->slots[i]].fetch_sub(1);
      d.put_full(empty);
      d.put_empty(full);
    }
  });
  EXPECT_FALSE(twice);
  std::vector<int> seen(slots, 0);
  std::uint32_t full_count = 0;
  while (magazine* const m = d.take_full()) {
    ++full_count;
    ASSERT_TRUE(m->is_full());
    while (!m->is_empty()) ++seen[m->pop()];
  }
  EXPECT_EQ(full_count, slots / magazine_slots);
  for (const int s : seen) ASSERT_EQ(s, 1);
}

}  // namespace
}  // namespace pawl
