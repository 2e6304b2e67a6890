// Breakers of kinds whose rule changes while jobs run. Method: the engine on one thread and a clock of its own,
// with a change in each state of the breaker; then drains, the pool, and rules that come and go.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
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
breaker_rule strict_rule(std::uint16_t trials = 1) {
  return {.window = 4, .attempts_min = 4, .failed_percent = 100, .open_for = 10s, .trials = trials};
}

struct changing_service : stepped_world {
  bool is_up = false;
  unsigned calls = 0;
  std::function<outcome(context&)> answer;  // instead
  kind_ref k;
  queue_ref q;

  explicit changing_service(const breaker_rule& rule, unsigned drain_count = 1) {
    wanted.drains = drain_count;
    act = [this](context& job) {
      ++calls;
      if (answer) return answer(job);
      return is_up ? outcome::done() : outcome::fail();
    };
    k = kind("k", {.max_attempts = 200, .backoff = backoff::fixed(1s), .breaker = rule});
    open();
    q = queue("q");
  }
  void submit_many(int count) {
    for (int i = 0; i < count; ++i) submit(q, k);
  }
  void set(const breaker_rule& rule) { ASSERT_TRUE(e->set_breaker(context_of_host(), k, rule)); }
  [[nodiscard]] kind_metrics look() const { return e->read_metrics().kinds[0]; }
  [[nodiscard]] breaker_state state() const { return look().breaker; }
};

TEST(breaker_changes, one_that_is_given_starts_closed_and_watches_from_then_on) {
  changing_service w({});
  w.submit_many(10);
  w.settle();
  EXPECT_EQ(w.calls, 10u);
  EXPECT_EQ(w.state(), breaker_state::none);
  w.set(strict_rule());
  EXPECT_EQ(w.state(), breaker_state::closed);
  w.advance(1500ms);
  EXPECT_EQ(w.calls, 14u) << "opened at the 4th since";
  EXPECT_EQ(w.state(), breaker_state::open);
  EXPECT_EQ(w.look().held_back, 6u);
  bool is_said = false;
  for (const condition& c : w.e->health().conditions) {
    is_said = is_said || c.what == issue::breakers_open;
  }
  EXPECT_TRUE(is_said);
  w.is_up = true;
  w.advance(12s);
  EXPECT_EQ(w.state(), breaker_state::closed);
  EXPECT_EQ(w.e->read_counters().completed, 10u);
}

TEST(breaker_changes, one_that_is_given_hears_nothing_of_attempts_that_run) {
  changing_service w({}, 2);
  const kind_ref k = w.k;
  w.answer = [&](context&) {
    // Two at a time, both of which started without.
    while (w.calls == 1) static_cast<void>(w.e->step_drain(1));
    if (w.state() == breaker_state::none) {
      EXPECT_TRUE(w.e->set_breaker(w.context_of_host(), k, strict_rule()));
    }
    return outcome::fail();
  };
  w.submit_many(2);
  static_cast<void>(w.e->step_drain(0));
  EXPECT_EQ(w.calls, 2u);
  EXPECT_EQ(w.state(), breaker_state::closed);
  w.answer = nullptr;
  w.advance(2500ms);
  EXPECT_EQ(w.calls, 6u) << "the four since";
  EXPECT_EQ(w.state(), breaker_state::open);
}

TEST(breaker_changes, one_that_is_taken_away_while_it_is_open_lets_all_go_at_once) {
  changing_service w(strict_rule());
  w.submit_many(50);
  w.settle();
  ASSERT_EQ(w.state(), breaker_state::open);
  w.is_up = true;
  w.set({});
  EXPECT_EQ(w.state(), breaker_state::none);
  EXPECT_EQ(w.look().breaker_opened, 1u);
  w.settle();
  EXPECT_EQ(w.calls, 50u);
  EXPECT_EQ(w.look().held_back, 0u);
  EXPECT_EQ(w.said, (std::vector<std::string>{"breaker.opened", "breaker.closed"}));
  w.advance(5s);
  EXPECT_EQ(w.e->read_counters().completed, 50u);
  w.is_up = false;
  w.submit_many(20);
  w.settle();
  EXPECT_EQ(w.calls, 54u + 20u) << "nobody watches";
  // Given again it knows nothing of before.
  w.set(strict_rule());
  EXPECT_EQ(w.state(), breaker_state::closed);
  w.advance(1500ms);
  EXPECT_EQ(w.calls, 54u + 24u);
  EXPECT_EQ(w.state(), breaker_state::open);
  EXPECT_EQ(w.look().breaker_opened, 2u);
}

TEST(breaker_changes, one_that_is_taken_away_while_its_trial_runs_lets_all_go) {
  changing_service w(strict_rule(), 2);
  w.submit_many(10);
  w.settle();
  ASSERT_EQ(w.state(), breaker_state::open);
  w.answer = [&](context&) {
    if (w.state() == breaker_state::half_open) {
      w.set({});
      w.set(strict_rule());
      EXPECT_EQ(w.state(), breaker_state::closed);
      return outcome::fail();  // what a trial of another life comes to
    }
    return outcome::done();
  };
  w.advance(12s);
  EXPECT_EQ(w.state(), breaker_state::closed);
  EXPECT_EQ(w.e->read_counters().completed, 10u);
  EXPECT_EQ(w.look().breaker_opened, 1u);
}

TEST(breaker_changes, what_a_closed_one_has_counted_is_judged_by_the_new_rule) {
  changing_service w({.window = 100, .attempts_min = 50, .failed_percent = 100, .open_for = 10s});
  w.submit_many(30);
  w.settle();
  ASSERT_EQ(w.calls, 30u);
  w.set(strict_rule());
  EXPECT_EQ(w.state(), breaker_state::closed);
  w.advance(1500ms);
  EXPECT_EQ(w.calls, 31u) << "the next outcome";
  EXPECT_EQ(w.state(), breaker_state::open);
}

TEST(breaker_changes, an_open_one_is_tried_after_the_new_time_at_the_latest) {
  changing_service w(strict_rule());
  w.submit_many(5);
  w.settle();
  ASSERT_EQ(w.state(), breaker_state::open);
  breaker_rule rule = strict_rule();
  rule.open_for = 1h;
  w.set(rule);
  rule.open_for = 3s;
  w.set(rule);
  w.advance(2900ms);
  EXPECT_EQ(w.calls, 4u);
  w.advance(200ms);
  EXPECT_EQ(w.calls, 5u);
  EXPECT_EQ(w.state(), breaker_state::open);
  rule.open_for = 20s;
  w.set(rule);
  w.advance(3s);
  EXPECT_EQ(w.calls, 6u) << "a longer one applies when it opens again";
  w.advance(19s);
  EXPECT_EQ(w.calls, 6u);
  w.advance(1100ms);
  EXPECT_EQ(w.calls, 7u);
}

TEST(breaker_changes, trials_begin_anew_with_a_new_rule) {
  // Of five trials two did well and one is out: it is not waited for by a rule that wants two.
  changing_service w(strict_rule(5), 2);
  w.submit_many(20);
  w.settle();
  ASSERT_EQ(w.state(), breaker_state::open);
  unsigned trials = 0;
  w.answer = [&](context&) {
    if (++trials == 3) {
      w.set(strict_rule(2));
      EXPECT_EQ(w.state(), breaker_state::half_open);
      return outcome::fail();
    }
    return outcome::done();
  };
  w.advance(12s);
  EXPECT_EQ(w.state(), breaker_state::closed);
  EXPECT_EQ(w.e->read_counters().completed, 20u);
  EXPECT_EQ(w.look().breaker_opened, 1u) << "the failure of the old trial was not heard";
}

TEST(breaker_changes, fewer_trials_than_did_well_already_are_not_waited_for) {
  changing_service w(strict_rule(2));
  w.submit_many(4);
  w.settle();
  ASSERT_EQ(w.state(), breaker_state::open);
  w.is_up = true;
  unsigned trials = 0;
  w.answer = [&](context&) { return ++trials == 1 ? outcome::done() : outcome::snooze(5s); };
  w.advance(11s);
  ASSERT_EQ(w.state(), breaker_state::half_open) << "one did well, and the others say nothing";
  w.set(strict_rule(1));
  w.answer = nullptr;
  w.advance(20s);
  EXPECT_EQ(w.state(), breaker_state::closed);
  EXPECT_EQ(w.e->read_counters().completed, 4u);
}

TEST(breaker_changes, slowness_and_ignored_errors_may_come_and_go) {
  constexpr error_kind not_theirs = 7;
  changing_service w(strict_rule());
  w.answer = [&](context&) {
    w.leap(100ms);
    return outcome::done();
  };
  w.submit_many(8);
  w.settle();
  EXPECT_EQ(w.state(), breaker_state::closed);
  breaker_rule rule = strict_rule();
  rule.failed_percent = 50;
  rule.slow = 50ms;
  rule.ignored = {not_theirs};
  w.set(rule);
  w.submit_many(8);
  w.settle();
  EXPECT_EQ(w.state(), breaker_state::open);
  w.set(strict_rule());
  w.advance(11s);
  EXPECT_EQ(w.state(), breaker_state::closed) << "they are slow, and nobody minds any more";
  w.set(rule);
  w.answer = [](context&) { return outcome::fail(not_theirs); };
  w.submit_many(20);
  w.settle();
  EXPECT_EQ(w.state(), breaker_state::closed);
  rule.ignored = {};
  w.set(rule);
  w.advance(1500ms);
  EXPECT_EQ(w.state(), breaker_state::open);
}

TEST(breaker_changes, and_a_pause_each_hold_the_kind_back) {
  changing_service w(strict_rule());
  w.submit_many(8);
  w.settle();
  ASSERT_EQ(w.state(), breaker_state::open);
  ASSERT_TRUE(w.e->pause(w.context_of_host(), w.k, {}));
  w.is_up = true;
  w.set({});
  w.settle();
  EXPECT_EQ(w.calls, 4u) << "it is paused";
  ASSERT_TRUE(w.e->resume(w.context_of_host(), w.k));
  w.advance(2s);
  EXPECT_EQ(w.e->read_counters().completed, 8u);
}

TEST(breaker_changes, a_rule_that_stays_the_same_changes_nothing) {
  changing_service w(strict_rule());
  w.submit_many(3);
  w.settle();
  w.set(strict_rule());
  w.submit_many(1);
  w.settle();
  ASSERT_EQ(w.state(), breaker_state::open);
  w.set(strict_rule());
  w.advance(9s);
  EXPECT_EQ(w.calls, 4u);
  EXPECT_EQ(w.state(), breaker_state::open);
  EXPECT_EQ(w.look().breaker_opened, 1u);
}

TEST(breaker_changes, that_make_no_sense_are_refused) {
  changing_service w(strict_rule());
  breaker_rule bad = strict_rule();
  bad.trials = 0;
  const auto refused = w.e->set_breaker(w.context_of_host(), w.k, bad);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::invalid);
  EXPECT_EQ(refused.error().where, "breaker_rule");
  const auto unknown = w.e->set_breaker(w.context_of_host(), kind_ref{7}, strict_rule());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, errc::not_found);
  w.submit_many(4);
  w.settle();
  EXPECT_EQ(w.state(), breaker_state::open) << "the rule is still the first";
  EXPECT_TRUE(w.e->stop(1s));
  const auto late = w.e->set_breaker(w.context_of_host(), w.k, {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, errc::stopping);
}

// Everything at random against what must always hold: in the end nobody waits, and at each moment an open one
// has a timer or nobody who waits.
TEST(breaker_changes, of_every_sort_leave_nobody_waiting) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < test::scaled(60); ++round) {
    const auto any_rule = [&]() -> breaker_rule {
      if (test::one_in(random, 4)) return {};
      breaker_rule r;
      r.window = static_cast<std::uint16_t>(1 + test::below<unsigned>(random, 10));
      r.attempts_min = static_cast<std::uint16_t>(1 + test::below<unsigned>(random, r.window));
      r.open_for = std::chrono::milliseconds(1 + test::below<unsigned>(random, 3'000));
      r.trials = static_cast<std::uint16_t>(1 + test::below<unsigned>(random, 4));
      return r;
    };
    changing_service w(any_rule(), 3);
    w.check_counts = false;
    unsigned inside = 0;
    w.answer = [&](context&) {
      if (test::one_in(random, 10)) w.set(any_rule());
      if (inside < 2 && test::one_in(random, 3)) {
        ++inside;
        static_cast<void>(w.e->step_drain(inside));
        --inside;
      }
      if (test::one_in(random, 8)) return outcome::snooze(500ms);
      return w.is_up ? outcome::done() : outcome::fail();
    };
    unsigned submitted = 0;
    for (int step = 0; step < 30; ++step) {
      w.is_up = test::one_in(random, 2);
      const unsigned count = test::below<unsigned>(random, 20);
      w.submit_many(static_cast<int>(count));
      submitted += count;
      if (test::one_in(random, 3)) w.set(any_rule());
      if (test::one_in(random, 6)) {
        ASSERT_TRUE(w.e->set_limits(w.context_of_host(), w.k,
                                    {.concurrency = test::below<unsigned>(random, 3)}));
      }
      w.advance(std::chrono::milliseconds(test::below<unsigned>(random, 2'000)));
      if (w.state() == breaker_state::closed || w.state() == breaker_state::none) {
        ASSERT_EQ(w.look().held_back, 0u) << "round " << round << ", step " << step;
      }
    }
    w.is_up = true;
    w.answer = nullptr;
    w.advance(10min);
    ASSERT_EQ(w.e->read_counters().ended(), submitted) << "round " << round;
    EXPECT_EQ(w.look().held_back, 0u);
  }
}

TEST(breaker_changes, under_threads_forget_nothing) {
  struct world {
    std::atomic<bool> is_up{false};
    std::atomic<std::uint64_t> done{0};
  } w;
  registry kinds;
  const auto call = [](void* user, context& job, std::span<const std::byte>) {
    auto& of = *static_cast<world*>(user);
    // None runs out of attempts, however long the weather lasts.
    if (!of.is_up.load() && job.attempt() < 250) return outcome::fail();
    ++of.done;
    return outcome::done();
  };
  kind_options how{.max_attempts = 255, .backoff = backoff::fixed(1ms)};
  const kind_ref plain = kinds.add("plain", call, &w, how);
  how.blocking = true;
  how.limits.concurrency = 3;
  const kind_ref blocking = kinds.add("blocking", call, &w, how);
  options o = test::small_options();
  o.drains = 4;
  o.log.write = [](void*, const log_record&) {};
  const auto s = test::open_or_exit(o, kinds);
  const queue_ref q = test::queue_or_exit(*s, "q");
  const breaker_rule rules[] = {
      {},
      {.window = 50, .attempts_min = 5, .open_for = 2ms, .trials = 2},
      {.window = 10, .attempts_min = 1, .slow = 1h, .open_for = 500us, .trials = 1},
      {.window = 1'000, .attempts_min = 20, .open_for = 1h, .trials = 5}};
  const int each = test::scaled(20'000);
  std::atomic<bool> stop{false};
  std::thread weather([&] {
    test::random_source random(test::fresh_seed());
    while (!stop.load()) {
      w.is_up = test::one_in(random, 2);
      EXPECT_TRUE(s->set_breaker(test::one_in(random, 4) ? blocking : plain,
                                 rules[test::below<std::size_t>(random, 4)]));
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    w.is_up = true;
    // Whatever an hour was for: a new rule ends it.
    for (const kind_ref k : {plain, blocking}) EXPECT_TRUE(s->set_breaker(k, rules[1]));
  });
  test::on_threads(2, [&](int) {
    for (int i = 0; i < each; ++i) {
      ASSERT_TRUE(s->submit(q, i % 8 == 0 ? blocking : plain, test::no_payload()));
    }
  });
  static_cast<void>(test::eventually([&] { return w.done > static_cast<std::uint64_t>(each); }));
  stop = true;
  weather.join();
  EXPECT_TRUE(test::eventually([&] { return w.done == static_cast<std::uint64_t>(2 * each); }))
      << w.done << " of " << 2 * each;
  const metrics m = s->read_metrics();
  EXPECT_EQ(m.kinds[0].held_back + m.kinds[1].held_back, 0u);
}

}  // namespace
}  // namespace pawl
