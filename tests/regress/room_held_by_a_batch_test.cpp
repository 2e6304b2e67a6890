// A job that is done gives its room back at once, whatever its neighbours in the batch do. Found in
// review: room came back at the end of the batch, so a queue with one job alive said it was full.
#include <gtest/gtest.h>

#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::no_payload;

TEST(room, of_a_done_job_is_not_hostage_of_its_batch) {
  // Ten jobs in one batch of one drain; the tenth waits at a door.
  test::door way;
  registry kinds;
  const kind_ref quick =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  const kind_ref slow = kinds.add(
      "s",
      [](void* d, context&, std::span<const std::byte>) {
        static_cast<test::door*>(d)->wait();
        return outcome::done();
      },
      &way);
  options o = test::small_options();
  o.drains = 1;
  const auto s = test::open_or_exit(o, kinds);
  const queue_ref q = test::queue_or_exit(*s, "q", {.jobs_max = 10});
  ASSERT_TRUE(s->pause(q));
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(s->submit(q, quick, no_payload()));
  ASSERT_TRUE(s->submit(q, slow, no_payload()));
  ASSERT_TRUE(s->resume(q));
  ASSERT_TRUE(way.wait_for_arrivals(1));
  EXPECT_EQ(s->health().queues[0].jobs, 1u);
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(s->submit(q, quick, no_payload())) << i;
  EXPECT_EQ(s->submit(q, quick, no_payload()).reason, reject::queue_full);
  way.open();
}

}  // namespace
}  // namespace pawl
