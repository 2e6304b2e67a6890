// A job that its kind's rate refuses is not forgotten when a start becomes ready just then. Found by a run
// at 500,000 starts a second: the look whether it may go after all and the time for the timer were two
// reads of the clock; in between the next start became ready, so there was neither a start nor a timer.
// Method: the engine on one thread, and a clock that moves on with each look at it.
#include <gtest/gtest.h>

#include "sim/stepped_world.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

TEST(rate, of_a_kind_forgets_no_job_however_time_passes) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 200; ++round) {
    test::stepped_world w;
    const auto burst = 1 + test::below<std::uint32_t>(random, 12);
    const kind_ref k = w.kind("k", {.limits = {.rate = {500'000, std::chrono::seconds(1), burst}}});
    w.open();
    const queue_ref q = w.queue("q");
    for (int i = 0; i < 100; ++i) w.submit(q, k);
    w.clock.per_look_ns = 1 + test::below<std::uint64_t>(random, 1'500);
    w.settle();
    w.clock.per_look_ns = 0;
    w.advance(std::chrono::milliseconds(1));
    ASSERT_EQ(w.e->health().jobs, 0u) << "burst " << burst;
  }
}

}  // namespace
}  // namespace pawl
