// What a thief finds and cannot start must not wait for the owner of the batch. Found in review:
// places of blocking kinds, and of a queue that was paused for a moment, stayed with a drain that was
// inside a slow handler.
#include <gtest/gtest.h>

#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::eventually;
using test::no_payload;

class hostages : public ::testing::Test {
 protected:
  hostages() {
    quick =
        kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
    blocking =
        kinds.add("b", [](void*, context&, std::span<const std::byte>) { return outcome::done(); },
                  nullptr, {.blocking = true});
    slow = kinds.add(
        "s",
        [](void* d, context&, std::span<const std::byte>) {
          static_cast<test::door*>(d)->wait();
          return outcome::done();
        },
        &way);
    s = test::open_or_exit(test::small_options(), kinds);
    q = test::queue_or_exit(*s, "q");
  }
  ~hostages() override { way.open(); }

  // The slow one and 100 others, in one batch of a queue that was never served.
  void submit_behind_slow(kind_ref kind) {
    ASSERT_TRUE(s->pause(q));
    ASSERT_TRUE(s->submit(q, slow, no_payload()));
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(s->submit(q, kind, no_payload()));
  }

  test::door way;
  registry kinds;
  kind_ref quick;
  kind_ref blocking;
  kind_ref slow;
  std::unique_ptr<scheduler> s;
  queue_ref q;
};

TEST_F(hostages, blocking_jobs_behind_a_slow_handler_get_their_threads) {
  submit_behind_slow(blocking);
  ASSERT_TRUE(s->resume(q));
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == 100; }));
}

TEST_F(hostages, a_batch_that_a_pause_interrupted_goes_on_after_the_resume) {
  // The slow handler is inside; the others of its batch are looked at while the queue is paused.
  for (int round = 0; round < 20; ++round) {
    test::door own;
    registry more;
    const kind_ref hold = more.add(
        "s",
        [](void* d, context&, std::span<const std::byte>) {
          static_cast<test::door*>(d)->wait();
          return outcome::done();
        },
        &own);
    const kind_ref pauses = more.add(
        "p",
        [](void* d, context& job, std::span<const std::byte>) {
          if (!static_cast<test::door*>(d)->wait_for_arrivals(1)) return outcome::dead();
          return job.owner().pause(job.queue()) ? outcome::done() : outcome::dead();
        },
        &own);
    const kind_ref fine =
        more.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
    const auto sched = test::open_or_exit(test::small_options(), more);
    const queue_ref queue = test::queue_or_exit(*sched, "q");
    ASSERT_TRUE(sched->pause(queue));
    ASSERT_TRUE(sched->submit(queue, hold, no_payload()));
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(sched->submit(queue, fine, no_payload()));
    ASSERT_TRUE(sched->submit(queue, pauses, no_payload()));  // the first that a thief takes
    ASSERT_TRUE(sched->resume(queue));
    ASSERT_TRUE(own.wait_for_arrivals(1));
    ASSERT_TRUE(eventually([&] { return sched->health().queues[0].paused; }));
    ASSERT_TRUE(eventually([&] { return sched->health().drains_asleep == 1; }));
    ASSERT_TRUE(sched->resume(queue));
    EXPECT_TRUE(eventually([&] { return sched->read_counters().completed == 51; }));
    own.open();
    EXPECT_TRUE(eventually([&] { return sched->read_counters().completed == 52; }));
  }
}

}  // namespace
}  // namespace pawl
