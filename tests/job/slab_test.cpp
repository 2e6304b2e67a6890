// All slots of a scheduler. Method: take everything there is, from one thread and from several.
#include "job/slab.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::on_threads;

TEST(slab, hands_out_each_slot_once_zeroed_and_then_says_there_are_none) {
  // Sizes that are and are not a multiple of a magazine, and less than one.
  for (const std::uint32_t slots :
       {1u, magazine_slots - 1, magazine_slots, 3 * magazine_slots + 7}) {
    slab all(slots, 2);
    ASSERT_TRUE(all.is_ready());
    EXPECT_FALSE(all.holds(0));
    std::vector<int> seen(slots, 0);
    magazine* const m = all.take_magazine();
    ASSERT_NE(m, nullptr);
    std::uint32_t taken = 0;
    while (all.take_fresh(*m)) {
      while (!m->is_empty()) {
        const std::uint32_t index = m->pop();
        ASSERT_LT(index, slots);
        ASSERT_TRUE(all.holds(index));
        ASSERT_EQ(all[index].word.load(), 0u);
        ASSERT_EQ(all[index].generation, 0u);
        all[index].body[63] = std::byte{1};  // it is memory
        ++seen[index];
        ++taken;
      }
      ASSERT_FALSE(all.holds(taken)) << "never handed out";
    }
    EXPECT_EQ(taken, slots);
    for (const int s : seen) ASSERT_EQ(s, 1);
    EXPECT_FALSE(all.take_fresh(*m));
    EXPECT_TRUE(m->is_empty());
  }
}

TEST(slab, has_as_many_magazines_as_it_was_asked_for) {
  slab all(2 * magazine_slots, 3);
  int count = 0;
  while (magazine* const m = all.take_magazine()) {
    EXPECT_TRUE(m->is_empty());
    ++count;
  }
  EXPECT_EQ(count, 2 + 1 + 3);
}

TEST(slab, grows_from_several_threads_at_once_without_handing_a_slot_out_twice) {
  constexpr std::uint32_t slots = 100'003;
  slab all(slots, 8);
  std::vector<std::atomic<int>> seen(slots);
  on_threads(4, [&](int) {
    magazine* const m = all.take_magazine();
    while (all.take_fresh(*m)) {
      while (!m->is_empty()) seen[m->pop()].fetch_add(1);
    }
  });
  for (const auto& s : seen) ASSERT_EQ(s, 1);
}

TEST(slab, a_reservation_beyond_the_address_space_is_said_and_not_fatal) {
  // 134 million slots of 128 bytes are 16 GB: to be had as address space without any memory.
  const slab huge(slots_max - 1, 100);
  EXPECT_TRUE(huge.is_ready());
}

}  // namespace
}  // namespace pawl
