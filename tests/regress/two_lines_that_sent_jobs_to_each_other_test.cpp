// Jobs waited in the line of their kind and others of the same sort in the line of their tenant. Who came
// out of one line found the other one not empty, gave its permit up and joined that one's end; so jobs went
// from line to line for ever, and none started.
#include <gtest/gtest.h>

#include <vector>

#include "sim/stepped_world.hpp"

namespace pawl {
namespace {

TEST(two_lines, of_kind_and_tenant_let_all_jobs_start) {
  test::stepped_world w;
  const kind_ref kind = w.kind("k", {.limits = {.concurrency = 2}});
  w.open();
  const queue_ref queue = w.queue("q");
  const tenant_ref tenant = *w.e->tenant(w.context_of_host(), "t", {.limits = {.concurrency = 2}});
  std::vector<job_id> all;
  const auto submit_and_park = [&](scope closed) {
    ASSERT_TRUE(w.e->pause(w.context_of_host(), closed, {}));
    for (int i = 0; i < 20; ++i) all.push_back(w.submit(queue, kind, {.tenant = tenant}));
    ASSERT_NO_FATAL_FAILURE(w.settle());
  };
  ASSERT_NO_FATAL_FAILURE(submit_and_park(tenant));
  ASSERT_NO_FATAL_FAILURE(submit_and_park(kind));
  ASSERT_TRUE(w.e->resume(w.context_of_host(), kind));
  ASSERT_TRUE(w.e->resume(w.context_of_host(), tenant));
  ASSERT_NO_FATAL_FAILURE(w.settle());
  for (const job_id id : all) EXPECT_EQ(w.states_of(id).back(), job_state::completed);
}

}  // namespace
}  // namespace pawl
