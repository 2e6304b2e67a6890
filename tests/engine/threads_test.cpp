// Any number of threads, and more than one scheduler. Method: threads that come and go, threads that
// are all there at once; memory and counts are compared.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/process.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::bytes_of;
using test::eventually;
using test::no_payload;
using test::on_threads;
using test::open_or_exit;
using test::queue_or_exit;
using test::scaled;
using test::small_options;
using test::value_of;

struct run_counts {
  explicit run_counts(std::size_t jobs) : runs(jobs) {}
  std::vector<std::atomic<int>> runs;

  static outcome run(void* self, context&, std::span<const std::byte> payload) {
    ++static_cast<run_counts*>(self)->runs[value_of<std::size_t>(payload)];
    return outcome::done();
  }
  bool all_once() const {
    for (const auto& r : runs) {
      if (r.load() != 1) return false;
    }
    return true;
  }
};

TEST(threads, ten_thousand_short_ones_of_one_submit_each_take_no_memory) {
  // Forty at a time. Contexts go round: memory is that of forty threads, not of ten thousand.
  constexpr int at_once = 40;
  const int rounds = scaled(250);
  run_counts counts(static_cast<std::size_t>(at_once * rounds));
  registry kinds;
  const kind_ref kind = kinds.add("k", run_counts::run, &counts);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  std::size_t before = 0;
  std::size_t next = 0;
  for (int round = 0; round < rounds; ++round) {
    if (round == rounds / 5) before = test::resident_bytes();
    std::vector<std::thread> threads;
    for (int i = 0; i < at_once; ++i) {
      threads.emplace_back([&, job = next++] { ASSERT_TRUE(s->submit(q, kind, bytes_of(job))); });
    }
    for (std::thread& t : threads) t.join();
  }
  ASSERT_TRUE(eventually([&] { return s->read_counters().completed == counts.runs.size(); }));
  EXPECT_TRUE(counts.all_once());
  const std::size_t after = test::resident_bytes();
  std::printf("%zu KB before, %zu KB after\n", before / 1024, after / 1024);
  if (!test::sanitized) {
    EXPECT_LT(after, before + (8u << 20));
  }
}

TEST(threads, more_than_sixty_four_may_submit_at_once) {
  // 100 threads that are all there at the same time, so that 36 share one context; each submits,
  // looks up, cancels and waits.
  constexpr int threads = 100;
  const std::size_t each = static_cast<std::size_t>(scaled(200));
  run_counts counts(threads * each);
  registry kinds;
  const kind_ref kind = kinds.add("k", run_counts::run, &counts);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  test::door all_have_submitted;
  std::atomic<std::uint64_t> cancelled{0};
  on_threads(threads, [&](int thread) {
    const std::size_t first = static_cast<std::size_t>(thread) * each;
    for (std::size_t i = first; i < first + each; ++i) {
      const auto a = s->submit(q, kind, bytes_of(i));
      ASSERT_TRUE(a);
      if (i % 7 == 0 && s->cancel(a.ticket.id)) cancelled.fetch_add(1);
      if (i % 31 == 0) {
        ASSERT_TRUE(s->wait(a.ticket.id, test::patience));
      }
      if (i == first && thread != 0) all_have_submitted.wait();
      if (i == first && thread == 0) {
        ASSERT_TRUE(all_have_submitted.wait_for_arrivals(threads - 1));
        all_have_submitted.open();
      }
    }
  });
  ASSERT_TRUE(eventually([&] { return s->read_counters().ended() == threads * each; }));
  const counters c = s->read_counters();
  EXPECT_EQ(c.accepted, threads * each);
  EXPECT_EQ(c.completed + c.cancelled, threads * each);
  EXPECT_LE(c.cancelled, cancelled.load());
  for (const auto& r : counts.runs) ASSERT_LE(r.load(), 1);
  EXPECT_TRUE(eventually([&] { return s->health().queues[0].jobs <= 100u * 300u; }));
}

TEST(threads, a_threads_set_aside_room_comes_back_when_it_ends) {
  // A bound large enough that threads set room aside; at the end of them all, none is in use.
  run_counts counts(50);
  registry kinds;
  const kind_ref kind = kinds.add("k", run_counts::run, &counts);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 100'000});
  for (std::size_t i = 0; i < 50; ++i) {
    std::thread([&] { ASSERT_TRUE(s->submit(q, kind, bytes_of(i))); }).join();
  }
  EXPECT_TRUE(eventually([&] { return s->health().queues[0].jobs == 0; }))
      << s->health().queues[0].jobs << " are still set aside";
  EXPECT_EQ(s->health().jobs, 0u);
}

TEST(schedulers, two_of_one_process_know_their_own_queues_only) {
  struct world {
    scheduler* other = nullptr;
    queue_ref others_queue;
    std::atomic<int> forwarded{0};
  } w;
  registry kinds;
  std::atomic<int> ran{0};
  const kind_ref plain = kinds.add(
      "k",
      [](void* user, context&, std::span<const std::byte>) {
        ++*static_cast<std::atomic<int>*>(user);
        return outcome::done();
      },
      &ran);
  const kind_ref forwards = kinds.add(
      "f",
      [](void* user, context& job, std::span<const std::byte>) {
        world& all = *static_cast<world*>(user);
        if (all.other->submit(all.others_queue, kind_ref{0}, no_payload())) ++all.forwarded;
        EXPECT_NE(&job.owner(), all.other);
        return outcome::done();
      },
      &w);
  const auto a = open_or_exit(small_options(), kinds);
  const auto b = open_or_exit(small_options(), kinds);
  const queue_ref of_a = queue_or_exit(*a, "q");
  const queue_ref of_b = queue_or_exit(*b, "q");
  EXPECT_NE(of_a, of_b);
  EXPECT_EQ(a->submit(of_b, plain, no_payload()).reason, reject::unknown_queue);
  EXPECT_EQ(b->submit(of_a, plain, no_payload()).reason, reject::unknown_queue);
  EXPECT_EQ(b->submit(queue_ref{}, plain, no_payload()).reason, reject::unknown_queue);
  EXPECT_EQ(b->submit(of_b, kind_ref{}, no_payload()).reason, reject::unknown_kind);
  EXPECT_EQ(a->pause(of_b).error().code, errc::not_found);
  EXPECT_EQ(a->resume(of_b).error().code, errc::not_found);
  w.other = b.get();
  w.others_queue = of_b;
  ASSERT_TRUE(b->pause(of_b));
  const int jobs = scaled(1000);
  for (int i = 0; i < jobs; ++i)
    ASSERT_TRUE(a->submit(of_a, i % 2 == 0 ? plain : forwards, no_payload()));
  ASSERT_TRUE(eventually([&] {
    return a->read_counters().completed == static_cast<std::uint64_t>(jobs);
  })) << "a paused queue of one is nothing to the other";
  EXPECT_EQ(b->read_counters().started, 0u);
  ASSERT_TRUE(b->resume(of_b));
  ASSERT_TRUE(eventually([&] {
    return b->read_counters().completed == static_cast<std::uint64_t>(w.forwarded.load());
  }));
  EXPECT_EQ(w.forwarded, jobs / 2);
  EXPECT_EQ(ran, jobs);
}

TEST(schedulers, a_thread_may_use_many_one_after_the_other_and_some_at_once) {
  // The same threads meet schedulers that come and go: leases of those that have gone are forgotten.
  registry kinds;
  std::atomic<int> ran{0};
  const kind_ref kind = kinds.add(
      "k",
      [](void* user, context&, std::span<const std::byte>) {
        ++*static_cast<std::atomic<int>*>(user);
        return outcome::done();
      },
      &ran);
  std::vector<std::unique_ptr<scheduler>> open;
  std::vector<queue_ref> queues;
  int submitted = 0;
  for (int round = 0; round < scaled(100); ++round) {
    if (open.size() == 3) {
      ASSERT_TRUE(eventually([&] { return ran == submitted; }));
      open.erase(open.begin());
      queues.erase(queues.begin());
    }
    open.push_back(open_or_exit(small_options(), kinds));
    queues.push_back(queue_or_exit(*open.back(), "q"));
    for (int i = 0; i < 30; ++i) {
      const std::size_t at = static_cast<std::size_t>(i) % open.size();
      ASSERT_TRUE(open[at]->submit(queues[at], kind, no_payload()));
      ++submitted;
    }
  }
  EXPECT_TRUE(eventually([&] { return ran == submitted; }));
}

}  // namespace
}  // namespace pawl
