// Breakers of lanes. Method: the engine on one thread and a clock of its own, so that what a breaker does at
// which time is exact; handlers do what the test says of their lane.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "sim/stepped_world.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::stepped_world;

constexpr duration tick{65'536};          // an open breaker is so much longer open, at most
constexpr duration kept_tick{1LL << 26};  // what is kept is so much longer, at most
constexpr std::uint64_t second = 1'000'000'000;

// Opens at the 3rd failure in a row, for 10 s.
breaker_rule strict_lane_rule(std::uint16_t trials = 1) {
  return {.window = 3, .attempts_min = 3, .failed_percent = 100, .open_for = 10s, .trials = trials};
}

class lane_breakers : public ::testing::Test {
 protected:
  void open(const breaker_rule& rule, lane_options how = {}, kind_options jobs = {}) {
    w.wanted.drains = 2;
    jobs.backoff = backoff::fixed(1s);
    if (jobs.max_attempts == kind_options{}.max_attempts) jobs.max_attempts = 200;
    kind = w.kind("k", jobs);
    w.act = [this](context& job) {
      started.push_back(job.id().value);
      return act(job);
    };
    w.open();
    how.breaker = rule;
    lanes = how;
    queue = w.queue("q", {.lanes = lanes});
  }
  job_id submit(std::string_view lane, job_options how = {}) {
    how.lane = lane;
    return w.submit(queue, kind, how);
  }
  void set(const lane_options& how) {
    lanes = how;
    ASSERT_TRUE(w.e->set_options(host(), queue, {.lanes = how}));
  }
  void set_rule(const breaker_rule& rule) {
    lane_options how = lanes;
    how.breaker = rule;
    set(how);
  }
  // So many jobs of the lane, one after the other, each of which dies at once.
  void die(std::string_view lane, int times) {
    for (int i = 0; i < times; ++i) {
      const auto before = std::exchange(act, [](context&) { return outcome::dead(); });
      submit(lane);
      w.settle();
      act = before;
      static_cast<void>(w.e->purge_dead(host(), {}));
    }
  }
  lane_status look(std::string_view key) { return *w.e->find(lane_ref{queue, key}); }
  breaker_state state(std::string_view key = "x") { return look(key).breaker; }
  lane_metrics sum() { return w.e->read_metrics().lanes; }
  scope at(std::string_view key) { return lane_ref{queue, key}; }
  thread_context& host() { return w.context_of_host(); }
  bool has_condition(issue what) {
    for (const condition& c : w.e->health().conditions) {
      if (c.what == what) return true;
    }
    return false;
  }

  stepped_world w;
  kind_ref kind;
  queue_ref queue;
  lane_options lanes;
  std::vector<std::uint64_t> started;
  std::function<outcome(context&)> act = [](context&) { return outcome::done(); };
};

outcome fails(context&) {
  return outcome::fail();
}
outcome does_well(context&) {
  return outcome::done();
}

TEST_F(lane_breakers, give_a_lane_that_fails_a_rest_and_nobody_else) {
  open(strict_lane_rule());
  const job_id a = submit("x");
  const job_id b = submit("x");
  const job_id c = submit("x");
  act = [&](context& job) { return job.id() == a ? outcome::fail() : outcome::done(); };
  EXPECT_EQ(state(), breaker_state::closed);
  w.advance(2500ms);  // at 0, 1 and 2 s
  ASSERT_EQ(started.size(), 3u);
  EXPECT_EQ(state(), breaker_state::open);
  EXPECT_EQ(sum().breakers_open, 1u);
  EXPECT_EQ(sum().breaker_opened, 1u);
  EXPECT_TRUE(has_condition(issue::breakers_open));

  const job_id other = submit("y");
  w.settle();
  EXPECT_EQ(w.states_of(other).back(), job_state::completed);
  EXPECT_EQ(state("y"), breaker_state::closed);

  w.advance(9s);
  EXPECT_EQ(started.size(), 4u) << "the retry was due, and waits";
  for (const job_id id : {a, b, c}) {
    EXPECT_EQ(w.find(id).state, job_state::blocked);
    EXPECT_EQ(w.find(id).waiting_for, waiting_for::lane);
  }
  EXPECT_EQ(w.find(a).attempt, 3);
  EXPECT_EQ(look("x").first, a);
  EXPECT_EQ(sum().waiting, 3u);

  const std::uint64_t at = w.clock.now_ns;
  w.advance(2s);  // at 12 s: the trial, which fails
  ASSERT_EQ(started.size(), 5u);
  EXPECT_LE(w.starts_of(a).back(), at + second / 2 + 65'536 + stepped_world::tick_ns);
  EXPECT_EQ(state(), breaker_state::open);
  EXPECT_EQ(sum().breaker_opened, 2u);

  act = does_well;
  w.advance(11s);
  EXPECT_EQ(state(), breaker_state::closed);
  EXPECT_EQ(started, (std::vector<std::uint64_t>{a.value, a.value, a.value, other.value, a.value,
                                                 a.value, b.value, c.value}))
      << "in their order";
  EXPECT_FALSE(has_condition(issue::breakers_open));
  EXPECT_EQ(sum().lanes, 0u) << "closed, without a failure: nothing is left";
}

TEST_F(lane_breakers, cost_nothing_while_they_are_open) {
  open(strict_lane_rule());
  for (int i = 0; i < 50; ++i) submit("x");
  act = fails;
  w.advance(2500ms);
  ASSERT_EQ(state(), breaker_state::open);
  w.advance(2s);  // the retry has come to wait too
  const counters before = w.e->read_counters();
  const std::uint64_t until = w.e->next_timer_ns();
  EXPECT_GT(until, w.clock.now_ns + 7 * second) << "nothing is due before the breaker is";
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(w.e->step_drain(0));
    EXPECT_FALSE(w.e->step_drain(1));
  }
  EXPECT_EQ(w.e->read_counters().stale_entries, before.stale_entries);
}

TEST_F(lane_breakers, open_for_slow_attempts) {
  breaker_rule rule = strict_lane_rule();
  rule.slow = 100ms;
  rule.slow_percent = 100;
  open(rule);
  act = [&](context&) {
    w.leap(101ms);
    return outcome::done();
  };
  for (int i = 0; i < 5; ++i) submit("x");
  w.settle();
  EXPECT_EQ(started.size(), 3u);
  EXPECT_EQ(state(), breaker_state::open);
  // A slow trial does not do well; a quick one does.
  w.advance(11s);
  EXPECT_EQ(started.size(), 4u);
  EXPECT_EQ(state(), breaker_state::open);
  act = does_well;
  w.advance(11s);
  EXPECT_EQ(started.size(), 5u);
  EXPECT_EQ(state(), breaker_state::closed);
}

TEST_F(lane_breakers, do_not_count_what_is_ignored_or_is_no_failure) {
  constexpr error_kind not_theirs = 7;
  breaker_rule rule = strict_lane_rule();
  rule.ignored = {not_theirs};
  open(rule);
  int n = 0;
  act = [&](context&) {
    switch (++n % 5) {
      case 0:
        return outcome::fail(not_theirs);
      case 1:
        return outcome::snooze(1s);
      case 2:
        return outcome::rate_limited(1s);
      case 3:
        return outcome::yield();
      default:
        return outcome::interrupted();
    }
  };
  submit("x");
  w.advance(60s);
  EXPECT_GT(started.size(), 30u);
  EXPECT_EQ(state(), breaker_state::closed);
  act = fails;
  w.advance(10s);
  EXPECT_EQ(state(), breaker_state::open);
}

TEST_F(lane_breakers, hear_of_deaths_of_every_kind_and_of_overruns) {
  w.wanted.on_overrun = on_overrun::dead;
  w.wanted.grace = 1s;
  open(strict_lane_rule(), {}, {.max_attempts = 1, .run_timeout = 1s});
  act = [](context&) { return outcome::dead(); };
  submit("x");
  w.settle();
  act = fails;
  submit("x");
  w.settle();
  EXPECT_EQ(state(), breaker_state::closed);
  act = [&](context&) {
    w.work_for(3s);
    EXPECT_EQ(state(), breaker_state::open) << "it was taken from its handler";
    return outcome::done();
  };
  submit("x");
  w.settle();
  EXPECT_EQ(started.size(), 3u);
  EXPECT_EQ(state(), breaker_state::open);
  EXPECT_EQ(w.e->read_counters().dead[static_cast<std::size_t>(dead_cause::timeout)], 1u);
}

TEST_F(lane_breakers, an_overrun_trial_does_not_keep_a_lane_with_room_waiting) {
  w.wanted.on_overrun = on_overrun::dead;
  w.wanted.grace = 1s;
  open(strict_lane_rule(), {.concurrency = 2}, {.run_timeout = 1s});
  act = fails;
  const job_id a = submit("x");
  const job_id b = submit("x");
  w.advance(5s);
  ASSERT_EQ(state(), breaker_state::open);
  bool is_first = true;
  act = [&](context& job) {
    if (!std::exchange(is_first, false)) return outcome::done();
    EXPECT_EQ(job.id(), a);
    w.work_for(3s);
    EXPECT_EQ(state(), breaker_state::open);
    w.work_for(11s);  // it is still inside, and the breaker's time is over
    static_cast<void>(w.e->step_drain(1));
    EXPECT_EQ(w.states_of(b).back(), job_state::completed);
    return outcome::done();
  };
  w.advance(11s);
  EXPECT_EQ(w.states_of(b).back(), job_state::completed);
  EXPECT_EQ(state(), breaker_state::closed);
}

TEST_F(lane_breakers, half_open_let_as_many_try_as_the_rule_says) {
  open(strict_lane_rule(2), {.concurrency = 5});
  act = fails;
  for (int i = 0; i < 8; ++i) submit("x");
  w.advance(3s);
  ASSERT_EQ(state(), breaker_state::open);
  started.clear();
  unsigned inside = 0;
  unsigned most = 0;
  act = [&](context&) {
    most = std::max(most, ++inside);
    EXPECT_EQ(state(), breaker_state::half_open);
    if (inside < 2) static_cast<void>(w.e->step_drain(1));
    --inside;
    return outcome::fail();
  };
  w.advance(9500ms);
  EXPECT_EQ(most, 2u);
  EXPECT_EQ(started.size(), 2u);
  EXPECT_EQ(state(), breaker_state::open);
  act = does_well;
  w.advance(11s);
  EXPECT_EQ(state(), breaker_state::closed);
  EXPECT_EQ(w.e->read_counters().completed, 8u);
}

TEST_F(lane_breakers, a_trial_that_does_not_count_is_made_again) {
  open(strict_lane_rule());
  act = fails;
  const job_id a = submit("x");
  const job_id b = submit("x");
  w.advance(3s);
  ASSERT_EQ(state(), breaker_state::open);
  act = [](context&) { return outcome::yield(); };
  w.leap(10s);
  static_cast<void>(w.e->step_timer());
  for (int i = 0; i < 3; ++i) static_cast<void>(w.e->step_drain(0));
  EXPECT_EQ(state(), breaker_state::half_open);
  act = does_well;
  w.settle();
  EXPECT_EQ(state(), breaker_state::closed);
  EXPECT_EQ(w.states_of(a).back(), job_state::completed);
  EXPECT_EQ(w.states_of(b).back(), job_state::completed);
}

TEST_F(lane_breakers, a_trial_that_is_cancelled_or_expires_lets_the_next_one_try) {
  open(strict_lane_rule());
  act = fails;
  const job_id a = submit("x");
  const job_id b = submit("x", {.expires = 12'500ms});
  const job_id c = submit("x");
  w.advance(3s);
  ASSERT_EQ(state(), breaker_state::open);
  ASSERT_TRUE(w.e->cancel(host(), a));  // it waits to be the trial
  EXPECT_EQ(look("x").first, b);
  // At 12 s the trial is b, whose handler agrees to be cancelled.
  act = [&](context& job) {
    EXPECT_EQ(job.id(), b);
    EXPECT_TRUE(w.e->cancel(host(), b));
    act = does_well;
    return outcome::cancelled();
  };
  w.advance(10s);
  EXPECT_EQ(w.states_of(b).back(), job_state::cancelled);
  EXPECT_EQ(w.states_of(c).back(), job_state::completed) << "the next trial";
  EXPECT_EQ(state(), breaker_state::closed);
}

TEST_F(lane_breakers, one_that_expires_while_it_waits_leaves_the_way_to_the_next) {
  open(strict_lane_rule());
  act = fails;
  const job_id a = submit("x", {.expires = 5s});
  const job_id b = submit("x");
  w.advance(3s);
  ASSERT_EQ(state(), breaker_state::open);
  act = does_well;
  w.advance(4s);
  EXPECT_EQ(w.states_of(a).back(), job_state::expired);
  EXPECT_EQ(state(), breaker_state::open);
  w.advance(6s);
  EXPECT_EQ(w.states_of(b).back(), job_state::completed);
}

TEST_F(lane_breakers, a_start_that_was_let_go_and_came_too_late_gives_its_trial_back) {
  // The job ends between the lane's word and its start: by the hook of another job's end, inside the drain.
  open(strict_lane_rule());
  act = fails;
  const job_id a = submit("x");
  const job_id b = submit("x");
  w.advance(3s);
  ASSERT_EQ(state(), breaker_state::open);
  w.leap(10s);
  core& c = w.e->parts();
  static_cast<void>(w.e->step_timer());  // the first is on its way
  const auto place = band_entry::make(id_slot(a), job_word{c.jobs[id_slot(a)].word.load(acquire)});
  ASSERT_TRUE(c.lanes.pass(c, host(), place, true));
  EXPECT_EQ(state(), breaker_state::half_open);
  ASSERT_TRUE(w.e->cancel(host(), a));
  act = does_well;
  w.settle();
  EXPECT_EQ(w.states_of(b).back(), job_state::completed);
  EXPECT_EQ(state(), breaker_state::closed);
}

TEST_F(lane_breakers, and_pauses_each_hold_it_back) {
  open(strict_lane_rule());
  act = fails;
  submit("x");
  w.advance(3s);
  ASSERT_EQ(state(), breaker_state::open);
  const std::size_t before = started.size();
  ASSERT_TRUE(w.e->pause(host(), at("x"), {}));
  w.advance(20s);
  EXPECT_EQ(started.size(), before) << "its time is over, and it is paused";
  EXPECT_EQ(state(), breaker_state::half_open);
  ASSERT_TRUE(w.e->resume(host(), at("x")));
  w.settle();
  EXPECT_EQ(started.size(), before + 1);
  ASSERT_EQ(state(), breaker_state::open);
  ASSERT_TRUE(w.e->pause(host(), at("x"), {}));
  ASSERT_TRUE(w.e->resume(host(), at("x")));
  w.advance(9s);
  EXPECT_EQ(started.size(), before + 1) << "resumed, and still open";
  ASSERT_TRUE(w.e->hold(host(), at("x"), 5s));
  act = does_well;
  w.advance(4s);
  EXPECT_EQ(started.size(), before + 1) << "held";
  w.advance(2s);
  EXPECT_EQ(started.size(), before + 2);
  EXPECT_EQ(state(), breaker_state::closed);
}

TEST_F(lane_breakers, and_rates_each_hold_it_back) {
  open(strict_lane_rule(), {.rate = {.starts = 1, .per = 4s}});
  act = fails;
  submit("x");
  w.advance(9s);  // at 0, 4 and 8 s
  ASSERT_EQ(started.size(), 3u);
  ASSERT_EQ(state(), breaker_state::open);
  act = does_well;
  submit("x");
  w.advance(8s);
  EXPECT_EQ(started.size(), 3u);
  w.advance(2s);  // at 18 s the trial
  EXPECT_EQ(started.size(), 4u);
  EXPECT_EQ(state(), breaker_state::closed);
  w.advance(2s);
  EXPECT_EQ(started.size(), 4u) << "closed, but the rate has a word too";
  w.advance(2s);
  EXPECT_EQ(started.size(), 5u);
}

TEST_F(lane_breakers, skip_its_failing_head_and_still_count_it) {
  open(strict_lane_rule(), {.on_failure = on_failure::skip});
  act = fails;
  const job_id a = submit("x");
  const job_id b = submit("x");
  const job_id c = submit("x");
  const job_id d = submit("x");
  w.settle();
  EXPECT_EQ(started, (std::vector<std::uint64_t>{a.value, b.value, c.value}));
  EXPECT_EQ(state(), breaker_state::open);
  act = does_well;
  w.advance(11s);
  // The retries took their places before the one that has not started.
  EXPECT_EQ(started, (std::vector<std::uint64_t>{a.value, b.value, c.value, a.value, b.value,
                                                 c.value, d.value}));
}

TEST_F(lane_breakers, a_dead_job_that_blocks_its_lane_is_requeued_into_an_open_one) {
  open(strict_lane_rule(), {.on_failure = on_failure::block}, {.max_attempts = 4});
  act = fails;
  const job_id a = submit("x");
  w.advance(2500ms);
  ASSERT_EQ(state(), breaker_state::open);
  w.advance(10s);  // the 4th attempt, the trial, fails: it is dead, and in line
  ASSERT_EQ(w.find(a).state, job_state::dead);
  EXPECT_TRUE(look("x").is_stopped);
  EXPECT_EQ(state(), breaker_state::open);
  w.note_requeued(a);
  ASSERT_TRUE(w.e->requeue(host(), a, w.find(a).version));
  const std::size_t before = started.size();
  act = does_well;
  w.advance(8s);
  EXPECT_EQ(started.size(), before);
  EXPECT_EQ(w.find(a).waiting_for, waiting_for::lane);
  w.advance(3s);
  EXPECT_EQ(started.size(), before + 1);
  EXPECT_EQ(state(), breaker_state::closed);
}

TEST_F(lane_breakers, blocking_kinds_are_watched_as_well) {
  open(strict_lane_rule(), {}, {.blocking = true});
  act = fails;
  submit("x");
  submit("x");
  w.advance(2500ms);
  ASSERT_EQ(started.size(), 3u);
  EXPECT_EQ(state(), breaker_state::open);
  act = does_well;
  w.advance(11s);
  EXPECT_EQ(started.size(), 5u);
  EXPECT_EQ(state(), breaker_state::closed);
}

// ---- what is left of a lane without jobs ----

TEST_F(lane_breakers, that_know_of_no_failure_leave_nothing) {
  open(strict_lane_rule(), {}, {.run_timeout = duration(0)});
  for (int i = 0; i < 100; ++i) submit("lane " + std::to_string(i));
  w.settle();
  EXPECT_EQ(sum().lanes, 0u);
  EXPECT_EQ(w.e->next_timer_ns(), UINT64_MAX) << "no timer either";
}

TEST_F(lane_breakers, keys_whose_jobs_come_one_at_a_time_trip_too) {
  open(strict_lane_rule());
  die("x", 2);
  EXPECT_EQ(sum().lanes, 1u);
  EXPECT_EQ(state(), breaker_state::closed);
  w.advance(9s);
  die("x", 1);
  EXPECT_EQ(state(), breaker_state::open) << "within open_for of the last one";
  submit("x");
  w.settle();
  EXPECT_EQ(started.size(), 3u);
}

TEST_F(lane_breakers, failures_are_forgotten_when_nobody_came_for_so_long) {
  open(strict_lane_rule());
  die("x", 2);
  w.advance(10s - 1us);
  EXPECT_EQ(sum().lanes, 1u);
  w.advance(kept_tick + 10us);
  EXPECT_EQ(sum().lanes, 0u);
  die("x", 2);
  EXPECT_EQ(state(), breaker_state::closed) << "the first two are forgotten";
  // A job that comes and goes begins the time anew.
  w.advance(9s);
  act = [](context&) { return outcome::cancelled(); };
  const job_id late = submit("x");
  ASSERT_TRUE(w.e->pause(host(), at("x"), {}));
  w.settle();
  ASSERT_TRUE(w.e->cancel(host(), late));
  ASSERT_TRUE(w.e->resume(host(), at("x")));
  w.advance(2s);
  EXPECT_EQ(sum().lanes, 0u) << "one that made no attempt does not";
}

TEST_F(lane_breakers, open_ones_are_kept_until_they_could_be_tried_and_for_open_for_after_it) {
  open(strict_lane_rule());
  die("x", 3);
  ASSERT_EQ(state(), breaker_state::open);
  EXPECT_EQ(w.find(submit("x")).state, job_state::ready);
  w.settle();
  EXPECT_EQ(started.size(), 3u) << "a key without jobs was open all the same";
  act = does_well;
  w.advance(10s + tick + 10us);
  EXPECT_EQ(started.size(), 4u);
  EXPECT_EQ(sum().lanes, 0u) << "the trial did well";

  die("x", 3);
  w.advance(15s);
  EXPECT_EQ(state(), breaker_state::half_open);
  EXPECT_EQ(sum().breakers_open, 1u);
  act = fails;
  submit("x", {.max_attempts = 1});
  w.settle();
  EXPECT_EQ(state(), breaker_state::open) << "it was a trial";
  static_cast<void>(w.e->purge_dead(host(), {}));
  w.advance(20s - 1ms);
  EXPECT_EQ(sum().lanes, 1u);
  w.advance(1ms + tick + 10us);
  EXPECT_EQ(sum().lanes, 0u);
  EXPECT_EQ(sum().breakers_open, 0u);
  EXPECT_EQ(sum().breaker_opened, 3u);
  EXPECT_EQ(state(), breaker_state::closed);
}

// ---- changes at run time ----

TEST_F(lane_breakers, a_rule_that_is_given_applies_from_the_next_start) {
  open({});
  EXPECT_EQ(state(), breaker_state::none);
  act = fails;
  submit("x");
  w.advance(10'500ms);
  EXPECT_EQ(started.size(), 11u);
  act = [&](context&) {
    set_rule(strict_lane_rule());  // this one started without
    return outcome::fail();
  };
  w.advance(1s);
  EXPECT_EQ(state(), breaker_state::closed);
  act = fails;
  w.advance(2s);
  EXPECT_EQ(state(), breaker_state::closed);
  w.advance(1s);
  EXPECT_EQ(state(), breaker_state::open);
}

TEST_F(lane_breakers, one_that_is_taken_away_while_it_is_open_lets_them_go_at_once) {
  open(strict_lane_rule());
  act = fails;
  const job_id a = submit("x");
  const job_id b = submit("x");
  w.advance(5s);
  ASSERT_EQ(state(), breaker_state::open);
  act = does_well;
  set_rule({});
  EXPECT_EQ(state(), breaker_state::none);
  EXPECT_EQ(sum().breakers_open, 0u);
  w.settle();
  EXPECT_EQ(w.states_of(a).back(), job_state::completed);
  EXPECT_EQ(w.states_of(b).back(), job_state::completed);
  EXPECT_EQ(sum().lanes, 0u);
  // Given again it starts closed, and what it knew is gone.
  set_rule(strict_lane_rule());
  EXPECT_EQ(state(), breaker_state::closed);
  die("x", 2);
  EXPECT_EQ(state(), breaker_state::closed);
}

TEST_F(lane_breakers, one_that_is_taken_away_forgets_what_it_kept) {
  open(strict_lane_rule());
  die("x", 3);
  die("y", 1);
  ASSERT_EQ(sum().lanes, 2u);
  set_rule({});
  EXPECT_EQ(sum().breakers_open, 0u);
  w.advance(10us);
  EXPECT_EQ(sum().lanes, 0u);
}

TEST_F(lane_breakers, what_a_closed_one_has_counted_is_judged_by_the_new_rule) {
  open({.window = 20, .attempts_min = 10, .failed_percent = 100, .open_for = 10s});
  act = fails;
  submit("x");
  w.advance(4500ms);
  ASSERT_EQ(started.size(), 5u);
  set_rule(strict_lane_rule());
  EXPECT_EQ(state(), breaker_state::closed);
  w.advance(1s);
  EXPECT_EQ(state(), breaker_state::open);
}

TEST_F(lane_breakers, an_open_one_is_so_for_the_new_time_at_most) {
  open(strict_lane_rule());
  act = fails;
  submit("x");
  w.advance(3s);  // open until 12 s
  ASSERT_EQ(state(), breaker_state::open);
  breaker_rule rule = strict_lane_rule();
  rule.open_for = 60s;
  set_rule(rule);
  rule.open_for = 2s;
  set_rule(rule);
  const std::size_t before = started.size();
  w.advance(1900ms);
  EXPECT_EQ(started.size(), before);
  w.advance(200ms);
  EXPECT_EQ(started.size(), before + 1) << "two seconds after the change";
}

TEST_F(lane_breakers, trials_begin_anew_with_a_new_rule) {
  open(strict_lane_rule(3), {.concurrency = 4});
  act = fails;
  for (int i = 0; i < 6; ++i) submit("x");
  w.advance(3s);
  ASSERT_EQ(state(), breaker_state::open);
  // The first trial changes the rule while it is inside: fewer trials, of which it is none.
  started.clear();
  bool is_first = true;
  act = [&](context&) {
    if (!std::exchange(is_first, false)) return outcome::done();
    EXPECT_EQ(state(), breaker_state::half_open);
    set_rule(strict_lane_rule(1));
    EXPECT_EQ(state(), breaker_state::half_open);
    return outcome::fail();
  };
  w.advance(11s);  // the failed one keeps its place for a second
  EXPECT_EQ(state(), breaker_state::closed) << "the failure of the old trial was not heard";
  EXPECT_EQ(sum().waiting, 0u);
  EXPECT_EQ(sum().breaker_opened, 1u);
}

TEST_F(lane_breakers, a_rule_that_stays_the_same_changes_nothing) {
  open(strict_lane_rule(2));
  act = fails;
  submit("x");
  w.advance(1500ms);
  set(lanes);
  w.advance(1s);
  ASSERT_EQ(state(), breaker_state::open);
  set(lanes);
  static_cast<void>(w.queue("q", {.lanes = lanes}));
  EXPECT_EQ(state(), breaker_state::open);
  EXPECT_EQ(sum().breaker_opened, 1u);
  w.advance(9s);
  EXPECT_EQ(started.size(), 3u);
}

TEST_F(lane_breakers, a_rule_out_of_range_is_refused) {
  open(strict_lane_rule());
  breaker_rule bad = strict_lane_rule();
  bad.attempts_min = 4;
  const auto answer = w.e->set_options(host(), queue, {.lanes = {.breaker = bad}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, errc::invalid);
  EXPECT_EQ(answer.error().where, "queue_options.lanes");
}

TEST_F(lane_breakers, a_scheduler_stops_with_some_open) {
  open(strict_lane_rule());
  act = fails;
  for (int i = 0; i < 20; ++i) submit("x");
  w.advance(5s);
  ASSERT_EQ(state(), breaker_state::open);
  EXPECT_TRUE(w.e->stop(1s));
  const std::size_t before = started.size();
  w.advance(60s);
  EXPECT_EQ(started.size(), before);
}

}  // namespace
}  // namespace pawl
