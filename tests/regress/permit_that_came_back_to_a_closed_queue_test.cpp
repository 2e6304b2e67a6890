// A job with a permit that comes back to a closed queue gives it up. Found in review: a pause looks for
// such jobs in the queue's front lists; the rest of a batch came back there after it had looked, and its
// permits rested until the queue was opened. Method: the engine on one thread; a handler pauses its queue
// while the next of its batch has a permit of its kind.
#include <gtest/gtest.h>

#include <functional>

#include "engine/gating.hpp"
#include "sim/stepped_world.hpp"

namespace pawl {
namespace {

TEST(permit, that_comes_back_to_a_closed_queue_is_given_up) {
  test::stepped_world w;
  w.wanted.drains = 3;
  const kind_ref k = w.kind("k", {.limits = {.concurrency = 2}});
  std::function<void(int)> then;
  int starts = 0;
  w.act = [&](context&) {
    then(++starts);
    return outcome::done();
  };
  w.open();
  const queue_ref paused = w.queue("paused");
  const queue_ref other = w.queue("other");
  then = [&](int start) {
    if (start == 1) {
      w.submit(paused, k);
      static_cast<void>(w.e->step_drain(1));
    } else if (start == 2) {
      // Both permits are taken: these two wait in line, and get them one after the other.
      w.submit(paused, k);
      w.submit(paused, k);
      static_cast<void>(w.e->step_drain(2));
    } else if (start == 3) {
      EXPECT_EQ(w.e->parts().gates.of_kind(k.index).of().used(), 2u);
      EXPECT_TRUE(w.e->pause(w.context_of_host(), paused, {}));
    }
  };
  w.submit(paused, k);
  static_cast<void>(w.e->step_drain(0));
  ASSERT_EQ(starts, 2);
  static_cast<void>(w.e->step_drain(0));
  ASSERT_EQ(starts, 3);
  EXPECT_EQ(w.e->parts().gates.of_kind(k.index).of().used(), 0u);
  EXPECT_FALSE(w.e->parts().queues.at(paused.index)->has_equipped());
  w.submit(other, k);
  w.submit(other, k);
  w.settle();
  EXPECT_EQ(starts, 5);
  ASSERT_TRUE(w.e->resume(w.context_of_host(), paused));
  w.settle();
  EXPECT_EQ(starts, 6);
}

}  // namespace
}  // namespace pawl
