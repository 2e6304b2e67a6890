// Lowering a bound takes back the credits that threads have set aside. Found in review: they outlived
// it, so a thread put 48 jobs into a queue of 4, and the credits of an idle thread kept a queue shut
// for all others while no job was alive.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::no_payload;
using test::on_threads;
using test::patience;

class lowered_bound : public ::testing::Test {
 protected:
  void open(const options& wanted = test::small_options()) {
    kind =
        kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
    s = test::open_or_exit(wanted, kinds);
    q = test::queue_or_exit(*s, "q", {.jobs_max = 1'000'000});
  }
  // Until the queue says no. How many.
  int fill() {
    int count = 0;
    while (s->submit(q, kind, no_payload())) ++count;
    return count;
  }
  std::uint64_t used() const { return s->health().queues[0].jobs; }

  registry kinds;
  kind_ref kind;
  std::unique_ptr<scheduler> s;
  queue_ref q;
};

TEST_F(lowered_bound, is_not_exceeded_by_what_the_thread_has_set_aside) {
  open();
  ASSERT_TRUE(s->pause(q));
  ASSERT_TRUE(s->submit(q, kind, no_payload()));
  ASSERT_TRUE(s->set_options(q, {.jobs_max = 4}));
  EXPECT_EQ(used(), 1u);
  EXPECT_EQ(1 + fill(), 4);
}

TEST_F(lowered_bound, by_another_look_at_the_queue_is_not_exceeded_either) {
  open();
  ASSERT_TRUE(s->pause(q));
  ASSERT_TRUE(s->submit(q, kind, no_payload()));
  ASSERT_TRUE(s->queue("q", {.jobs_max = 4}));
  EXPECT_EQ(used(), 1u);
  EXPECT_EQ(1 + fill(), 4);
}

TEST_F(lowered_bound, leaves_no_more_than_a_new_part_with_a_thread) {
  // Bounds that are still large: a thread that goes on may set aside two.
  open();
  ASSERT_TRUE(s->pause(q));
  ASSERT_TRUE(s->submit(q, kind, no_payload()));
  ASSERT_TRUE(s->set_options(q, {.jobs_max = 8192}));
  EXPECT_EQ(used(), 1u);
  std::vector<job_spec> specs(10);
  EXPECT_EQ(s->submit_bulk(q, kind, specs).accepted, 10u);
  EXPECT_LE(used(), 13u);
  EXPECT_LE(11 + fill(), 8192);
}

TEST_F(lowered_bound, is_there_for_others_while_a_thread_with_credits_is_idle) {
  open();
  const auto first = s->submit(q, kind, no_payload());
  ASSERT_TRUE(s->wait(first.ticket.id, patience));
  ASSERT_TRUE(s->set_options(q, {.jobs_max = 4}));
  // What a drain owes of a large bound it gives back with its batch, a moment after the job's end.
  ASSERT_TRUE(test::eventually([&] { return used() == 0; }));
  ASSERT_TRUE(s->pause(q));
  std::thread([&] { EXPECT_EQ(fill(), 4); }).join();
}

TEST_F(lowered_bound, gives_back_the_room_of_the_scheduler_too) {
  // Each credit that is set aside is one of the scheduler's as well: 20,000, so four at a time.
  options o = test::small_options();
  o.jobs_max = 20'000;
  open(o);
  ASSERT_TRUE(s->pause(q));
  ASSERT_TRUE(s->submit(q, kind, no_payload()));
  EXPECT_EQ(s->health().jobs, 4u);
  ASSERT_TRUE(s->set_options(q, {.jobs_max = 900'000}));
  EXPECT_EQ(s->health().jobs, 1u);
  EXPECT_EQ(used(), 1u);
  std::thread([&] { EXPECT_EQ(fill(), 19'999); }).join();
}

TEST_F(lowered_bound, takes_back_what_every_thread_and_their_shared_context_has) {
  // More threads than contexts: the last ones share one.
  open();
  ASSERT_TRUE(s->pause(q));
  constexpr int count = 70;
  test::door way;
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&] {
      EXPECT_TRUE(s->submit(q, kind, no_payload()));
      way.wait();
    });
  }
  ASSERT_TRUE(way.wait_for_arrivals(count));
  EXPECT_GT(used(), static_cast<unsigned>(count)) << "nothing was set aside";
  ASSERT_TRUE(s->set_options(q, {.jobs_max = count + 4}));
  EXPECT_EQ(used(), static_cast<unsigned>(count));
  EXPECT_EQ(s->health().jobs, static_cast<unsigned>(count));
  EXPECT_EQ(fill(), 4);
  way.open();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(used(), count + 4u);
}

TEST_F(lowered_bound, holds_while_threads_submit_one_by_one_in_bulk_and_leave) {
  // Thread 0 submits singly, 1 in bulk, 2 by short-lived threads. The queue is paused, so once calls
  // that were under way are over, no job is added and none is set aside.
  open();
  constexpr std::size_t submitters = 3;
  std::array<std::atomic<std::uint64_t>, submitters> calls{};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  const auto submit_some = [&](std::size_t who) {
    const std::vector<job_spec> specs(7);
    if (who == 1) {
      accepted += s->submit_bulk(q, kind, specs).accepted;
    } else if (who == 0) {
      accepted += s->submit(q, kind, no_payload()) ? 1 : 0;
    } else {
      std::thread([&] { accepted += s->submit(q, kind, no_payload()) ? 1 : 0; }).join();
    }
  };
  for (std::size_t who = 0; who < submitters; ++who) {
    threads.emplace_back([&, who] {
      while (!stop.load()) {
        submit_some(who);
        calls[who].fetch_add(1);
        if (who != 2) std::this_thread::sleep_for(std::chrono::microseconds(5));
      }
    });
  }
  const auto each_makes_calls = [&](std::uint64_t count) {
    for (auto& c : calls) {
      const std::uint64_t from = c.load();
      EXPECT_TRUE(test::eventually([&] { return c.load() >= from + count; }));
    }
  };
  for (int round = 0; round < test::scaled(60); ++round) {
    EXPECT_TRUE(s->pause(q));
    EXPECT_TRUE(s->set_options(q, {.jobs_max = 1'000'000}));
    each_makes_calls(2);
    EXPECT_TRUE(s->set_options(q, {.jobs_max = 4}));
    each_makes_calls(2);
    const std::uint64_t then = accepted.load();
    each_makes_calls(3);
    EXPECT_EQ(accepted.load(), then) << "round " << round;
    const auto alive = [&] {
      const counters now = s->read_counters();
      return now.accepted - now.ended();
    };
    EXPECT_TRUE(test::eventually([&] { return used() == alive(); })) << used() << " " << alive();
    EXPECT_TRUE(s->resume(q));
  }
  stop = true;
  for (std::thread& t : threads) t.join();
  EXPECT_TRUE(test::eventually([&] { return used() == 0 && s->health().jobs == 0; }))
      << used() << " used, " << s->health().jobs << " of the scheduler";
}

}  // namespace
}  // namespace pawl
