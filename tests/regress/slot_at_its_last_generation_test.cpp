// A slot whose generations are used up is never handed out again: its next id would be another
// slot's. Found in review: ids were made without looking. Method: some slots of a small slab are set
// to their last generation, and the others go round.
#include <gtest/gtest.h>

#include <set>

#include "engine/thread_context.hpp"
#include "job/id.hpp"
#include "job/slab.hpp"

namespace pawl {
namespace {

TEST(slot, at_its_last_generation_is_retired) {
  constexpr std::uint32_t slots = 100;
  slab jobs(slots, 4);
  thread_context context(context_role::application, 0, jobs.take_magazine(), jobs.take_magazine(),
                         nullptr);
  std::set<std::uint32_t> usable;
  for (std::uint32_t i = 0; i < slots; ++i) {
    const std::uint32_t slot = context.take_slot(jobs);
    ASSERT_LT(slot, slots);
    if (slot % 3 == 0) {
      jobs[slot].generation = generation_max;
    } else {
      jobs[slot].generation = generation_max - 1;  // one life left
      usable.insert(slot);
    }
  }
  for (std::uint32_t i = 0; i < slots; ++i) context.free_slot(jobs, i);
  std::set<std::uint32_t> taken;
  for (std::uint32_t slot = context.take_slot(jobs); slot != thread_context::no_slot;
       slot = context.take_slot(jobs)) {
    ASSERT_TRUE(taken.insert(slot).second);
  }
  EXPECT_EQ(taken, usable);
}

}  // namespace
}  // namespace pawl
