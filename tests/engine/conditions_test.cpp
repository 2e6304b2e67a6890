// What health() finds wrong. Method: an engine without threads and a clock of its own, brought into each
// trouble and out of it again, with a look every second; and into what is no trouble although it looks
// like one.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <thread>
#include <vector>

#include "sim/stepped_world.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class conditions_test : public ::testing::Test {
 protected:
  void open(const queue_options& how = {}, const kind_options& kind = {}) {
    kind_ = w_.kind("k", kind);
    w_.check_counts = false;
    w_.open();
    queue_ = w_.queue("q", how);
    EXPECT_EQ(raised(), std::set<issue>{});
  }
  std::set<issue> raised() {
    std::set<issue> found;
    const health_report h = w_.e->health();
    severity worst = severity::info;
    for (const condition& c : h.conditions) {
      EXPECT_TRUE(found.insert(c.what).second) << name(c.what);
      EXPECT_EQ(c.queue == queue_, c.what <= issue::paused_long) << name(c.what);
      EXPECT_LE(c.raised.count(), static_cast<std::int64_t>(w_.clock.now_ns));
      worst = std::max(worst, c.severity);
    }
    EXPECT_EQ(h.status, worst == severity::error     ? health_status::unhealthy
                        : worst == severity::warning ? health_status::degraded
                                                     : health_status::ok);
    return found;
  }
  // All that was raised at any look, one a second.
  std::set<issue> raised_within(
      duration d, const std::function<void()>& each_second = [] {}) {
    std::set<issue> all = raised();
    for (duration passed{0}; passed < d; passed += seconds(1)) {
      w_.leap(seconds(1));
      each_second();
      all.merge(raised());
    }
    return all;
  }
  void submit(int jobs, const job_options& how = {}) {
    for (int i = 0; i < jobs; ++i) w_.submit(queue_, kind_, how);
  }
  void work(int batches) {
    for (int i = 0; i < batches; ++i) static_cast<void>(w_.e->step_drain(0));
  }

  using set = std::set<issue>;
  test::stepped_world w_;
  kind_ref kind_;
  queue_ref queue_;
};

TEST_F(conditions_test, a_queue_fills_and_empties) {
  open({.jobs_max = 10});
  submit(7, {.after = hours(1)});
  EXPECT_EQ(raised(), set{});
  submit(1, {.after = hours(1)});
  EXPECT_EQ(raised(), set{issue::queue_nearly_full});
  submit(2, {.after = hours(1)});
  EXPECT_EQ(raised(), (set{issue::queue_nearly_full, issue::queue_full}));
  EXPECT_EQ(w_.e->health().status, health_status::unhealthy);
  w_.advance(hours(1) + milliseconds(1));
  EXPECT_EQ(raised(), (set{issue::queue_nearly_full, issue::queue_full})) << "held for 5 s";
  raised_within(seconds(5));
  EXPECT_EQ(raised(), set{});
}

TEST_F(conditions_test, the_scheduler_fills) {
  w_.wanted.jobs_max = 100;
  open();
  submit(80, {.after = hours(1)});
  EXPECT_EQ(raised(), set{issue::scheduler_nearly_full});
  submit(20, {.after = hours(1)});
  EXPECT_EQ(raised(), (set{issue::scheduler_nearly_full, issue::scheduler_full}));
}

TEST_F(conditions_test, both_fill_with_bytes_too) {
  const std::vector<std::byte> payload(100);
  w_.wanted.bytes_max = 2000;
  open({.bytes_max = 1000});
  const queue_ref other = w_.queue("other");
  const auto fill = [&](queue_ref q, int jobs) {
    for (int i = 0; i < jobs; ++i) w_.submit(q, kind_, {.after = hours(1)}, payload);
  };
  fill(queue_, 7);
  EXPECT_EQ(raised(), set{});
  fill(queue_, 1);
  EXPECT_EQ(raised(), set{issue::queue_nearly_full});
  fill(queue_, 2);
  EXPECT_EQ(raised(), (set{issue::queue_nearly_full, issue::queue_full}));
  fill(other, 6);
  EXPECT_EQ(raised(),
            (set{issue::queue_nearly_full, issue::queue_full, issue::scheduler_nearly_full}));
  fill(other, 4);
  EXPECT_EQ(raised(), (set{issue::queue_nearly_full, issue::queue_full,
                           issue::scheduler_nearly_full, issue::scheduler_full}));
  w_.advance(hours(1) + milliseconds(1));
  raised_within(seconds(5));
  EXPECT_EQ(raised(), set{});
}

TEST_F(conditions_test, work_that_nobody_starts_is_stalled) {
  open();
  submit(3);
  const set seen = raised_within(seconds(29));
  EXPECT_EQ(seen, set{});
  EXPECT_EQ(raised_within(seconds(1)), set{issue::stalled});
  EXPECT_EQ(raised_within(seconds(60)), (set{issue::stalled, issue::waiting_long}));
  w_.settle();
  EXPECT_EQ(raised(), set{});
}

// They are in no band then, but in the batch of the drain that is inside the handler.
TEST_F(conditions_test, work_behind_a_long_handler_is_stalled) {
  open({}, {.run_timeout = {}});
  set inside;
  w_.act = [&](context&) {
    if (inside.empty()) inside = raised_within(seconds(31));
    return outcome::done();
  };
  submit(3);
  w_.settle();
  EXPECT_EQ(inside, set{issue::stalled});
  EXPECT_EQ(raised(), set{});
}

// One job every twenty seconds: the queue moves, but slowly.
TEST_F(conditions_test, work_that_waits_long_is_found_though_it_moves) {
  open();
  w_.act = [this](context&) {
    w_.leap(seconds(20));
    EXPECT_EQ(raised().count(issue::stalled), 0u);
    return outcome::done();
  };
  submit(1);
  work(1);  // the drain has learned to take one at a time
  submit(10);
  set all;
  for (int i = 0; i < 10; ++i) {
    work(1);
    all.merge(raised());
  }
  EXPECT_EQ(all, set{issue::waiting_long});
  w_.settle();
  EXPECT_EQ(raised(), set{});
}

TEST_F(conditions_test, jobs_that_come_and_go_are_no_trouble) {
  open();
  EXPECT_EQ(raised_within(minutes(5),
                          [this] {
                            submit(20);
                            w_.settle();
                            submit(5);  // are still there at the look
                          }),
            set{});
}

// A backlog behind every kind of gate, for half an hour.
TEST_F(conditions_test, what_is_held_back_on_purpose_is_no_trouble) {
  struct way {
    const char* name;
    queue_options queue;
    kind_options kind;
    std::function<void(test::stepped_world&, queue_ref, kind_ref)> close;
  };
  const auto nothing = [](test::stepped_world&, queue_ref, kind_ref) {};
  const limits slow{.rate = {.starts = 1, .per = minutes(10)}};
  const std::vector<way> ways{
      {"held",
       {},
       {},
       [](test::stepped_world& w, queue_ref q, kind_ref) {
         ASSERT_TRUE(w.e->hold(w.context_of_host(), q, hours(2)));
       }},
      {"all held",
       {},
       {},
       [](test::stepped_world& w, queue_ref, kind_ref) {
         ASSERT_TRUE(w.e->hold(w.context_of_host(), scope::all(), hours(2)));
       }},
      {"kind held",
       {},
       {},
       [](test::stepped_world& w, queue_ref, kind_ref k) {
         ASSERT_TRUE(w.e->hold(w.context_of_host(), k, hours(2)));
       }},
      {"kind paused",
       {},
       {},
       [](test::stepped_world& w, queue_ref, kind_ref k) {
         ASSERT_TRUE(w.e->pause(w.context_of_host(), k, duration(0)));
       }},
      {"rate of the queue", {.limits = slow}, {}, nothing},
      {"rate of the kind", {}, {.limits = slow}, nothing},
      {"rate of all",
       {},
       {},
       [slow](test::stepped_world& w, queue_ref, kind_ref) {
         ASSERT_TRUE(w.e->set_limits(w.context_of_host(), scope::all(), slow));
       }},
  };
  for (const way& one : ways) {
    SCOPED_TRACE(one.name);
    test::stepped_world w;
    w.check_counts = false;
    const kind_ref k = w.kind("k", one.kind);
    w.open();
    const queue_ref q = w.queue("q", one.queue);
    one.close(w, q, k);
    for (int i = 0; i < 20; ++i) w.submit(q, k);
    for (int s = 0; s < 1800; ++s) {
      w.advance(seconds(1));
      for (const condition& c : w.e->health().conditions) ADD_FAILURE() << name(c.what) << " " << s;
    }
    EXPECT_GT(w.e->read_metrics().queues.at(0).waiting, 10u);
  }
}

// A concurrency of one, and a handler that takes ten minutes: the look is from inside.
TEST_F(conditions_test, a_queue_at_its_cap_is_no_trouble) {
  open({.limits = {.concurrency = 1}}, {.run_timeout = {}});
  int left = 3;
  w_.act = [&](context&) {
    submit(left > 0 ? 1 : 0);
    if (left-- > 0) {
      EXPECT_EQ(raised_within(minutes(10)), set{});
    }
    return outcome::done();
  };
  submit(5);
  w_.settle();
  EXPECT_LT(left, 0);
}

TEST_F(conditions_test, a_long_pause_is_worth_a_word) {
  open();
  ASSERT_TRUE(w_.e->pause(w_.context_of_host(), queue_, duration(0)));
  submit(5);
  EXPECT_EQ(raised_within(seconds(599)), set{});
  EXPECT_EQ(raised_within(seconds(1)), set{issue::paused_long});
  EXPECT_EQ(w_.e->health().status, health_status::ok);
  ASSERT_TRUE(w_.e->resume(w_.context_of_host(), queue_));
  EXPECT_EQ(raised(), set{});
  w_.settle();
  EXPECT_EQ(raised(), set{});
}

TEST_F(conditions_test, failures_are_counted_against_what_ended) {
  open({}, {.max_attempts = 1});
  bool fails = true;
  w_.act = [&](context&) { return fails ? outcome::fail() : outcome::done(); };
  EXPECT_EQ(raised_within(seconds(9),
                          [this] {
                            submit(10);
                            w_.settle();
                          }),
            set{});
  const auto ten_a_second = [this] {
    submit(10);
    w_.settle();
  };
  EXPECT_EQ(raised_within(seconds(10), ten_a_second), set{issue::failing});
  fails = false;
  EXPECT_EQ(raised_within(seconds(10), ten_a_second), set{issue::failing});
  raised_within(minutes(3), ten_a_second);
  EXPECT_EQ(raised(), set{});
}

TEST_F(conditions_test, few_failures_say_nothing) {
  open({}, {.max_attempts = 1});
  w_.act = [](context&) { return outcome::fail(); };
  EXPECT_EQ(raised_within(minutes(10),
                          [this, n = 0]() mutable {
                            if (++n % 10 != 0) return;
                            submit(1);
                            w_.settle();
                          }),
            set{});
}

TEST_F(conditions_test, a_handler_that_overran_holds_its_thread) {
  w_.wanted.grace = seconds(1);
  open({}, {.run_timeout = seconds(10)});
  set inside;
  w_.act = [&](context&) {
    w_.work_for(seconds(10));
    w_.work_for(seconds(2));
    inside = raised();
    return outcome::done();
  };
  submit(1);
  w_.settle();
  EXPECT_EQ(inside, set{issue::threads_stuck});
  EXPECT_EQ(raised(), set{});
}

TEST_F(conditions_test, timers_that_nobody_turns_are_late) {
  open();
  submit(1, {.after = seconds(10)});
  w_.settle();
  EXPECT_EQ(raised_within(seconds(11)), set{});  // one late, and that not yet for a second
  EXPECT_EQ(raised_within(seconds(2)), set{issue::timers_late});
  w_.settle();
  raised_within(seconds(5));
  EXPECT_EQ(raised(), set{});
}

TEST_F(conditions_test, dead_letters_come_near_their_bound) {
  w_.wanted.dead_in_memory = 10;
  open({}, {.max_attempts = 1});
  w_.act = [](context&) { return outcome::dead(); };
  submit(8);
  w_.settle();
  EXPECT_EQ(raised(), set{});
  submit(1);
  w_.settle();
  EXPECT_EQ(raised(), set{issue::dead_letters_nearly_full});
  EXPECT_EQ(w_.e->purge_dead(w_.context_of_host(), {}), 9u);
  EXPECT_EQ(raised(), set{issue::dead_letters_nearly_full});
  raised_within(seconds(5));
  EXPECT_EQ(raised(), set{});
}

TEST_F(conditions_test, payload_memory_comes_near_its_bound) {
  w_.wanted.payload_memory_bytes_max = 32u << 20;
  open();
  const std::vector<std::byte> payload(1u << 20);
  int accepted = 0;
  while (w_.try_submit(queue_, kind_, {.after = hours(1)}, payload)) ++accepted;
  EXPECT_GT(accepted, 3);
  EXPECT_EQ(raised(), set{issue::payload_memory_nearly_full});
}

TEST_F(conditions_test, rules_are_the_hosts_and_a_picture_has_them_too) {
  w_.wanted.health.queue_nearly_full = {.raise = 0.1, .clear = 0.05, .raise_after = seconds(3)};
  open({.jobs_max = 10});
  submit(2, {.after = hours(1)});
  EXPECT_EQ(raised_within(seconds(2)), set{});
  w_.leap(seconds(1));
  const metrics m = w_.e->read_metrics();
  ASSERT_EQ(m.health.conditions.size(), 1u);
  const condition& c = m.health.conditions[0];
  EXPECT_EQ(c.what, issue::queue_nearly_full);
  EXPECT_EQ(c.severity, severity::warning);
  EXPECT_EQ(c.queue, queue_);
  EXPECT_DOUBLE_EQ(c.value, 0.2);
  EXPECT_EQ(m.health.status, health_status::degraded);
}

TEST(conditions_options_test, rules_that_cannot_be_followed_are_refused) {
  options wanted = test::small_options();
  wanted.health.stalled.clear = wanted.health.stalled.raise + 1;
  const auto opened = scheduler::open(wanted, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::invalid);
  EXPECT_EQ(opened.error().where, "options.health");
}

// Several threads look while others work: for TSan, and nothing is found in an engine that keeps up.
TEST(conditions_threads_test, looks_from_many_threads_agree_with_work) {
  registry kinds;
  const kind_ref kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  auto s = test::open_or_exit(test::small_options(), kinds);
  const queue_ref q = test::queue_or_exit(*s, "q");
  std::atomic<bool> over{false};
  std::vector<std::thread> lookers;
  for (int i = 0; i < 2; ++i) {
    lookers.emplace_back([&] {
      while (!over.load()) {
        EXPECT_TRUE(s->health().conditions.empty());
        EXPECT_TRUE(s->read_metrics().health.conditions.empty());
      }
    });
  }
  const int jobs = test::scaled(50'000);
  for (int i = 0; i < jobs; ++i) ASSERT_TRUE(s->submit(q, kind, test::no_payload()));
  EXPECT_TRUE(test::eventually(
      [&] { return s->read_counters().completed == static_cast<std::uint64_t>(jobs); }));
  over.store(true);
  for (std::thread& t : lookers) t.join();
}

}  // namespace
}  // namespace pawl
