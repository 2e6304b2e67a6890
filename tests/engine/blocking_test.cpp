// Kinds that wait run on threads of their own. Method: handlers wait at a door that the test opens,
// so that it is known who holds what.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/process.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::door;
using test::eventually;
using test::no_payload;
using test::open_or_exit;
using test::queue_or_exit;
using test::say_done;
using test::scaled;
using test::small_options;
using test::value_of;

struct waiting_kind {
  door way;
  std::atomic<int> inside{0};
  std::atomic<int> most{0};

  static outcome enter(void* self, context&, std::span<const std::byte>) {
    auto& w = *static_cast<waiting_kind*>(self);
    const int now = ++w.inside;
    int seen = w.most.load();
    while (now > seen && !w.most.compare_exchange_weak(seen, now)) {
    }
    w.way.wait();
    --w.inside;
    return outcome::done();
  }
};

TEST(blocking, runs_off_the_drains_up_to_the_limit_and_starves_nobody) {
  // One drain, three blocking threads, ten blocking jobs that hold them: other jobs still run.
  waiting_kind w;
  registry kinds;
  const kind_ref blocking = kinds.add("b", waiting_kind::enter, &w, {.blocking = true});
  const kind_ref plain = kinds.add("k", say_done);
  options o = small_options();
  o.drains = 1;
  o.blocking_threads_max = 3;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(s->submit(q, blocking, no_payload()));
  ASSERT_TRUE(w.way.wait_for_arrivals(3));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(s->submit(q, plain, no_payload()));
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == 1000; }));
  EXPECT_EQ(w.inside, 3);
  EXPECT_EQ(s->health().blocking_threads, 3u);
  w.way.open();
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == 1010; }));
  EXPECT_EQ(w.most, 3);
}

TEST(blocking, idle_threads_leave_and_new_ones_come) {
  waiting_kind w;
  w.way.open();
  registry kinds;
  const kind_ref blocking = kinds.add("b", waiting_kind::enter, &w, {.blocking = true});
  options o = small_options();
  o.blocking_idle = 5ms;
  o.blocking_threads_max = 4;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  const std::size_t threads = test::thread_count();
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(s->submit(q, blocking, no_payload()));
    ASSERT_TRUE(eventually([&] {
      return s->read_counters().completed == static_cast<std::uint64_t>(20 * (round + 1));
    }));
    EXPECT_TRUE(eventually(
        [&] { return s->health().blocking_threads == 0 && test::thread_count() <= threads; }));
  }
}

TEST(blocking, threads_that_come_and_go_lose_no_job) {
  // Idle time 0: each thread leaves as soon as it sees nothing, while jobs arrive.
  registry kinds;
  std::vector<std::atomic<int>> runs(static_cast<std::size_t>(scaled(3000)));
  const kind_ref blocking = kinds.add(
      "b",
      [](void* user, context&, std::span<const std::byte> payload) {
        ++(*static_cast<std::vector<std::atomic<int>>*>(user))[value_of<std::size_t>(payload)];
        return outcome::done();
      },
      &runs, {.blocking = true});
  options o = small_options();
  o.blocking_idle = 0ns;
  o.blocking_threads_max = 3;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  for (std::size_t i = 0; i < runs.size(); ++i) ASSERT_TRUE(s->submit(q, blocking, bytes_of(i)));
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == runs.size(); }));
  for (const auto& r : runs) ASSERT_EQ(r.load(), 1);
}

TEST(blocking, waiting_ones_can_be_cancelled_and_the_highest_priority_goes_first) {
  waiting_kind w;
  struct log {
    std::mutex mutex;
    std::vector<int> order;
  } l;
  registry kinds;
  const kind_ref holder = kinds.add("h", waiting_kind::enter, &w, {.blocking = true});
  const kind_ref noted = kinds.add("n",
                                   [](void* user, context&, std::span<const std::byte> payload) {
                                     log& order = *static_cast<log*>(user);
                                     const std::lock_guard lock(order.mutex);
                                     order.order.push_back(value_of<int>(payload));
                                     return outcome::done();
                                   },
                                   &l, {.blocking = true});
  options o = small_options();
  o.drains = 1;
  o.blocking_threads_max = 1;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->submit(q, holder, no_payload()));
  ASSERT_TRUE(w.way.wait_for_arrivals(1));
  std::vector<job_id> ids;
  for (const int band : {7, 3, 5, 0, 3}) {
    const auto a = s->submit(q, noted, bytes_of(band), {.priority = static_cast<priority>(band)});
    ASSERT_TRUE(a);
    ids.push_back(a.ticket.id);
  }
  ASSERT_TRUE(s->cancel(ids[2]));
  // A plain job behind them: when it is done the drain has handed all of them over.
  ASSERT_TRUE(eventually([&] { return s->health().drains_asleep == 1; }));
  w.way.open();
  ASSERT_TRUE(eventually([&] { return s->read_counters().ended() == 6; }));
  EXPECT_EQ(l.order, (std::vector<int>{0, 3, 3, 7}));
  EXPECT_EQ(s->read_counters().cancelled, 1u);
}

TEST(blocking, pause_holds_those_that_wait_for_a_thread) {
  waiting_kind w;
  registry kinds;
  std::atomic<int> ran{0};
  const kind_ref holder = kinds.add("h", waiting_kind::enter, &w, {.blocking = true});
  const kind_ref counted = kinds.add("n",
                                     [](void* user, context&, std::span<const std::byte>) {
                                       ++*static_cast<std::atomic<int>*>(user);
                                       return outcome::done();
                                     },
                                     &ran, {.blocking = true});
  options o = small_options();
  o.blocking_threads_max = 1;
  const auto s = open_or_exit(o, kinds);
  const queue_ref hold = queue_or_exit(*s, "hold");
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->submit(hold, holder, no_payload()));
  ASSERT_TRUE(w.way.wait_for_arrivals(1));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(s->submit(q, counted, no_payload()));
  ASSERT_TRUE(eventually([&] { return s->health().drains_asleep == 2; }));
  ASSERT_TRUE(s->pause(q));
  w.way.open();
  ASSERT_TRUE(eventually([&] { return s->read_counters().completed == 1; }));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(ran, 0);
  ASSERT_TRUE(s->resume(q));
  EXPECT_TRUE(eventually([&] { return ran == 20; }));
}

TEST(blocking, a_handler_may_wait_for_another_job_and_a_stop_ends_that_wait) {
  // The job waited for is in a paused queue: it never ends, and yet the stop is clean.
  struct world {
    job_id other;
    std::atomic<int> waiting{0};
    std::atomic<errc> answer{errc::io};
  } w;
  registry kinds;
  const kind_ref plain = kinds.add("k", say_done);
  const kind_ref waits = kinds.add("w",
                                   [](void* user, context& job, std::span<const std::byte>) {
                                     world& all = *static_cast<world*>(user);
                                     ++all.waiting;
                                     const auto r = job.owner().wait(all.other, test::patience);
                                     if (!r) all.answer = r.error().code;
                                     return outcome::done();
                                   },
                                   &w, {.blocking = true});
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref paused = queue_or_exit(*s, "paused");
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->pause(paused));
  w.other = s->submit(paused, plain, no_payload()).ticket.id;
  ASSERT_TRUE(s->submit(q, waits, no_payload()));
  ASSERT_TRUE(eventually([&] { return w.waiting == 1; }));
  EXPECT_TRUE(s->stop(30s));
  EXPECT_EQ(w.answer, errc::stopping);
}

}  // namespace
}  // namespace pawl
