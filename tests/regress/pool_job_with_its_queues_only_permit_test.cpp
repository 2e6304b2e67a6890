// A job of a blocking kind waits for a thread of the pool with the only permit of its queue. Another job
// of the queue finds no permit and closes it; the first one then found it closed, gave its permit up and
// came back to the front, and so on for ever, if drains were faster than the pool.
#include <gtest/gtest.h>

#include <vector>

#include "sim/stepped_world.hpp"

namespace pawl {
namespace {

TEST(pool_job, starts_with_the_only_permit_of_its_queue_while_that_is_closed_for_want_of_another) {
  test::stepped_world w;
  const kind_ref blocking = w.kind("blocking", {.blocking = true});
  const kind_ref plain = w.kind("plain");
  w.open();
  const queue_ref queue = w.queue("q", {.limits = {.concurrency = 1}});
  std::vector<job_id> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(w.submit(queue, blocking));
    all.push_back(w.submit(queue, plain));
  }
  ASSERT_NO_FATAL_FAILURE(w.settle());
  for (const job_id id : all) EXPECT_EQ(w.states_of(id).back(), job_state::completed);
}

}  // namespace
}  // namespace pawl
