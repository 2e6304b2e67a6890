// After pause() returned nothing starts. Method: load from several threads, plain and blocking kinds,
// batches in hand; pause and resume over and over while every entry into a handler is counted.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::eventually;
using test::no_payload;
using test::on_threads;
using test::open_or_exit;
using test::queue_or_exit;
using test::scaled;
using test::small_options;
using test::value_of;

class pausing : public ::testing::Test {
 protected:
  pausing() : runs(1000) {
    const auto enter = [](void* self, context&, std::span<const std::byte> payload) {
      auto& p = *static_cast<pausing*>(self);
      p.entries.fetch_add(1);
      p.runs[value_of<std::size_t>(payload)].fetch_add(1);
      return outcome::done();
    };
    plain = kinds.add("k", enter, this);
    blocking = kinds.add("b", enter, this, {.blocking = true});
  }
  unsigned running() const {
    unsigned n = 0;
    for (const thread_health& t : s->health().threads) n += t.running ? 1 : 0;
    return n;
  }

  std::atomic<std::uint64_t> entries{0};
  std::vector<std::atomic<int>> runs;
  registry kinds;
  kind_ref plain;
  kind_ref blocking;
  std::unique_ptr<scheduler> s;
};

TEST_F(pausing, nothing_starts_after_pause_returned_and_resume_loses_nothing) {
  options o = small_options();
  o.blocking_threads_max = 2;
  s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 20'000});
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> accepted{0};
  on_threads(3, [&](int thread) {
    if (thread < 2) {
      const std::size_t value = 0;
      for (unsigned i = 0; !done.load(); ++i) {
        if (s->submit(q, i % 40 == 0 ? blocking : plain, bytes_of(value),
                      {.priority = static_cast<priority>(i % 8)})) {
          ++accepted;
        } else {
          std::this_thread::sleep_for(100us);  // full
        }
      }
      return;
    }
    for (int round = 0; round < scaled(2000); ++round) {
      ASSERT_TRUE(s->pause(q));
      // What the board shows as running now may not have entered its handler yet. Nothing else may.
      const std::uint64_t started = running();
      const std::uint64_t most = entries.load() + started;
      for (int i = 0; i < 3; ++i) {
        std::this_thread::sleep_for(50us);
        EXPECT_LE(entries.load(), most) << "after pause " << round;
      }
      ASSERT_TRUE(s->resume(q));
      std::this_thread::sleep_for(std::chrono::microseconds(round % 200));
    }
    done = true;
  });
  done = true;
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == accepted.load(); }))
      << s->read_counters().completed << " of " << accepted.load();
  EXPECT_EQ(entries.load(), accepted.load());
  std::printf("%llu jobs\n", static_cast<unsigned long long>(accepted.load()));
}

TEST_F(pausing, a_pause_of_one_queue_is_nothing_to_another) {
  s = open_or_exit(small_options(), kinds);
  const queue_ref a = queue_or_exit(*s, "a");
  const queue_ref b = queue_or_exit(*s, "b");
  ASSERT_TRUE(s->pause(a));
  const std::size_t zero = 0;
  ASSERT_TRUE(s->submit(a, plain, bytes_of(zero)));
  for (std::size_t i = 1; i < 1000; ++i) ASSERT_TRUE(s->submit(b, plain, bytes_of(i)));
  EXPECT_TRUE(eventually([&] { return entries.load() == 999; }));
  EXPECT_EQ(runs[0].load(), 0);
  const health_report h = s->health();
  EXPECT_TRUE(h.queues[0].paused);
  EXPECT_FALSE(h.queues[1].paused);
  ASSERT_TRUE(s->resume(a));
  EXPECT_TRUE(eventually([&] { return runs[0].load() == 1; }));
}

TEST_F(pausing, a_handler_may_pause_its_own_queue_with_a_batch_in_hand) {
  // The first of 200 jobs pauses: with one drain none of the others starts until the resume.
  registry own;
  struct notes {
    std::atomic<int> ran{0};
  } n;
  const kind_ref first = own.add(
      "first",
      [](void* user, context& job, std::span<const std::byte>) {
        ++static_cast<notes*>(user)->ran;
        return job.owner().pause(job.queue()) ? outcome::done() : outcome::dead();
      },
      &n);
  const kind_ref other = own.add(
      "other",
      [](void* user, context&, std::span<const std::byte>) {
        ++static_cast<notes*>(user)->ran;
        return outcome::done();
      },
      &n);
  options o = small_options();
  o.drains = 1;
  const auto sched = open_or_exit(o, own);
  const queue_ref q = queue_or_exit(*sched, "q");
  ASSERT_TRUE(sched->pause(q));
  ASSERT_TRUE(sched->submit(q, first, no_payload()));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(sched->submit(q, other, no_payload()));
  ASSERT_TRUE(sched->resume(q));
  ASSERT_TRUE(eventually([&] { return sched->read_counters().completed == 1; }));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(n.ran, 1);
  ASSERT_TRUE(sched->resume(q));
  EXPECT_TRUE(eventually([&] { return n.ran == 201; }));
}

TEST_F(pausing, closed_queues_are_not_polled) {
  // A paused queue with work: the drains sleep.
  s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->pause(q));
  for (std::size_t i = 0; i < 1000; ++i) ASSERT_TRUE(s->submit(q, plain, bytes_of(i)));
  EXPECT_TRUE(eventually([&] { return s->health().drains_asleep == 2; }));
}

}  // namespace
}  // namespace pawl
