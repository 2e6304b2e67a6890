// Histograms of waiting and running. Method: the buckets against their definition and against exact
// quantiles of the sorted times; then an engine without threads and with a clock of its own, where each
// time is known; then threads, where the counts must fit the counters.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "engine/job_times.hpp"
#include "sim/stepped_world.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::below;
using test::stepped_world;

std::uint64_t ns_of(duration d) {
  return static_cast<std::uint64_t>(d.count());
}

TEST(histogram_test, buckets_follow_each_other_and_are_narrow) {
  EXPECT_EQ(histogram::least_ns(0), 0u);
  for (std::size_t i = 0; i < histogram::bucket_count; ++i) {
    const std::uint64_t least = histogram::least_ns(i);
    const std::uint64_t greatest = histogram::greatest_ns(i);
    ASSERT_EQ(histogram::bucket_of(least), i);
    ASSERT_EQ(histogram::bucket_of(greatest), i);
    ASSERT_LE(16 * (greatest - least), least);
    if (i + 1 < histogram::bucket_count) {
      ASSERT_EQ(histogram::least_ns(i + 1), greatest + 1);
    }
  }
  EXPECT_EQ(histogram::greatest_ns(histogram::bucket_count - 1), std::uint64_t{INT64_MAX});
  EXPECT_EQ(histogram::bucket_of(UINT64_MAX), histogram::bucket_count - 1);
}

TEST(histogram_test, is_empty_at_first) {
  const histogram h;
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.sum_seconds(), 0.0);
  EXPECT_EQ(h.mean().count(), 0);
  EXPECT_EQ(h.quantile(0.5).count(), 0);
  EXPECT_EQ(h.count_up_to(std::chrono::hours(1)), 0u);
}

// Of many shapes: a few equal times, wide spreads, one far away.
TEST(histogram_test, quantiles_are_the_exact_ones_or_up_to_a_sixteenth_more) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < test::scaled(400); ++round) {
    const std::uint64_t widest = 1 + below(random, 62);
    std::vector<std::uint64_t> times(1 + below(random, 300));
    time_recorder first;
    time_recorder second;  // of another thread
    long double sum = 0;
    for (std::uint64_t& t : times) {
      t = random() >> (63 - below(random, widest));
      t = std::min<std::uint64_t>(t, INT64_MAX);
      sum += static_cast<long double>(t);
      (test::one_in(random, 2) ? first : second).record(t);
    }
    histogram h;
    first.add_to(h);
    second.add_to(h);
    histogram twice = h;
    twice += h;
    std::sort(times.begin(), times.end());
    ASSERT_EQ(h.count(), times.size());
    ASSERT_EQ(twice.count(), 2 * times.size());
    const auto seconds = static_cast<double>(sum * 1e-9L);
    ASSERT_NEAR(h.sum_seconds(), seconds, seconds * 1e-12 + 1e-12);
    ASSERT_NEAR(twice.sum_seconds(), 2 * seconds, seconds * 2e-12 + 1e-12);
    for (const double part : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const double place = std::ceil(part * static_cast<double>(times.size()));
      const auto rank = static_cast<std::size_t>(std::max(place, 1.0));
      const std::uint64_t exact = times[rank - 1];
      const std::uint64_t said = ns_of(h.quantile(part));
      ASSERT_GE(said, exact) << part;
      ASSERT_LE(said - exact, exact / 16) << part;
      ASSERT_EQ(twice.quantile(part), h.quantile(part));
    }
    const std::uint64_t limit = times[below(random, times.size())];
    const auto at_most = [&](std::uint64_t most) {
      return static_cast<std::uint64_t>(std::upper_bound(times.begin(), times.end(), most) -
                                        times.begin());
    };
    const std::uint64_t counted = h.count_up_to(duration(static_cast<std::int64_t>(limit)));
    ASSERT_GE(counted, at_most(limit));
    ASSERT_LE(counted, at_most(limit + limit / 16));
  }
}

// A long backlog: the sum of its times does not fit in 64 bits of nanoseconds.
TEST(histogram_test, sums_of_centuries_do_not_overflow) {
  time_recorder r;
  constexpr std::uint64_t century_ns = 3'155'760'000'000'000'000;
  for (int i = 0; i < 100; ++i) r.record(century_ns);
  histogram h;
  r.add_to(h);
  EXPECT_NEAR(h.sum_seconds(), 100 * 3.15576e9, 1.0);
  EXPECT_NEAR(static_cast<double>(h.mean().count()), static_cast<double>(century_ns), 1e4);
}

class job_times_test : public ::testing::Test {
 protected:
  void open() {
    w_.wanted.histograms = true;
    kind_ = w_.kind("k", {.max_attempts = 3,
                          .backoff = {.jitter = jitter::none, .base = std::chrono::seconds(1)}});
    w_.open();
    queue_ = w_.queue("q");
  }
  job_histograms times() { return w_.e->read_metrics().queues.at(0).times; }
  // The only time there is, within the width of its bucket.
  static void expect_one(const histogram& h, duration exact, duration late = {}) {
    ASSERT_EQ(h.count(), 1u);
    EXPECT_NEAR(h.sum_seconds(), 1e-9 * static_cast<double>(exact.count()),
                1e-9 * static_cast<double>(late.count()) + 1e-12);
    EXPECT_GE(h.quantile(1), exact);
  }

  stepped_world w_;
  kind_ref kind_;
  queue_ref queue_;
};

TEST_F(job_times_test, a_job_that_was_ready_has_waited) {
  open();
  w_.act = [&](context&) {
    w_.leap(std::chrono::milliseconds(7));
    return outcome::done();
  };
  w_.submit(queue_, kind_);
  w_.leap(std::chrono::milliseconds(30));
  w_.settle();
  const job_histograms t = times();
  expect_one(t.wait, std::chrono::milliseconds(30));
  expect_one(t.run, std::chrono::milliseconds(7));
  expect_one(t.total, std::chrono::milliseconds(37));
  EXPECT_EQ(t.lag.count(), 0u);
  const metrics m = w_.e->read_metrics();
  expect_one(m.kinds.at(0).times.run, std::chrono::milliseconds(7));
  ASSERT_EQ(m.pairs.size(), 1u);
  expect_one(m.pairs[0].times.wait, std::chrono::milliseconds(30));
}

TEST_F(job_times_test, a_delayed_job_has_lagged_behind_its_due_time_by_either_clock) {
  open();
  w_.submit(queue_, kind_, {.after = std::chrono::seconds(5)});
  w_.leap(std::chrono::seconds(8));
  w_.settle();
  expect_one(times().lag, std::chrono::seconds(3));
  expect_one(times().total, std::chrono::seconds(8));
  const auto wall = std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          duration(static_cast<std::int64_t>(w_.clock.wall_ns()))));
  w_.submit(queue_, kind_, {.at = wall + std::chrono::seconds(2)});
  w_.leap(std::chrono::seconds(6));
  w_.settle();
  const job_histograms t = times();
  ASSERT_EQ(t.lag.count(), 2u);
  EXPECT_NEAR(t.lag.sum_seconds(), 3.0 + 4.0, 1e-6);
  EXPECT_EQ(t.wait.count(), 0u);
}

TEST_F(job_times_test, each_attempt_runs_and_only_the_last_one_ends_the_job) {
  open();
  w_.act = [&](context&) {
    w_.leap(std::chrono::milliseconds(10));
    return outcome::fail();
  };
  const job_id id = w_.submit(queue_, kind_);
  w_.advance(std::chrono::seconds(60));
  EXPECT_EQ(w_.find(id).state, job_state::dead);
  const job_histograms t = times();
  EXPECT_EQ(t.wait.count(), 1u);
  EXPECT_EQ(t.lag.count(), 2u);
  EXPECT_EQ(t.run.count(), 3u);
  EXPECT_NEAR(t.run.sum_seconds(), 0.03, 1e-9);
  ASSERT_EQ(t.total.count(), 1u);
  EXPECT_GE(t.total.quantile(1), std::chrono::seconds(2));
}

TEST_F(job_times_test, a_job_that_never_started_has_no_times) {
  open();
  static_cast<void>(w_.e->cancel(w_.context_of_host(),
                                 w_.submit(queue_, kind_, {.after = std::chrono::hours(1)})));
  w_.submit(queue_, kind_, {.after = std::chrono::hours(1), .expires = std::chrono::minutes(1)});
  w_.advance(std::chrono::hours(2));
  const job_histograms t = times();
  EXPECT_EQ(t.wait.count() + t.lag.count() + t.run.count() + t.total.count(), 0u);
}

TEST_F(job_times_test, without_the_option_nothing_is_kept) {
  kind_ = w_.kind("k");
  w_.open();
  queue_ = w_.queue("q");
  w_.submit(queue_, kind_);
  w_.settle();
  EXPECT_EQ(w_.e->read_counters().completed, 1u);
  EXPECT_EQ(times().run.count(), 0u);
  w_.e->parts().contexts.for_each([](const thread_context& t) {
    t.tallies.for_each([](const pair_tally& one) { EXPECT_EQ(one.times.load(), nullptr); });
  });
}

// Without hooks, which are the host's: then the end of one job may be the start of the next.
TEST(job_times_batch_test, each_job_of_a_batch_has_its_own_time_and_not_that_between_batches) {
  test::manual_clock clock;
  registry kinds;
  const kind_ref kind = kinds.add(
      "k",
      [](void* user, context&, std::span<const std::byte>) {
        static_cast<test::manual_clock*>(user)->now_ns += 10'000'000;
        return outcome::done();
      },
      &clock);
  options wanted = test::small_options();
  wanted.drains = 1;
  wanted.histograms = true;
  engine::environment world;
  world.clock = &clock;
  world.run_by = executor::stepped;
  auto built = engine::build(wanted, kinds, world);
  ASSERT_TRUE(built);
  engine& e = **built;
  thread_context& host = *e.parts().contexts.add(context_role::application, 0);
  const queue_ref queue = *e.queue(host, "q", {});
  for (int batch = 0; batch < 3; ++batch) {
    for (int i = 0; i < 5; ++i)
      ASSERT_TRUE(take_in(e.parts(), host, queue, kind, test::no_payload(), {}));
    while (e.step_drain(0)) {
    }
    clock.now_ns += 1'000'000'000;
  }
  const job_histograms t = e.read_metrics().queues.at(0).times;
  EXPECT_EQ(t.run.count(), 15u);
  EXPECT_NEAR(t.run.sum_seconds(), 15 * 0.01, 1e-9);
  EXPECT_NEAR(t.wait.sum_seconds(), 3 * (0.01 + 0.02 + 0.03 + 0.04), 1e-9);
  EXPECT_NEAR(t.total.sum_seconds(), 3 * (0.01 + 0.02 + 0.03 + 0.04 + 0.05), 1e-9);
  static_cast<void>(e.stop(duration(0)));
}

TEST(job_times_threads_test, counts_fit_the_counters_and_nothing_goes_back) {
  registry kinds;
  const kind_ref kind = kinds.add(
      "k",
      [](void*, context& job, std::span<const std::byte>) {
        return job.attempt() == 1 && job.id().value % 8 == 0 ? outcome::fail() : outcome::done();
      },
      nullptr, {.backoff = {.jitter = jitter::none, .base = std::chrono::milliseconds(1)}});
  options wanted = test::small_options();
  wanted.histograms = true;
  auto s = test::open_or_exit(wanted, kinds);
  const queue_ref q = test::queue_or_exit(*s, "q");
  const auto jobs = static_cast<std::uint64_t>(test::scaled(100'000));
  std::atomic<bool> over{false};
  std::thread reader([&] {
    std::uint64_t last = 0;
    while (!over.load()) {
      const job_histograms t = s->read_metrics().queues.at(0).times;
      EXPECT_GE(t.run.count(), last);
      last = t.run.count();
    }
  });
  for (std::uint64_t i = 0; i < jobs; ++i) {
    const bool later = i % 16 == 0;
    ASSERT_TRUE(s->submit(q, kind, test::no_payload(),
                          {.after = std::chrono::microseconds(later ? 500 : 0)}));
  }
  EXPECT_TRUE(test::eventually([&] { return s->read_counters().completed == jobs; }));
  over.store(true);
  reader.join();
  const metrics m = s->read_metrics();
  const job_histograms& t = m.queues.at(0).times;
  EXPECT_EQ(t.wait.count() + t.lag.count(), m.total.started);
  EXPECT_EQ(t.lag.count(), m.total.retried + (jobs + 15) / 16);
  EXPECT_EQ(t.run.count(), m.total.started);
  EXPECT_EQ(t.total.count(), jobs);
}

// Against the exact clock read before and after, where nothing came in between. What came in between the
// clock and the counter when a reading was made shows until the next one, so nine of ten must be near.
TEST(measuring_clock_test, is_near_the_exact_clock) {
  const measuring_clock clock;
  clock_source::reading r;
  int looks = 0;
  int near_looks = 0;
  const std::uint64_t warm_ns =
      clock.boot_ns() + 10'000'000;  // it has measured the counter's speed
  while (clock.recent_boot_ns(r) < warm_ns) {
  }
  for (int i = 0; i < 200'000 && looks < 10'000; ++i) {
    const std::uint64_t before = clock.boot_ns();
    const std::uint64_t near = clock.recent_boot_ns(r);
    const std::uint64_t after = clock.boot_ns();
    if (after - before > 1'000) continue;
    ++looks;
    const std::uint64_t off = near < before ? before - near : near > after ? near - after : 0;
    near_looks += off < 1'000 ? 1 : 0;
  }
  EXPECT_GT(looks, 100);
  EXPECT_GE(near_looks * 10, looks * 9);
}

}  // namespace
}  // namespace pawl
