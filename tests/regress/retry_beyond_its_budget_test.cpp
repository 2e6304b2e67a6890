// A retry that its queue's budget put off was still due, for everybody else, at the time it had been planned for: find()
// named a time that had passed, and once the job was ready it counted as waiting since then.
#include <gtest/gtest.h>

#include <vector>

#include "pawl/testing.hpp"
#include "support/opened.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;
using pawl::testing::test_scheduler;

TEST(retry_beyond_its_budget, is_due_when_the_budget_lets_it_be) {
  registry kinds;
  const auto fail_once = [](void*, context& job, std::span<const std::byte>) {
    return job.attempt() == 1 ? outcome::retry(1s) : outcome::done();
  };
  const kind_ref k = kinds.add("k", fail_once, nullptr, {.max_attempts = 2});
  options o = small_options();
  o.histograms = true;
  auto opened = test_scheduler::open(o, kinds, 1);
  ASSERT_TRUE(opened);
  test_scheduler& t = **opened;
  const queue_ref q = queue_or_exit(*t, "q", {.retries_per_s_max = 1});
  std::vector<job_id> jobs;
  for (int i = 0; i < 10; ++i) {
    const submit_answer a = t->submit(q, k, no_payload());
    ASSERT_TRUE(a);
    jobs.push_back(a.ticket.id);
  }
  t.advance(1s);  // one second's worth of retries is one
  for (int second = 1; second <= 10; ++second) {
    EXPECT_EQ(t->read_counters().completed, static_cast<unsigned>(second));
    for (const job_id id : jobs) {
      const auto found = t->find(id);
      if (!found || found->state != job_state::scheduled) continue;
      EXPECT_GT(found->due, t.now());
    }
    t.advance(1s);
  }
  EXPECT_EQ(t->read_counters().completed, jobs.size());
  EXPECT_LT(t->read_metrics().queues.at(0).times.lag.quantile(1), 1ms);
}

}  // namespace
}  // namespace pawl::test
