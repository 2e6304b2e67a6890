// Places of cancelled jobs do not pile up where nobody pops them. Method: the engine on one thread, in
// a queue that is paused or whose drain is not stepped; jobs are submitted and cancelled, and the
// sizes of the bands are looked at after each cancel. Then the queue runs: what is left must start in
// submit order, and the stale places that the drain meets are counted.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "engine/engine.hpp"
#include "engine/intake.hpp"
#include "sim/manual_clock.hpp"
#include "support/opened.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::bytes_of;

// engine/sweeping.cpp: a band is swept once it has seen so many cancels, or as many as jobs of its
// queue are alive if those are more.
constexpr std::size_t cancels_min = 4096;

constexpr unsigned normal = static_cast<unsigned>(priority::normal);
constexpr unsigned low = static_cast<unsigned>(priority::low);

class sweeping : public ::testing::Test {
 protected:
  sweeping() {
    kind_ = kinds_.add(
        "k",
        [](void* self, context& job, std::span<const std::byte> payload) {
          static_cast<sweeping*>(self)->started_[static_cast<unsigned>(job.priority())].push_back(
              test::value_of<int>(payload));
          return outcome::done();
        },
        this);
    options o = test::small_options();
    o.drains = 1;
    engine::environment world;
    world.clock = &clock_;
    world.run_by = executor::stepped;
    auto built = engine::build(o, kinds_, world);
    if (!built) std::abort();
    engine_ = std::move(*built);
    context_ = engine_->parts().contexts.add(context_role::application, 0);
    ref_ = *engine_->queue(*context_, "q", {.jobs_max = 100'000});
  }
  ~sweeping() override { static_cast<void>(engine_->stop(duration(0))); }

  job_id submit(int number, unsigned band = normal) {
    const submit_answer a = take_in(engine_->parts(), *context_, ref_, kind_, bytes_of(number),
                                    {.priority = static_cast<priority>(band)});
    EXPECT_TRUE(a);
    return a.ticket.id;
  }
  void cancel(job_id id) { ASSERT_TRUE(engine_->cancel(*context_, id)); }
  void submit_and_cancel(int count, unsigned band = normal) {
    for (int i = 0; i < count; ++i) cancel(submit(-1, band));
  }
  std::vector<job_id> submit_many(int count, unsigned band = normal) {
    std::vector<job_id> ids;
    for (int i = 0; i < count; ++i) ids.push_back(submit(i, band));
    return ids;
  }

  ready_queue& queue() { return *engine_->parts().queues.at(ref_.index); }
  std::size_t places(unsigned band = normal) { return queue().band_of(band).size(); }
  bool front_is_empty(unsigned band = normal) { return queue().front_of(band).looks_empty(); }
  std::uint64_t stale_places_met() { return engine_->read_counters().stale_entries; }

  void run() {
    while (engine_->step_drain(0)) clock_.now_ns += 1000;
  }
  static std::vector<int> numbers(int count) {
    std::vector<int> all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  test::manual_clock clock_;
  registry kinds_;
  kind_ref kind_;
  std::unique_ptr<engine> engine_;
  thread_context* context_ = nullptr;
  queue_ref ref_;
  std::vector<int> started_[priority_count];
};

TEST_F(sweeping, two_hundred_thousand_cancels_in_a_paused_queue_leave_few_places) {
  constexpr int survivors = 100;
  ASSERT_TRUE(engine_->pause(*context_, ref_, {}));
  std::size_t most = 0;
  for (int i = 0; i < survivors; ++i) {
    submit(i);
    for (int j = 0; j < 2000; ++j) {
      cancel(submit(-1));
      most = std::max(most, places());
    }
  }
  std::printf("at most %zu places\n", most);
  EXPECT_LE(most, cancels_min + survivors);
  EXPECT_FALSE(queue().gate().is_closed_for(gate_reason::sweeping));
  run();
  EXPECT_TRUE(started_[normal].empty()) << "it is paused";
  ASSERT_TRUE(engine_->resume(*context_, ref_));
  EXPECT_TRUE(queue().gate().is_open());
  run();
  EXPECT_EQ(started_[normal], numbers(survivors)) << "in submit order";
  EXPECT_LE(stale_places_met(), cancels_min) << "the others had been swept out";
}

TEST_F(sweeping, a_queue_that_is_not_paused_is_open_and_active_after_a_sweep) {
  const std::vector<job_id> gone = submit_many(cancels_min);
  submit(0);
  submit(1);
  for (const job_id id : gone) cancel(id);
  EXPECT_EQ(places(), 0u) << "swept";
  EXPECT_FALSE(front_is_empty());
  EXPECT_TRUE(queue().gate().is_open());
  EXPECT_TRUE(engine_->parts().active.any());
  submit(2);
  run();
  EXPECT_EQ(started_[normal], numbers(3));
  EXPECT_EQ(stale_places_met(), 0u);
}

TEST_F(sweeping, a_drain_that_found_the_queue_paused_finds_the_jobs_after_the_resume) {
  // The drain clears the active bit of the paused queue before the sweep moves its jobs.
  ASSERT_TRUE(engine_->pause(*context_, ref_, {}));
  submit(0);
  run();
  submit_and_cancel(cancels_min);
  EXPECT_EQ(places(), 0u);
  ASSERT_TRUE(engine_->resume(*context_, ref_));
  run();
  EXPECT_EQ(started_[normal], numbers(1));
}

TEST_F(sweeping, what_one_sweep_kept_and_was_cancelled_then_is_dropped_by_the_next) {
  // The first sweep moves the survivors to the front list; nothing may pile up there either.
  ASSERT_TRUE(engine_->pause(*context_, ref_, {}));
  const std::vector<job_id> kept = submit_many(3000);
  submit_and_cancel(cancels_min);
  EXPECT_EQ(places(), 0u);
  EXPECT_FALSE(front_is_empty());
  for (const job_id id : kept) cancel(id);
  submit_and_cancel(static_cast<int>(cancels_min - kept.size()));
  EXPECT_EQ(places(), 0u);
  EXPECT_TRUE(front_is_empty());
  submit(0);
  ASSERT_TRUE(engine_->resume(*context_, ref_));
  run();
  EXPECT_EQ(started_[normal], numbers(1));
  EXPECT_EQ(stale_places_met(), 0u);
}

TEST_F(sweeping, a_sweep_waits_until_as_many_were_cancelled_as_are_alive) {
  // Or each cancel would pay for a look at many jobs that live.
  constexpr int alive = 10'000;
  ASSERT_TRUE(engine_->pause(*context_, ref_, {}));
  submit_many(alive);
  const std::uint64_t in_use = queue().room().in_use();  // what this thread set aside counts
  ASSERT_GE(in_use, static_cast<std::uint64_t>(alive));
  for (std::uint64_t i = 1; places() != 0; ++i) {
    ASSERT_LE(i, in_use) << "too late";
    cancel(submit(-1));
    if (i < alive) {
      ASSERT_EQ(places(), alive + i) << "too early";
    }
  }
  submit_and_cancel(1000);
  EXPECT_EQ(places(), 1000u) << "the next one waits as long again";
  ASSERT_TRUE(engine_->resume(*context_, ref_));
  run();
  EXPECT_EQ(started_[normal], numbers(alive));
}

TEST_F(sweeping, the_bands_of_a_queue_are_counted_and_swept_each_for_itself) {
  ASSERT_TRUE(engine_->pause(*context_, ref_, {}));
  submit(0, normal);
  submit(0, low);
  submit_and_cancel(cancels_min - 1, normal);
  submit_and_cancel(cancels_min - 1, low);
  EXPECT_EQ(places(normal), cancels_min);
  EXPECT_EQ(places(low), cancels_min);
  submit_and_cancel(1, normal);
  EXPECT_EQ(places(normal), 0u);
  EXPECT_EQ(places(low), cancels_min) << "not its turn";
  EXPECT_TRUE(front_is_empty(low));
  submit(1, normal);
  submit(1, low);
  submit_and_cancel(1, low);
  EXPECT_EQ(places(normal), 1u) << "not its turn";
  EXPECT_EQ(places(low), 0u);
  ASSERT_TRUE(engine_->resume(*context_, ref_));
  run();
  EXPECT_EQ(started_[normal], numbers(2));
  EXPECT_EQ(started_[low], numbers(2));
  EXPECT_EQ(stale_places_met(), 0u);
}

TEST_F(sweeping, random_survivors_start_in_submit_order_whatever_was_swept) {
  // Pauses, resumes, steps and cancels of random jobs in three bands; often the queue is swept with
  // places in the band and in the front list.
  test::random_source random(test::fresh_seed());
  std::vector<std::pair<int, job_id>> alive[3];
  std::vector<bool> cancelled;
  std::vector<int> submitted[3];
  std::size_t most = 0;
  bool paused = true;
  ASSERT_TRUE(engine_->pause(*context_, ref_, {}));
  for (int i = 0; i < 60'000; ++i) {
    const auto band = test::below<unsigned>(random, 3);
    const auto number = static_cast<int>(cancelled.size());
    alive[band].push_back({number, submit(number, band)});
    submitted[band].push_back(number);
    cancelled.push_back(false);
    while (alive[band].size() > 300) {
      const auto at = test::below<std::size_t>(random, alive[band].size());
      const auto answer = engine_->cancel(*context_, alive[band][at].second);
      if (answer) cancelled[static_cast<std::size_t>(alive[band][at].first)] = true;
      alive[band].erase(alive[band].begin() + static_cast<std::ptrdiff_t>(at));
    }
    most = std::max(most, places(band));
    if (test::one_in(random, 5000)) {
      paused = !paused;
      ASSERT_TRUE(paused ? engine_->pause(*context_, ref_, {}) : engine_->resume(*context_, ref_));
    }
    if (!paused && test::one_in(random, 500)) engine_->step_drain(0);
  }
  if (paused) {
    ASSERT_TRUE(engine_->resume(*context_, ref_));
  }
  run();
  for (unsigned band = 0; band < 3; ++band) {
    std::vector<int>& expected = submitted[band];
    std::erase_if(expected, [&](int n) { return cancelled[static_cast<std::size_t>(n)]; });
    EXPECT_EQ(started_[band], expected) << "band " << band;
  }
  EXPECT_LE(most, cancels_min + 1000);
}

}  // namespace
}  // namespace pawl
