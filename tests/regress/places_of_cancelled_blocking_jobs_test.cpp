// Cancelled jobs leave nothing behind in the blocking pool while its threads are held. Found in review:
// each left its place in the list, without bound. Method: an engine without threads; jobs of a blocking
// kind are handed over and cancelled, many times as many as are alive at once; then the pool takes what
// is in its list, and counts what was stale.
#include <gtest/gtest.h>

#include <vector>

#include "sim/stepped_world.hpp"
#include "support/scale.hpp"

namespace pawl {
namespace {

TEST(places_of_cancelled_blocking_jobs, are_taken_out_of_the_pool) {
  test::stepped_world w;
  const kind_ref kind = w.kind("b", {.blocking = true});
  w.open();
  const queue_ref q = w.queue("q");
  constexpr std::size_t at_once = 500;
  constexpr std::uint64_t kept = 100;  // in the list all the time
  std::vector<job_id> first;
  for (std::uint64_t i = 0; i < kept; ++i) first.push_back(w.submit(q, kind));
  while (w.e->step_drain(0)) {
  }
  const std::uint64_t rounds = 40;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    std::vector<job_id> ids;
    for (std::size_t i = 0; i < at_once; ++i) ids.push_back(w.submit(q, kind));
    while (w.e->step_drain(0)) {
    }
    for (const job_id id : ids) ASSERT_TRUE(w.e->cancel(w.context_of_host(), id));
  }
  const std::uint64_t dropped_before = w.e->read_counters().stale_entries;
  while (w.e->step_blocking()) {
  }
  const std::uint64_t in_list = w.e->read_counters().stale_entries - dropped_before;
  EXPECT_LE(in_list, 4096 + 2 * kept + at_once) << "of " << rounds * at_once << " cancelled";
  EXPECT_EQ(w.e->read_counters().completed, kept);
  // In their order: what the sweep keeps it does not move.
  std::vector<job_id> started;
  for (const auto& c : w.changes) {
    if (c.what.state == job_state::running) started.push_back(c.what.id);
  }
  EXPECT_EQ(started, first);
}

}  // namespace
}  // namespace pawl
