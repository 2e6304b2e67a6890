// Lanes, case by case. Method: an engine without threads on a virtual clock; handlers say what the test
// wants, and every start is written down.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/stepped_world.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::stepped_world;

class lanes : public ::testing::Test {
 protected:
  void open(unsigned drains = 1) {
    w.wanted.drains = drains;
    kind = w.kind("k", {.max_attempts = 3, .backoff = backoff::fixed(1s)});
    w.act = [this](context& job) {
      started.push_back(job.id().value);
      const auto does = to_do.find(job.id().value);
      return does == to_do.end() ? outcome::done() : does->second(job);
    };
    w.open();
  }
  job_id submit(std::string_view lane, job_options how = {}) {
    how.lane = lane;
    return w.submit(queue, kind, how);
  }
  void does(job_id id, std::function<outcome(context&)> f) { to_do[id.value] = std::move(f); }
  void fails_until_dead(job_id id) {
    does(id, [](context&) { return outcome::fail(); });
  }
  lane_status look(std::string_view key) { return *w.e->find(lane_ref{queue, key}); }
  lane_metrics sum() { return w.e->read_metrics().lanes; }
  scope at(std::string_view key) { return lane_ref{queue, key}; }
  thread_context& host() { return w.context_of_host(); }
  using ids = std::vector<std::uint64_t>;

  stepped_world w;
  kind_ref kind;
  queue_ref queue;
  ids started;
  std::map<std::uint64_t, std::function<outcome(context&)>> to_do;
};

TEST_F(lanes, start_in_the_order_of_their_submits_whatever_their_priorities) {
  open();
  queue = w.queue("q");
  const job_id a = submit("x", {.priority = priority::idle});
  const job_id b = submit("x", {.priority = priority::normal});
  const job_id c = submit("x", {.priority = priority::critical});
  w.settle();
  EXPECT_EQ(started, (ids{a.value, b.value, c.value}));
  EXPECT_EQ(sum().lanes, 0u);
}

TEST_F(lanes, one_that_comes_too_early_says_what_it_waits_for_and_can_be_cancelled) {
  open();
  queue = w.queue("q");
  const job_id a = submit("x", {.priority = priority::idle});
  const job_id b = submit("x", {.priority = priority::critical});
  const job_id c = submit("x", {.priority = priority::critical});
  ASSERT_TRUE(w.e->pause(host(), at("x"), {}));
  w.settle();
  for (const job_id id : {a, b, c}) {
    EXPECT_EQ(w.find(id).state, job_state::blocked);
    EXPECT_EQ(w.find(id).waiting_for, waiting_for::lane);
  }
  EXPECT_EQ(sum().waiting, 3u);
  EXPECT_EQ(look("x").waiting, 3u);
  EXPECT_EQ(look("x").first, a);
  EXPECT_TRUE(look("x").is_paused);
  ASSERT_TRUE(w.e->cancel(host(), b));
  EXPECT_EQ(w.find(b).state, job_state::ended);
  ASSERT_TRUE(w.e->resume(host(), at("x")));
  w.settle();
  EXPECT_EQ(started, (ids{a.value, c.value}));
  EXPECT_EQ(sum().waiting, 0u);
}

TEST_F(lanes, of_different_keys_and_queues_do_not_wait_for_each_other) {
  open();
  const queue_ref other = w.queue("other");
  queue = w.queue("q");
  const job_id a = submit("x");
  ASSERT_TRUE(w.e->pause(host(), at("x"), {}));
  const job_id b = submit("y");
  const job_id c = w.submit(other, kind, {.lane = "x"});
  w.settle();
  EXPECT_EQ(started.size(), 2u);
  EXPECT_EQ(w.find(a).state, job_state::blocked);
  EXPECT_EQ(w.states_of(b).back(), job_state::completed);
  EXPECT_EQ(w.states_of(c).back(), job_state::completed);
}

TEST_F(lanes, never_run_more_at_a_time_than_their_concurrency) {
  open(4);
  queue = w.queue("q", {.lanes = {.concurrency = 2}});
  int inside = 0;
  int most = 0;
  // A handler lets the other drains step while it is inside.
  std::function<outcome(context&)> nest = [&](context&) {
    most = std::max(most, ++inside);
    if (inside < 4) static_cast<void>(w.e->step_drain(static_cast<unsigned>(inside)));
    --inside;
    return outcome::done();
  };
  ids all;
  for (int i = 0; i < 40; ++i) {
    const job_id id = submit("x");
    all.push_back(id.value);
    does(id, nest);
  }
  w.settle();
  EXPECT_EQ(started, all);
  EXPECT_EQ(most, 2);
  EXPECT_EQ(sum().lanes, 0u);
}

TEST_F(lanes, wait_for_the_next_attempt_of_their_first) {
  open();
  queue = w.queue("q");
  const job_id a = submit("x");
  const job_id b = submit("x");
  int attempts = 0;
  does(a, [&](context&) { return ++attempts < 3 ? outcome::fail() : outcome::done(); });
  w.settle();
  EXPECT_EQ(started, (ids{a.value}));
  EXPECT_EQ(look("x").first, a);
  w.advance(1001ms);
  EXPECT_EQ(started, (ids{a.value, a.value}));
  w.advance(1001ms);
  EXPECT_EQ(started, (ids{a.value, a.value, a.value, b.value}));
}

TEST_F(lanes, go_on_when_their_first_is_dead) {
  open();
  queue = w.queue("q");
  const job_id a = submit("x");
  const job_id b = submit("x");
  fails_until_dead(a);
  w.advance(10s);
  EXPECT_EQ(started, (ids{a.value, a.value, a.value, b.value}));
  EXPECT_EQ(w.find(a).state, job_state::dead);
  EXPECT_EQ(sum().lanes, 1u);  // the dead one may be requeued
  ASSERT_EQ(w.e->purge_dead(host(), {}), 1u);
  EXPECT_EQ(sum().lanes, 0u);
}

TEST_F(lanes, that_block_stop_until_the_dead_one_is_requeued) {
  open();
  queue = w.queue("q", {.lanes = {.on_failure = on_failure::block}});
  const job_id a = submit("x");
  const job_id b = submit("x");
  does(a, [](context&) { return outcome::dead(); });
  w.settle();
  w.advance(1h);
  EXPECT_EQ(started, (ids{a.value}));
  EXPECT_TRUE(look("x").is_stopped);
  EXPECT_EQ(look("x").first, a);
  EXPECT_EQ(sum().stopped, 1u);
  EXPECT_EQ(w.e->health().conditions.at(0).what, issue::lanes_stopped);
  to_do.clear();
  w.note_requeued(a);
  ASSERT_TRUE(w.e->requeue(host(), a, w.find(a).version));
  w.settle();
  EXPECT_EQ(started, (ids{a.value, a.value, b.value}));
  EXPECT_EQ(sum().stopped, 0u);
  EXPECT_EQ(sum().lanes, 0u);
  EXPECT_TRUE(w.e->health().conditions.empty());
}

TEST_F(lanes, that_block_go_on_when_the_dead_one_is_purged) {
  open();
  queue = w.queue("q", {.lanes = {.on_failure = on_failure::block}});
  const job_id a = submit("x");
  const job_id b = submit("x");
  does(a, [](context&) { return outcome::dead(); });
  w.settle();
  EXPECT_EQ(started, (ids{a.value}));
  ASSERT_EQ(w.e->purge_dead(host(), {}), 1u);
  w.settle();
  EXPECT_EQ(started, (ids{a.value, b.value}));
  EXPECT_EQ(sum().lanes, 0u);
}

TEST_F(lanes, that_skip_let_the_others_pass_and_take_the_first_back_at_the_head) {
  open();
  queue = w.queue("q", {.lanes = {.on_failure = on_failure::skip}});
  const job_id a = submit("x");
  const job_id b = submit("x");
  int attempts = 0;
  does(a, [&](context&) { return ++attempts < 2 ? outcome::fail() : outcome::done(); });
  w.settle();
  EXPECT_EQ(started, (ids{a.value, b.value}));
  ASSERT_TRUE(w.e->pause(host(), at("x"), {}));
  const job_id c = submit("x");
  w.advance(1001ms);
  ASSERT_TRUE(w.e->resume(host(), at("x")));
  w.settle();
  EXPECT_EQ(started, (ids{a.value, b.value, a.value, c.value}));
}

TEST_F(lanes, keep_the_place_of_one_that_yields_or_snoozes) {
  open();
  queue = w.queue("q");
  const job_id a = submit("x");
  const job_id b = submit("x");
  int attempts = 0;
  does(a, [&](context&) {
    ++attempts;
    return attempts == 1 ? outcome::yield() : attempts == 2 ? outcome::snooze(1s) : outcome::done();
  });
  w.settle();
  EXPECT_EQ(started, (ids{a.value, a.value}));
  w.advance(1001ms);
  EXPECT_EQ(started, (ids{a.value, a.value, a.value, b.value}));
}

TEST_F(lanes, take_one_that_is_due_later_when_it_is_due) {
  open();
  queue = w.queue("q");
  const job_id late = submit("x", {.after = 10s});
  const job_id a = submit("x");
  w.settle();
  EXPECT_EQ(started, (ids{a.value}));
  ASSERT_TRUE(w.e->pause(host(), at("x"), {}));
  w.advance(10001ms);
  const job_id b = submit("x", {.priority = priority::critical});
  ASSERT_TRUE(w.e->resume(host(), at("x")));
  w.settle();
  EXPECT_EQ(started, (ids{a.value, late.value, b.value}));
  EXPECT_EQ(sum().lanes, 0u);
}

TEST_F(lanes, go_on_when_the_first_expires_or_is_cancelled_or_shed) {
  open();
  queue = w.queue("q");
  const job_id a = submit("x", {.expires = 5s});
  const job_id b = submit("x");
  const job_id c = submit("x");
  does(b, [](context&) { return outcome::fail(); });
  ASSERT_TRUE(w.e->pause(host(), queue, {}));
  w.advance(6s);
  ASSERT_TRUE(w.e->resume(host(), queue));
  w.settle();
  EXPECT_EQ(started, (ids{b.value}));
  ASSERT_TRUE(w.e->cancel(host(), b));  // while it waits for its next attempt
  w.settle();
  EXPECT_EQ(started, (ids{b.value, c.value}));
  EXPECT_EQ(w.states_of(a).back(), job_state::expired);
  EXPECT_EQ(sum().lanes, 0u);

  const queue_ref sheds = w.queue(
      "sheds",
      {.jobs_max = 2, .when_full = when_full::shed, .lanes = {.on_failure = on_failure::block}});
  ASSERT_TRUE(w.e->pause(host(), sheds, {}));
  const job_id d = w.submit(sheds, kind, {.lane = "x"});
  const job_id e = w.submit(sheds, kind, {.lane = "x"});
  const job_id f = w.submit(sheds, kind, {.lane = "x"});
  ASSERT_TRUE(w.e->resume(host(), sheds));
  w.settle();
  EXPECT_EQ(started, (ids{b.value, c.value, e.value, f.value}));
  EXPECT_EQ(w.find(d).cause, dead_cause::shed);
}

TEST_F(lanes, keep_to_a_rate_of_their_own_and_remember_it_while_empty) {
  open();
  queue = w.queue("q", {.lanes = {.rate = {.starts = 1, .per = 1s, .burst = 2}}});
  std::vector<job_id> of_x;
  for (int i = 0; i < 4; ++i) of_x.push_back(submit("x"));
  const job_id y = submit("y");
  w.settle();
  EXPECT_EQ(started, (ids{of_x[0].value, of_x[1].value, y.value}));
  EXPECT_EQ(w.find(of_x[2]).waiting_for, waiting_for::lane);
  w.advance(999ms);
  EXPECT_EQ(started.size(), 3u);
  w.advance(2ms);
  EXPECT_EQ(started.size(), 4u);
  w.advance(1s);
  EXPECT_EQ(started.size(), 5u);
  const job_id again = submit("x");
  w.settle();
  EXPECT_EQ(started.size(), 5u);  // the lane was empty, and has not forgotten
  w.advance(1s);
  EXPECT_EQ(started.back(), again.value);
  w.advance(10s);
  EXPECT_EQ(sum().lanes, 0u);  // nothing is left to remember
}

TEST_F(lanes, are_paused_and_held_for_a_time) {
  open();
  queue = w.queue("q");
  ASSERT_TRUE(w.e->pause(host(), at("x"), 10s));
  ASSERT_TRUE(w.e->hold(host(), at("x"), 0s)) << "which is none";
  ASSERT_TRUE(w.e->hold(host(), at("x"), 5s));
  const job_id a = submit("x");
  w.advance(6s);
  EXPECT_FALSE(look("x").is_held);
  EXPECT_TRUE(look("x").is_paused);
  EXPECT_TRUE(started.empty());
  w.advance(5s);
  EXPECT_EQ(started, (ids{a.value}));
  EXPECT_EQ(sum().lanes, 0u);

  ASSERT_TRUE(w.e->hold(host(), at("y"), 5s));
  ASSERT_TRUE(w.e->pause(host(), at("y"), 1s));
  const job_id b = submit("y");
  ASSERT_TRUE(w.e->resume(host(), at("y")));
  w.advance(4s);
  EXPECT_EQ(started, (ids{a.value}));
  w.advance(2s);
  EXPECT_EQ(started, (ids{a.value, b.value}));
}

TEST_F(lanes, close_their_intake) {
  open();
  queue = w.queue("q");
  const job_id a = submit("x");
  ASSERT_TRUE(w.e->set_intake(host(), at("x"), false));
  EXPECT_EQ(w.try_submit(queue, kind, {.lane = "x"}).reason, reject::intake_closed);
  EXPECT_EQ(w.try_submit(queue, kind, {.run_timeout = 1s, .lane = "x"}).reason,
            reject::intake_closed);
  const unique_key once{.key = "once"};
  EXPECT_EQ(w.try_submit(queue, kind, {.unique = &once, .lane = "x"}).reason,
            reject::intake_closed);
  const job_id b = submit("y");
  w.settle();
  EXPECT_EQ(started, (ids{a.value, b.value}));
  EXPECT_FALSE(look("x").takes_jobs);
  ASSERT_TRUE(w.e->set_intake(host(), at("x"), true));
  EXPECT_EQ(sum().lanes, 0u);
  submit("x", {.unique = &once});
  w.settle();
  EXPECT_EQ(started.size(), 3u);
}

TEST_F(lanes, follow_new_options_of_their_queue) {
  open(4);
  queue = w.queue("q");
  int inside = 0;
  int most = 0;
  std::function<outcome(context&)> nest = [&](context&) {
    most = std::max(most, ++inside);
    if (inside < 4) static_cast<void>(w.e->step_drain(static_cast<unsigned>(inside)));
    --inside;
    return outcome::done();
  };
  ASSERT_TRUE(w.e->pause(host(), at("x"), {}));
  for (int i = 0; i < 20; ++i) does(submit("x"), nest);
  w.settle();
  EXPECT_EQ(sum().waiting, 20u);
  ASSERT_TRUE(w.e->set_options(host(), queue, {.lanes = {.concurrency = 3}}));
  ASSERT_TRUE(w.e->resume(host(), at("x")));
  w.settle();
  EXPECT_EQ(started.size(), 20u);
  EXPECT_GE(most, 2);
  EXPECT_LE(most, 3);

  // A first one that its rate holds back goes when there is no rate any more.
  ASSERT_TRUE(w.e->set_options(host(), queue, {.lanes = {.rate = {1, 1h, 1}}}));
  submit("z");
  submit("z");
  w.settle();
  EXPECT_EQ(started.size(), 21u);
  ASSERT_TRUE(w.e->set_options(host(), queue, {}));
  w.settle();
  EXPECT_EQ(started.size(), 22u);
  EXPECT_EQ(sum().lanes, 0u);
}

TEST_F(lanes, and_limits_of_kinds_do_not_wait_for_each_other) {
  open(2);
  queue = w.queue("q");
  ASSERT_TRUE(w.e->set_limits(host(), kind, {.concurrency = 1}));
  ASSERT_TRUE(w.e->pause(host(), kind, {}));
  ids all;
  for (int i = 0; i < 10; ++i) all.push_back(submit("x").value);
  const job_id other = submit("y");
  w.settle();
  EXPECT_TRUE(started.empty());
  ASSERT_TRUE(w.e->pause(host(), at("x"), {}));
  ASSERT_TRUE(w.e->resume(host(), kind));
  w.settle();
  EXPECT_EQ(started, (ids{other.value}));  // who waits for the lane keeps no permit
  started.clear();
  ASSERT_TRUE(w.e->resume(host(), at("x")));
  w.settle();
  EXPECT_EQ(started, all);
}

TEST_F(lanes, hold_for_jobs_of_a_blocking_kind) {
  const kind_ref blocking = w.kind("blocking", {.blocking = true});
  open();
  queue = w.queue("q");
  ids all;
  for (int i = 0; i < 20; ++i) {
    const auto rank = static_cast<priority>(i % 8);
    all.push_back(w.submit(queue, blocking, {.priority = rank, .lane = "x"}).value);
  }
  w.settle();
  EXPECT_EQ(started, all);
  EXPECT_EQ(sum().lanes, 0u);
}

TEST_F(lanes, hold_for_jobs_of_a_blocking_kind_that_come_from_its_line_with_a_permit) {
  const kind_ref blocking = w.kind("blocking", {.blocking = true, .limits = {.concurrency = 2}});
  open();
  queue = w.queue("q");
  ASSERT_TRUE(w.e->pause(host(), blocking, {}));
  ids all;
  for (int i = 0; i < 10; ++i) {
    all.push_back(w.submit(queue, blocking, {.lane = i % 2 == 0 ? "x" : "y"}).value);
  }
  w.settle();  // the first of each lane waits for the kind
  ASSERT_TRUE(w.e->pause(host(), at("x"), {}));
  ASSERT_TRUE(w.e->resume(host(), blocking));
  w.settle();
  EXPECT_EQ(started, (ids{all[1], all[3], all[5], all[7], all[9]}));
  started.clear();
  ASSERT_TRUE(w.e->resume(host(), at("x")));
  w.settle();
  EXPECT_EQ(started, (ids{all[0], all[2], all[4], all[6], all[8]}));
}

TEST_F(lanes, are_kept_by_a_handler_that_was_given_up_until_it_returns) {
  w.wanted.on_overrun = on_overrun::dead;
  w.wanted.grace = 1s;
  open(2);
  queue = w.queue("q", {.lanes = {.on_failure = on_failure::block}});
  const job_id a = submit("x", {.run_timeout = 1s});
  const job_id b = submit("x");
  does(a, [&](context&) {
    w.work_for(1500ms);
    w.work_for(1500ms);
    EXPECT_EQ(w.find(a).state, job_state::dead);
    static_cast<void>(w.e->step_drain(1));
    EXPECT_EQ(started, (ids{a.value}));
    return outcome::done();
  });
  w.settle();
  EXPECT_EQ(started, (ids{a.value}));  // its death stops the lane
  EXPECT_TRUE(look("x").is_stopped);
  ASSERT_EQ(w.e->purge_dead(host(), {}), 1u);
  w.settle();
  EXPECT_EQ(started, (ids{a.value, b.value}));
  EXPECT_EQ(sum().lanes, 0u);
}

TEST_F(lanes, refuse_nonsense) {
  open();
  queue = w.queue("q");
  EXPECT_EQ(w.e->pause(host(), at(""), {}).error().code, errc::invalid);
  EXPECT_EQ(w.e->pause(host(), lane_ref{queue_ref{7, queue.scheduler}, "x"}, {}).error().code,
            errc::not_found);
  EXPECT_EQ(w.e->set_limits(host(), at("x"), {.concurrency = 1}).error().code, errc::invalid);
  EXPECT_EQ(w.e->find(lane_ref{queue, ""}).error().code, errc::invalid);
  EXPECT_EQ(w.e->set_options(host(), queue, {.lanes = {.concurrency = 0}}).error().code,
            errc::invalid);
  EXPECT_EQ(w.e->set_options(host(), queue, {.lanes = {.rate = {1, 0s, 1}}}).error().code,
            errc::invalid);
  EXPECT_EQ(look("x").waiting, 0u);
  EXPECT_EQ(sum().lanes, 0u);
}

TEST_F(lanes, come_in_bulks_and_leave_nothing_behind) {
  open();
  queue = w.queue("q");
  std::vector<std::string> keys;
  for (int i = 0; i < 2000; ++i) keys.push_back("key" + std::to_string(i % 500));
  std::vector<job_spec> specs(keys.size());
  for (std::size_t i = 0; i < specs.size(); ++i) specs[i].options.lane = keys[i];
  std::vector<job_id> made(specs.size());
  const submit_answers a = take_in(w.e->parts(), host(), queue, kind, specs, made);
  ASSERT_EQ(a.accepted, specs.size());
  EXPECT_EQ(sum().lanes, 500u);
  w.check_counts = false;
  w.settle();
  ASSERT_EQ(started.size(), specs.size());
  std::map<std::uint64_t, std::size_t> number;
  for (std::size_t i = 0; i < made.size(); ++i) number[made[i].value] = i;
  std::map<std::size_t, std::size_t> last;
  for (const std::uint64_t id : started) {
    const std::size_t i = number.at(id);
    const auto before = last.find(i % 500);
    if (before != last.end()) {
      ASSERT_LT(before->second, i);
    }
    last[i % 500] = i;
  }
  EXPECT_EQ(sum().lanes, 0u);
  EXPECT_LE(w.e->parts().lanes.memory_bytes(), 64 * key_table<lane>::places_min * sizeof(lane));
}

}  // namespace
}  // namespace pawl
