// A wheel that finds no memory must not hold up who turns it. Found in review: the insert slept with the
// lock held until there was some, so no timer fired, and stop() waited for the timer thread in vain.
//
// Method: an engine without threads whose wheel has address space for a hundred entries.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "sim/stepped_world.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;

TEST(timers_without_memory, fire_what_is_inside_and_take_the_rest_when_there_is_room) {
  constexpr std::uint64_t room = 100;
  test::stepped_world w;
  w.check_counts = false;
  const kind_ref k = w.kind("k");
  w.open();
  const queue_ref q = w.queue("q");
  timers& due_later = w.e->parts().due_later;
  std::destroy_at(&due_later);
  std::construct_at(&due_later, w.clock.now_ns, room, nullptr, nullptr);

  for (std::uint64_t i = 0; i < room / 2; ++i) w.submit(q, k, {.after = 1s});
  std::vector<job_id> far;
  for (std::uint64_t i = 0; i < 3 * room; ++i) far.push_back(w.submit(q, k, {.after = 1h}));
  for (int i = 0; i < 10; ++i) w.e->step_timer();
  EXPECT_TRUE(due_later.lacks_memory());
  EXPECT_EQ(due_later.entry_count(), room / 2 + 3 * room) << "nothing is lost";

  // What is inside fires, and what it leaves free is taken.
  w.clock.now_ns += 2'000'000'000;
  for (int i = 0; i < 10; ++i) w.e->step_timer();
  EXPECT_TRUE(due_later.lacks_memory());
  EXPECT_EQ(due_later.entry_count(), 3 * room);

  // A few stale entries are worth a turn now.
  for (std::uint64_t i = 0; i < 2 * room + 1; ++i) {
    ASSERT_TRUE(w.e->cancel(w.context_of_host(), far[i]));
  }
  for (int i = 0; i < 10; ++i) w.e->step_timer();
  EXPECT_FALSE(due_later.lacks_memory());
  EXPECT_EQ(due_later.entry_count(), room - 1);

  w.settle();
  w.advance(2h);
  EXPECT_EQ(w.e->read_counters().completed, room / 2 + room - 1);
}

}  // namespace
}  // namespace pawl
