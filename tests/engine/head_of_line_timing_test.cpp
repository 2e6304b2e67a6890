// No job waits behind a slow one while somebody is idle. Method: a paused queue gets one handler of
// 1 s and 255 of 1 us in one bulk; a queue that was never served is given the largest batch, so one
// drain takes all 256 and the other must steal. Time runs from the slow one's start to the end of the
// last of the 255. In every round the slow one must still run when they have ended, so none was a hostage.
// The 5 ms are asked of the best of twelve rounds only: others may hold up a noisy machine at any moment.
// So this shows that nothing in the way of a steal takes longer, not that no steal ever does.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::no_payload;
using test::open_or_exit;
using test::queue_or_exit;

using clock = std::chrono::steady_clock;

struct world {
  std::atomic<std::int64_t> slow_start{0};
  std::atomic<std::int64_t> last_end{0};
  std::atomic<int> short_ends{0};
  std::atomic<bool> release{false};

  static std::int64_t now() { return clock::now().time_since_epoch().count(); }
  static outcome run_slow(void* self, context&, std::span<const std::byte>) {
    auto& w = *static_cast<world*>(self);
    w.slow_start = now();
    const std::int64_t until = now() + std::chrono::nanoseconds(1s).count();
    while (now() < until && !w.release.load()) std::this_thread::sleep_for(5ms);
    return outcome::done();
  }
  static outcome run_short(void* self, context&, std::span<const std::byte>) {
    auto& w = *static_cast<world*>(self);
    const std::int64_t until = now() + 1000;
    while (now() < until) {
    }
    const std::int64_t end = now();
    std::int64_t seen = w.last_end.load();
    while (end > seen && !w.last_end.compare_exchange_weak(seen, end)) {
    }
    ++w.short_ends;
    return outcome::done();
  }
};

TEST(head_of_line, short_jobs_end_within_five_milliseconds_in_the_best_of_twelve_rounds) {
  world w;
  registry kinds;
  const kind_ref slow = kinds.add("slow", world::run_slow, &w);
  const kind_ref quick = kinds.add("quick", world::run_short, &w);
  options o = test::small_options();
  o.drains = 2;
  const auto s = open_or_exit(o, kinds);
  std::int64_t best = INT64_MAX;
  for (int round = 0; round < 12 && best >= 5'000'000; ++round) {
    const queue_ref q = queue_or_exit(*s, "round" + std::to_string(round));
    ASSERT_TRUE(s->pause(q));
    w.release = false;
    w.short_ends = 0;
    w.last_end = 0;
    const std::uint64_t stolen = s->read_counters().stolen;
    const auto first = s->submit(q, slow, no_payload());
    const std::vector<job_spec> rest(255);
    ASSERT_TRUE(s->submit_bulk(q, quick, rest));
    ASSERT_TRUE(s->resume(q));
    ASSERT_TRUE(test::eventually([&] { return w.short_ends == 255; }));
    const std::int64_t took = w.last_end - w.slow_start;
    EXPECT_EQ(s->find(first.ticket.id)->state, job_state::running) << "they did not wait for it";
    // All stolen before the slow one was under way: fine, but not what is measured here.
    if (took > 0) best = std::min(best, took);
    w.release = true;
    ASSERT_TRUE(s->wait(first.ticket.id, test::patience));
    std::printf("%.3f ms, %llu stolen\n", static_cast<double>(took) / 1e6,
                static_cast<unsigned long long>(s->read_counters().stolen - stolen));
    EXPECT_GE(s->read_counters().stolen - stolen, 200u) << "they were in one batch";
  }
  EXPECT_LT(best, 5'000'000);
}

// After a storm of jobs too short for two drains, one of the two naps. Then a job turns out long: the
// next short one must not wait for it. As above, the best of some rounds.
TEST(head_of_line,
     a_drain_that_naps_is_back_before_a_job_is_a_hostage_in_the_best_of_twelve_rounds) {
  world w;
  registry kinds;
  const kind_ref slow = kinds.add("slow", world::run_slow, &w);
  const kind_ref quick = kinds.add("quick", world::run_short, &w);
  const kind_ref empty = kinds.add(
      "empty", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  options o = test::small_options();
  o.drains = 2;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q", {.when_full = when_full::block});
  std::int64_t best = INT64_MAX;
  for (int round = 0; round < 12 && best >= 5'000'000; ++round) {
    w.release = false;
    w.short_ends = 0;
    w.last_end = 0;
    for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(s->submit(q, empty, no_payload()));
    const auto first = s->submit(q, slow, no_payload());
    const std::int64_t submitted = world::now();
    ASSERT_TRUE(s->submit(q, quick, no_payload()));
    ASSERT_TRUE(test::eventually([&] { return w.short_ends == 1; }));
    best = std::min(best, w.last_end - submitted);
    EXPECT_EQ(s->find(first.ticket.id)->state, job_state::running);
    w.release = true;
    ASSERT_TRUE(s->wait(first.ticket.id, test::patience));
  }
  std::printf("%.3f ms\n", static_cast<double>(best) / 1e6);
  EXPECT_LT(best, 5'000'000);
}

}  // namespace
}  // namespace pawl
