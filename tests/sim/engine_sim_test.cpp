// The whole engine, simulated. Method: random runs from a seed on one thread and a virtual clock,
// compared with a model after every step (simulation.hpp).
#include <gtest/gtest.h>

#include "sim/simulation.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::scaled;
using test::simulation;
using test::simulation_shape;

void run_many(int runs, const simulation_shape& shape) {
  test::random_source random(test::fresh_seed());
  std::size_t jobs = 0;
  std::uint64_t shed = 0;
  std::uint64_t expired = 0;
  std::uint64_t requeued = 0;
  std::uint64_t overran = 0;
  for (int i = 0; i < runs; ++i) {
    const std::uint64_t seed = random();
    SCOPED_TRACE("inner seed " + std::to_string(seed));
    simulation s(seed, shape);
    s.run();
    if (::testing::Test::HasFailure()) return;
    jobs += s.jobs_seen();
    shed += s.deaths_seen(dead_cause::shed);
    expired += s.ends_seen(job_state::expired);
    requeued += s.requeues_seen();
    overran += s.overruns_seen();
  }
  std::printf("%zu jobs; %llu shed, %llu expired, %llu requeued, %llu overruns\n", jobs,
              static_cast<unsigned long long>(shed), static_cast<unsigned long long>(expired),
              static_cast<unsigned long long>(requeued), static_cast<unsigned long long>(overran));
  EXPECT_GT(jobs, 0u);
  if (shape.timed && !shape.stops) {
    EXPECT_GT(expired, 0u);
  }
}

TEST(engine_sim, agrees_with_the_model_where_time_does_not_matter) {
  run_many(scaled(10), {.drains = 1, .contexts = 1, .handlers_act = false, .timed = false});
  run_many(scaled(10), {.drains = 3, .contexts = 3, .queues = 10, .timed = false});
}

TEST(engine_sim, agrees_with_the_model_with_one_drain_and_one_submitter) {
  run_many(scaled(20), {.drains = 1, .contexts = 1, .handlers_act = false});
}

TEST(engine_sim, agrees_with_the_model_when_handlers_act_too) {
  run_many(scaled(20), {.drains = 1, .contexts = 2});
}

TEST(engine_sim, agrees_with_the_model_with_three_drains_and_many_queues) {
  run_many(scaled(15), {.drains = 3, .contexts = 4, .queues = 20});
}

TEST(engine_sim, agrees_with_the_model_when_the_scheduler_is_the_bound) {
  run_many(scaled(15), {.drains = 2, .contexts = 2, .queues = 4, .scheduler_bound = 25});
}

TEST(engine_sim, agrees_with_the_model_when_no_dead_job_is_kept) {
  run_many(scaled(10), {.drains = 1, .contexts = 2, .dead_in_memory = 0});
}

TEST(engine_sim, agrees_with_the_model_when_overruns_are_death) {
  run_many(scaled(15), {.drains = 2, .contexts = 2, .on_overrun = on_overrun::dead});
  run_many(scaled(10),
           {.drains = 3, .contexts = 2, .dead_in_memory = 2, .on_overrun = on_overrun::dead});
}

TEST(engine_sim, agrees_with_the_model_when_it_is_stopped_at_any_moment) {
  run_many(scaled(20), {.drains = 2, .contexts = 2, .stops = true});
}

TEST(engine_sim, the_same_seed_gives_the_same_trace) {
  const std::uint64_t seed = test::fresh_seed();
  const auto trace_of = [](std::uint64_t s) {
    simulation sim(s, {.drains = 2, .contexts = 3, .queues = 5});
    sim.run();
    return sim.trace();
  };
  const std::uint64_t first = trace_of(seed);
  EXPECT_EQ(first, trace_of(seed));
  EXPECT_NE(first, trace_of(seed + 1));
}

}  // namespace
}  // namespace pawl
