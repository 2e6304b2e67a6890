// Breakers of kinds. Method: the engine on one thread and a clock of its own, so that what a breaker does at
// which time is exact; then drains, the pool and a service that goes up and down.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "sim/stepped_world.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::stepped_world;

// Opens at the 4th failure in a row, for 10 s.
breaker_rule strict(std::uint16_t trials = 1) {
  return {.window = 4, .attempts_min = 4, .failed_percent = 100, .open_for = 10s, .trials = trials};
}

struct service : stepped_world {
  bool is_up = true;
  unsigned calls = 0;
  kind_ref k;
  queue_ref q;

  explicit service(const breaker_rule& rule, kind_options how = {}) {
    act = [this](context&) {
      ++calls;
      return is_up ? outcome::done() : outcome::fail();
    };
    how.breaker = rule;
    how.backoff = backoff::fixed(1s);
    how.max_attempts = 100;
    k = kind("k", how);
    open();
    q = queue("q");
  }
  void submit_many(int count) {
    for (int i = 0; i < count; ++i) submit(q, k);
  }
  breaker_state state() { return e->read_metrics().kinds[0].breaker; }
  std::uint64_t opened() { return e->read_metrics().kinds[0].breaker_opened; }
  std::uint64_t held_back() { return e->read_metrics().kinds[0].held_back; }
};

TEST(breaker, gives_a_kind_that_fails_a_rest_and_loses_nothing) {
  service w(strict());
  w.is_up = false;
  w.submit_many(50);
  w.settle();
  EXPECT_EQ(w.calls, 4u);
  EXPECT_EQ(w.state(), breaker_state::open);
  EXPECT_EQ(w.held_back(), 46u);
  w.advance(9s);
  EXPECT_EQ(w.calls, 4u) << "nobody tries, retries neither";
  EXPECT_EQ(w.state(), breaker_state::open);

  w.advance(2s);
  EXPECT_EQ(w.calls, 5u) << "one trial, which failed";
  EXPECT_EQ(w.state(), breaker_state::open);
  EXPECT_EQ(w.opened(), 2u);

  w.is_up = true;
  w.advance(10s);
  EXPECT_EQ(w.calls, 5u + 50u);
  EXPECT_EQ(w.state(), breaker_state::closed);
  EXPECT_EQ(w.held_back(), 0u);
  EXPECT_EQ(w.e->read_counters().completed, 50u);
  EXPECT_EQ(w.said,
            (std::vector<std::string>{"breaker.opened", "breaker.opened", "breaker.closed"}));
}

TEST(breaker, keeps_the_order_of_those_that_wait) {
  service w(strict());
  std::vector<job_id> order;
  w.act = [&](context& job) {
    if (!w.is_up) return outcome::fail();
    order.push_back(job.id());
    return outcome::done();
  };
  w.is_up = false;
  w.submit_many(4);
  w.settle();
  ASSERT_EQ(w.state(), breaker_state::open);
  w.is_up = true;
  std::vector<job_id> submitted;
  for (int i = 0; i < 200; ++i) submitted.push_back(w.submit(w.q, w.k));
  w.advance(11s);
  // The four that failed were due again in between, and came to wait after the others.
  ASSERT_EQ(order.size(), 204u);
  order.resize(200);
  EXPECT_EQ(order, submitted);
}

TEST(breaker, lets_other_kinds_pass) {
  stepped_world w;
  const kind_ref broken = w.kind("broken", {.max_attempts = 1, .breaker = strict()});
  const kind_ref good = w.kind("good");
  w.act = [&](context& job) {
    return w.find(job.id()).kind == broken ? outcome::fail() : outcome::done();
  };
  w.open();
  const queue_ref q = w.queue("q");
  for (int i = 0; i < 20; ++i) {
    w.submit(q, broken);
    w.submit(q, good);
  }
  w.settle();
  EXPECT_EQ(w.e->read_counters().completed, 20u);
  const metrics m = w.e->read_metrics();
  EXPECT_EQ(m.kinds[0].held_back, 16u);
  EXPECT_EQ(m.kinds[0].breaker, breaker_state::open);
  EXPECT_EQ(m.kinds[1].breaker, breaker_state::none);
  const job_id id = w.submit(q, broken);
  w.settle();
  EXPECT_EQ(w.find(id).state, job_state::blocked);
  EXPECT_EQ(w.find(id).waiting_for, waiting_for::kind);
}

TEST(breaker, makes_as_many_trials_as_it_is_told_and_no_more) {
  service w(strict(3));
  w.is_up = false;
  w.submit_many(20);
  w.settle();
  w.is_up = true;
  unsigned before_it_closed = 0;
  w.act = [&](context&) {
    if (w.state() != breaker_state::closed) ++before_it_closed;
    return outcome::done();
  };
  w.advance(11s);
  EXPECT_EQ(before_it_closed, 3u);
  EXPECT_EQ(w.e->read_counters().completed, 20u);
}

TEST(breaker, a_trial_that_does_not_count_is_made_again) {
  service w(strict());
  w.is_up = false;
  w.submit_many(6);
  w.settle();
  std::vector<outcome> say = {outcome::snooze(1h), outcome::yield(), outcome::interrupted(),
                              outcome::rate_limited(1h)};
  std::size_t said = 0;
  w.act = [&](context&) { return said < say.size() ? say[said++] : outcome::done(); };
  w.advance(10s + 1ms);
  EXPECT_EQ(said, say.size());
  EXPECT_EQ(w.state(), breaker_state::closed);
  w.advance(2h);
  EXPECT_EQ(w.e->read_counters().completed, 6u);
}

TEST(breaker, a_trial_that_is_cancelled_gives_its_place_to_the_next) {
  service w(strict());
  w.is_up = false;
  w.submit_many(6);
  w.settle();
  bool is_first = true;
  w.act = [&](context& job) {
    if (!std::exchange(is_first, false)) return outcome::done();
    EXPECT_TRUE(w.e->cancel(w.context_of_host(), job.id()));
    return outcome::cancelled();
  };
  w.advance(11s);
  EXPECT_EQ(w.state(), breaker_state::closed);
  EXPECT_EQ(w.e->read_counters().cancelled, 1u);
  EXPECT_EQ(w.e->read_counters().completed, 5u);
}

TEST(breaker, ignores_the_errors_it_is_told_to) {
  breaker_rule rule = strict();
  rule.ignored = {404, 410};
  service w(rule);
  unsigned n = 0;
  w.act = [&](context&) {
    constexpr error_kind errors[] = {404, 410, 404, 500};
    return outcome::dead(errors[n++ % 4]);
  };
  w.submit_many(12);  // three of them count
  w.settle();
  EXPECT_EQ(n, 12u);
  EXPECT_EQ(w.state(), breaker_state::closed);
  w.submit_many(4);
  w.settle();
  EXPECT_EQ(n, 16u);
  EXPECT_EQ(w.state(), breaker_state::open);
}

TEST(breaker, hears_of_a_batch_in_the_order_in_which_its_jobs_ran) {
  service w(strict());
  const bool goes_well[] = {false, false, true, false, false};
  w.act = [&](context&) { return goes_well[w.calls++] ? outcome::done() : outcome::dead(); };
  w.submit_many(5);
  w.settle();
  EXPECT_EQ(w.calls, 5u);
  EXPECT_EQ(w.state(), breaker_state::closed) << "never 4 failures in a row";
}

TEST(breaker, counts_the_good_ends_of_batches_that_are_through) {
  // Opens with the 4th failure if it has heard of the 10 before, neither sooner nor without them.
  service w({.window = 100, .attempts_min = 14, .failed_percent = 28, .open_for = 10s});
  w.submit_many(10);
  w.settle();
  w.act = [&](context&) {
    ++w.calls;
    return outcome::dead();
  };
  w.submit_many(3);
  w.settle();
  EXPECT_EQ(w.state(), breaker_state::closed);
  w.submit_many(5);
  w.settle();
  EXPECT_EQ(w.calls, 14u);
  EXPECT_EQ(w.state(), breaker_state::open);
}

TEST(breaker, counts_good_ends_for_their_own_kind) {
  // Jobs of two kinds take turns in each batch.
  stepped_world w;
  const breaker_rule rule{.window = 100, .attempts_min = 10, .failed_percent = 10, .open_for = 10s};
  const kind_ref a = w.kind("a", {.breaker = rule});
  const kind_ref b = w.kind("b", {.breaker = rule});
  w.open();
  const queue_ref q = w.queue("q");
  for (int i = 0; i < 18; ++i) w.submit(q, i % 2 == 0 ? a : b);
  w.settle();
  const auto state_of = [&](unsigned kind) { return w.e->read_metrics().kinds[kind].breaker; };
  w.act = [](context&) { return outcome::dead(); };
  w.submit(q, a);
  w.settle();
  EXPECT_EQ(state_of(0), breaker_state::open);
  EXPECT_EQ(state_of(1), breaker_state::closed);
  w.submit(q, b);
  w.settle();
  EXPECT_EQ(state_of(1), breaker_state::open);
}

TEST(breaker, opens_for_slow_attempts) {
  breaker_rule rule = strict();
  rule.slow = 1s;
  rule.slow_percent = 50;
  service w(rule);
  unsigned n = 0;
  w.act = [&](context&) {
    w.leap(++n % 2 == 0 ? 2s : 900ms);
    return outcome::done();
  };
  w.submit_many(20);
  w.settle();
  EXPECT_EQ(n, 4u);
  EXPECT_EQ(w.state(), breaker_state::open);
  EXPECT_EQ(w.e->read_counters().completed, 4u);
}

TEST(breaker, hears_of_an_attempt_that_never_returns) {
  // The handler overruns: the job is taken from it while it is inside.
  stepped_world w;
  w.wanted.on_overrun = on_overrun::dead;
  w.act = [&](context&) {
    w.work_for(2s);
    w.work_for(6s);
    EXPECT_EQ(w.e->read_metrics().kinds[0].breaker, breaker_state::open);
    return outcome::done();
  };
  const kind_ref k = w.kind("k", {.run_timeout = 1s, .breaker = {.window = 1, .attempts_min = 1}});
  w.open();
  const queue_ref q = w.queue("q");
  w.submit(q, k);
  w.settle();
  EXPECT_EQ(w.e->read_metrics().kinds[0].breaker_opened, 1u);
  EXPECT_EQ(w.e->read_metrics().kinds[0].breaker, breaker_state::open)
      << "what its handler said afterwards does not count";
}

TEST(breaker, and_limits_of_the_same_kind_do_not_hold_each_other_up) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 40; ++round) {
    kind_options how;
    how.blocking = test::one_in(random, 2);
    if (test::one_in(random, 2)) how.limits.concurrency = 1 + test::below<unsigned>(random, 3);
    if (test::one_in(random, 2)) {
      how.limits.rate = {1 + test::below<unsigned>(random, 50), 1s,
                         1 + test::below<unsigned>(random, 5)};
    }
    breaker_rule rule;
    rule.window = static_cast<std::uint16_t>(2 + test::below<unsigned>(random, 10));
    rule.attempts_min = static_cast<std::uint16_t>(1 + test::below<unsigned>(random, rule.window));
    rule.open_for = std::chrono::milliseconds(1 + test::below<unsigned>(random, 3'000));
    rule.trials = static_cast<std::uint16_t>(1 + test::below<unsigned>(random, 4));
    service w(rule, how);
    w.check_counts = false;
    w.act = [&](context&) {
      if (w.is_up) return outcome::done();
      return test::one_in(random, 4) ? outcome::snooze(1s) : outcome::fail();
    };
    int submitted = 0;
    for (int step = 0; step < 30; ++step) {
      w.is_up = test::one_in(random, 2);
      const int count = static_cast<int>(test::below<unsigned>(random, 20));
      w.submit_many(count);
      submitted += count;
      if (test::one_in(random, 5)) {
        ASSERT_TRUE(
            w.e->pause(w.context_of_host(), test::one_in(random, 2) ? scope(w.k) : w.q, 1s));
      }
      w.advance(std::chrono::milliseconds(test::below<unsigned>(random, 2'000)));
    }
    w.is_up = true;
    w.advance(10min);
    const counters c = w.e->read_counters();
    ASSERT_EQ(c.ended(), static_cast<std::uint64_t>(submitted)) << "round " << round;
    EXPECT_NE(w.state(), breaker_state::open);
    EXPECT_EQ(w.held_back(), 0u);
  }
}

TEST(breaker, refuses_rules_that_make_no_sense) {
  const breaker_rule wrong[] = {
      {.window = 30'001},
      {.window = 10, .attempts_min = 11},
      {.window = 10, .attempts_min = 0},
      {.window = 10, .attempts_min = 1, .failed_percent = 0},
      {.window = 10, .attempts_min = 1, .failed_percent = 101},
      {.window = 10, .attempts_min = 1, .slow_percent = 0},
      {.window = 10, .attempts_min = 1, .slow = -1s},
      {.window = 10, .attempts_min = 1, .open_for = 0s},
      {.window = 10, .attempts_min = 1, .open_for = 25h},
      {.window = 10, .attempts_min = 1, .trials = 0},
  };
  for (const breaker_rule& rule : wrong) {
    registry kinds;
    kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); },
              nullptr, {.breaker = rule});
    const auto opened = scheduler::open(test::small_options(), kinds);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, errc::invalid);
    EXPECT_EQ(opened.error().where, "kind_options.breaker");
  }
}

TEST(breaker, under_threads_forgets_nothing) {
  struct world {
    std::atomic<bool> is_up{false};
    std::atomic<std::uint64_t> done{0};
  } w;
  registry kinds;
  const auto call = [](void* user, context&, std::span<const std::byte>) {
    auto& of = *static_cast<world*>(user);
    if (!of.is_up.load()) return outcome::fail();
    ++of.done;
    return outcome::done();
  };
  const breaker_rule rule{.window = 50, .attempts_min = 5, .open_for = 2ms, .trials = 2};
  kind_options how{.max_attempts = 255, .backoff = backoff::fixed(1ms), .breaker = rule};
  const kind_ref plain = kinds.add("plain", call, &w, how);
  how.blocking = true;
  how.limits.concurrency = 3;
  const kind_ref blocking = kinds.add("blocking", call, &w, how);
  options o = test::small_options();
  o.drains = 4;
  o.log.write = [](void*, const log_record&) {};
  const auto s = test::open_or_exit(o, kinds);
  const queue_ref q = test::queue_or_exit(*s, "q");
  const int each = test::scaled(20'000);
  std::atomic<bool> stop{false};
  std::thread weather([&] {
    const auto has_opened = [&] { return s->read_metrics().kinds[0].breaker_opened != 0; };
    EXPECT_TRUE(test::eventually(has_opened));
    while (!stop.load()) {
      w.is_up = !w.is_up.load();
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
    w.is_up = true;
  });
  test::on_threads(2, [&](int) {
    for (int i = 0; i < each; ++i) {
      ASSERT_TRUE(s->submit(q, i % 8 == 0 ? blocking : plain, test::no_payload()));
    }
  });
  stop = true;
  weather.join();
  EXPECT_TRUE(test::eventually([&] { return w.done == static_cast<std::uint64_t>(2 * each); }))
      << w.done << " of " << 2 * each;
  const metrics m = s->read_metrics();
  EXPECT_EQ(m.kinds[0].held_back + m.kinds[1].held_back, 0u);
}

}  // namespace
}  // namespace pawl
