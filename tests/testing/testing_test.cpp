// The scheduler for users' tests keeps what pawl/testing.hpp says. Method: jobs that note the virtual
// time and their name when they start; the notes are compared with what must be, to the nanosecond.
#include "pawl/testing.hpp"

#include <gtest/gtest.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/process.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::no_payload;
using testing::test_scheduler;

constexpr auto year = std::chrono::hours(24 * 365);

// What a handler does is in the test: kind "plain/1", "blocking/1" and "parallel/1" call `act` with the
// number that is the payload.
struct world {
  struct note {
    duration at;
    int number;
    friend bool operator==(const note&, const note&) = default;
  };

  explicit world(std::uint64_t seed = 1, options o = test::small_options(), kind_options k = {}) {
    const auto call = [](void* self, context& job, std::span<const std::byte> payload) {
      world& w = *static_cast<world*>(self);
      const int number = test::value_of<int>(payload);
      w.notes.push_back({test_scheduler::of(job)->now(), number});
      return w.act ? w.act(job, number) : outcome::done();
    };
    registry kinds;
    plain = kinds.add("plain/1", call, this, k);
    k.blocking = true;
    blocking = kinds.add("blocking/1", call, this, k);
    k.blocking = false;
    k.parallel = true;
    parallel = kinds.add("parallel/1", call, this, k);
    o.log = {[](void* self, const log_record&) { ++static_cast<world*>(self)->messages; }, this};
    auto opened = test_scheduler::open(o, kinds, seed);
    if (!opened) std::abort();
    t = std::move(*opened);
    queue = *(*t)->queue("queue");
  }

  job_id submit(int number, const job_options& how = {}, kind_ref kind = {}, queue_ref to = {}) {
    if (kind == kind_ref{}) kind = plain;
    if (to == queue_ref{}) to = queue;
    const submit_answer a = (*t)->submit(to, kind, test::bytes_of(number), how);
    EXPECT_TRUE(a) << name(a.reason);
    return a.ticket.id;
  }
  [[nodiscard]] std::vector<int> order() const {
    std::vector<int> numbers;
    for (const note& n : notes) numbers.push_back(n.number);
    return numbers;
  }
  [[nodiscard]] std::vector<duration> times() const {
    std::vector<duration> out;
    for (const note& n : notes) out.push_back(n.at);
    return out;
  }
  [[nodiscard]] job_state state_of(job_id id) const { return (*t)->find(id)->state; }

  std::function<outcome(context&, int)> act;
  std::vector<note> notes;
  int messages = 0;
  kind_ref plain, blocking, parallel;
  std::unique_ptr<test_scheduler> t;
  queue_ref queue;
};

using notes = std::vector<world::note>;

options with_one_drain() {
  options o = test::small_options();
  o.drains = 1;
  return o;
}

// ---- Time ----

TEST(test_scheduler, nothing_happens_unless_the_test_says_so) {
  world w;
  const job_id id = w.submit(1);
  w.submit(2, {.after = 1s});
  std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(w.notes.empty());
  EXPECT_EQ(w.t->now(), 0s);
  EXPECT_EQ(w.state_of(id), job_state::ready);
  EXPECT_EQ(w.t->run_ready(), 1u);
  EXPECT_EQ(w.state_of(id), job_state::ended);
  EXPECT_EQ(w.t->run_ready(), 0u);
  EXPECT_EQ(w.notes, (notes{{0s, 1}}));
}

TEST(test_scheduler, delays_of_years_pass_at_once) {
  world w;
  w.submit(1, {.after = 99 * year});
  w.submit(2, {.after = 50 * year});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(w.t->advance(99 * year), 2u);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_EQ(w.notes, (notes{{50 * year, 2}, {99 * year, 1}}));
}

TEST(test_scheduler, nothing_is_early_not_by_a_nanosecond_nor_late) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 20; ++round) {
    world w(random());
    std::vector<duration> dues;
    for (int i = 0; i < 300; ++i) {
      // Some of them together in a microsecond, some far apart.
      const std::uint64_t span = test::one_in(random, 2) ? 3'000 : 40'000'000'000'000;
      const duration due(1 + test::below<std::int64_t>(random, span));
      dues.push_back(due);
      w.submit(i, {.after = due});
    }
    while (w.t->now() < 40'000s) {
      const duration step(test::below<std::int64_t>(random, 9'000'000'000'000));
      w.t->advance(test::one_in(random, 2) ? step : duration(step.count() % 700));
    }
    ASSERT_EQ(w.notes.size(), dues.size());
    EXPECT_TRUE(std::is_sorted(w.notes.begin(), w.notes.end(),
                               [](const auto& a, const auto& b) { return a.at < b.at; }));
    for (const auto& n : w.notes) {
      ASSERT_EQ(n.at, dues[static_cast<std::size_t>(n.number)]);
    }
  }
}

TEST(test_scheduler, advance_ends_exactly_where_it_should) {
  world w;
  w.submit(1, {.after = 10ms});
  EXPECT_EQ(w.t->advance(10ms - 1ns), 0u);
  EXPECT_EQ(w.t->now(), 10ms - 1ns);
  EXPECT_EQ(w.t->advance(1ns), 1u);
  EXPECT_EQ(w.t->now(), 10ms);
  EXPECT_EQ(w.t->advance(-5s), 0u);
  EXPECT_EQ(w.t->advance(0s), 0u);
  EXPECT_EQ(w.t->now(), 10ms);
}

TEST(test_scheduler, retries_inside_a_span_happen_at_their_times) {
  world w(1, test::small_options(),
          {.max_attempts = 4, .backoff = backoff::exponential(1s, 3, 1h, jitter::none)});
  w.act = [](context& job, int) { return job.attempt() < 4 ? outcome::fail() : outcome::done(); };
  w.submit(7, {.after = 1s});
  EXPECT_EQ(w.t->advance(1h), 4u);
  EXPECT_EQ(w.times(), (std::vector<duration>{1s, 2s, 5s, 14s}));
  EXPECT_EQ(w.t->now(), 1h);
  EXPECT_EQ((*w.t)->read_counters().completed, 1u);
}

TEST(test_scheduler, what_a_handler_starts_happens_inside_the_span) {
  world w;
  w.act = [](context& job, int number) {
    const int next = number + 1;
    EXPECT_TRUE(job.owner().submit(job.queue(), job.kind(), test::bytes_of(next),
                                   {.after = std::chrono::seconds(number)}));
    return outcome::done();
  };
  w.submit(1);
  EXPECT_EQ(w.t->advance(6s), 4u);
  EXPECT_EQ(w.notes, (notes{{0s, 1}, {1s, 2}, {3s, 3}, {6s, 4}}));
}

TEST(test_scheduler, the_clock_ends_after_200_years) {
  world w;
  EXPECT_EQ(w.t->advance(150 * year), 0u);
  w.submit(1, {.after = 99 * year});
  EXPECT_EQ(w.t->advance(150 * year), 0u);
  const duration end = w.t->now();
  EXPECT_GT(end, 199 * year);
  EXPECT_EQ(w.t->advance(duration::max()), 0u);
  EXPECT_FALSE(w.t->advance_to_next());
  EXPECT_EQ(w.t->now(), end);
  EXPECT_TRUE(w.notes.empty());
}

TEST(test_scheduler, the_next_due_time_is_that_of_something_that_is_still_to_happen) {
  world w;
  EXPECT_FALSE(w.t->advance_to_next());
  const job_id far = w.submit(1, {.after = 2h});
  const job_id gone = w.submit(2, {.after = 1h});
  w.submit(3, {.expires = 90min});  // runs at once, its expiry is no event
  EXPECT_EQ(w.t->run_ready(), 1u);
  ASSERT_TRUE((*w.t)->cancel(gone));
  EXPECT_EQ(w.t->run_until_idle(100min), 0u);
  EXPECT_EQ(w.t->now(), 0s);
  EXPECT_TRUE(w.t->advance_to_next());
  EXPECT_EQ(w.t->now(), 2h);
  EXPECT_EQ(w.state_of(far), job_state::ended);
  EXPECT_FALSE(w.t->advance_to_next());
  EXPECT_EQ(w.t->now(), 2h) << "the watchdog of the handlers that ran is no event";
}

TEST(test_scheduler, run_until_idle_stops_where_nothing_is_left_within_the_limit) {
  world w;
  w.submit(1, {.after = 1min});
  w.submit(2, {.after = 10min});
  EXPECT_EQ(w.t->run_until_idle(9min), 1u);
  EXPECT_EQ(w.t->now(), 1min);
  EXPECT_EQ(w.t->run_until_idle(9min), 1u);
  EXPECT_EQ(w.t->now(), 10min);
}

TEST(test_scheduler, run_ready_starts_no_more_than_it_is_asked_to) {
  world w;
  for (int i = 0; i < 300; ++i) w.submit(i);
  EXPECT_EQ(w.t->run_ready(1), 1u);
  EXPECT_EQ(w.t->run_ready(0), 0u);
  EXPECT_EQ(w.t->run_ready(99), 99u);
  EXPECT_EQ(w.notes.size(), 100u);
  w.act = [](context&, int) { return outcome::yield(); };
  EXPECT_EQ(w.t->run_ready(1000), 1000u);
  w.act = {};
  EXPECT_EQ(w.t->run_ready(), 200u);
}

TEST(test_scheduler, the_wall_clock_can_be_set) {
  world w;
  const auto noon = w.t->wall_clock() + 12h;
  w.submit(1, {.at = noon});
  w.submit(2, {.after = 20h});
  EXPECT_EQ(w.t->advance(11h), 0u);
  EXPECT_EQ(w.t->wall_clock(), noon - 1h);

  w.t->set_wall_clock(noon - 3h);  // back by two hours
  EXPECT_EQ(w.t->wall_clock(), noon - 3h);
  EXPECT_EQ(w.t->now(), 11h);
  EXPECT_EQ(w.t->advance(3h - 1ns), 0u);
  EXPECT_EQ(w.t->advance(1ns), 1u);
  EXPECT_EQ(w.notes, (notes{{14h, 1}}));

  w.submit(3, {.at = noon + 24h});
  w.submit(4, {.at = noon + 24h + 1ns});
  EXPECT_EQ(w.t->advance(1h), 0u);
  w.t->set_wall_clock(noon + 24h);  // forward
  EXPECT_EQ(w.t->run_ready(), 1u);
  EXPECT_EQ(w.t->advance(1ns), 1u);
  EXPECT_EQ(w.notes, (notes{{14h, 1}, {15h, 3}, {15h + 1ns, 4}}));
  EXPECT_EQ(w.t->run_until_idle(year), 1u);
  EXPECT_EQ(w.t->now(), 20h) << "what is due by the other clock stays where it was";

  w.t->set_wall_clock(std::chrono::system_clock::time_point(-5s));
  EXPECT_EQ(w.t->wall_clock(), std::chrono::system_clock::time_point{});
}

// ---- Order ----

// Several queues, priorities, delays that meet, retries with jitter.
std::vector<world::note> trace(std::uint64_t seed) {
  world w(seed, test::small_options(), {.backoff = backoff::fixed(1s, jitter::full)});
  std::vector<queue_ref> queues{w.queue, *(*w.t)->queue("b"), *(*w.t)->queue("c")};
  w.act = [&w](context& job, int number) {
    if (number % 7 == 0) w.t->advance(1ms);
    return job.attempt() == 1 && number % 5 == 0 ? outcome::fail() : outcome::done();
  };
  for (int i = 0; i < 200; ++i) {
    w.submit(i, {.priority = static_cast<priority>(i % 3), .after = std::chrono::seconds(i % 4)},
             i % 11 == 0 ? w.blocking : w.plain, queues[static_cast<std::size_t>(i) % 3]);
  }
  w.t->run_until_idle(1h);
  EXPECT_EQ((*w.t)->read_counters().completed, 200u);
  return w.notes;
}

TEST(test_scheduler, the_order_depends_on_the_seed_and_on_nothing_else) {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto one = trace(seed);
    const auto other = trace(seed);
    ASSERT_EQ(one, other);
    std::vector<int> order;
    for (const auto& n : one) order.push_back(n.number);
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 20u);
}

TEST(test_scheduler, a_higher_priority_starts_first_whatever_the_seed) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    world w(seed);
    const queue_ref other = *(*w.t)->queue("other");
    for (int i = 0; i < 50; ++i) {
      w.submit(i % 8, {.priority = static_cast<priority>(i % 8)}, {}, i % 2 ? w.queue : other);
    }
    w.t->run_ready();
    const std::vector<int> order = w.order();
    ASSERT_TRUE(std::is_sorted(order.begin(), order.end()));
  }
}

TEST(test_scheduler, one_drain_keeps_the_order_of_the_submits) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    world w(seed, with_one_drain());
    for (int i = 0; i < 100; ++i) w.submit(i);
    w.t->run_ready();
    const std::vector<int> order = w.order();
    ASSERT_TRUE(std::is_sorted(order.begin(), order.end()));
  }
}

TEST(test_scheduler, several_drains_start_jobs_of_a_priority_in_any_order) {
  world w(3);
  for (int i = 0; i < 100; ++i) w.submit(i);
  w.t->run_ready();
  std::vector<int> order = w.order();
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  EXPECT_EQ(std::unique(order.begin(), order.end()), order.end());
  EXPECT_EQ(order.size(), 100u);
}

TEST(test_scheduler, no_priority_starves_under_one_that_never_ends) {
  options o = with_one_drain();
  o.ageing = 1s;
  world w(1, o);
  w.act = [&w](context&, int number) {
    w.t->advance(100ms);
    return number == 0 ? outcome::yield() : outcome::done();
  };
  w.submit(0, {.priority = priority::critical});
  w.submit(1, {.priority = priority::idle});
  w.t->run_ready(1000);
  const std::vector<int> order = w.order();
  EXPECT_EQ(std::count(order.begin(), order.end(), 1), 1);
}

TEST(test_scheduler, the_seed_comes_from_the_environment_if_the_test_gives_none) {
  const registry kinds;
  EXPECT_EQ((*test_scheduler::open({}, kinds, 77))->seed(), 77u);
  const char* const before = std::getenv("PAWL_TEST_SEED");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("PAWL_TEST_SEED", "4711", 1);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ((*test_scheduler::open({}, kinds))->seed(), 4711u);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "PAWL_TEST_SEED=4711\n");
  ::unsetenv("PAWL_TEST_SEED");
  const std::uint64_t one = (*test_scheduler::open({}, kinds))->seed();
  EXPECT_NE(one, (*test_scheduler::open({}, kinds))->seed());
  if (before != nullptr) ::setenv("PAWL_TEST_SEED", kept.c_str(), 1);
}

// ---- Handlers ----

TEST(test_scheduler, a_handler_that_takes_too_long_is_told_at_its_deadline) {
  world w(1, test::small_options(), {.max_attempts = 1, .run_timeout = 10s});
  std::vector<duration> stops;
  w.act = [&](context& job, int) {
    const std::stop_callback on_stop(job.stop_token(), [&] { stops.push_back(w.t->now()); });
    EXPECT_EQ(w.t->advance(10s - 1ns), 0u);
    EXPECT_FALSE(job.timed_out());
    w.t->advance(3s);
    EXPECT_TRUE(job.timed_out());
    return outcome::fail();
  };
  const job_id id = w.submit(1, {.after = 1h});
  EXPECT_EQ(w.t->advance(2h), 1u);
  EXPECT_EQ(stops, std::vector<duration>{1h + 10s});
  EXPECT_EQ((*w.t)->find(id)->cause, dead_cause::timeout);
  EXPECT_EQ((*w.t)->read_counters().timed_out, 1u);
  EXPECT_EQ((*w.t)->read_counters().overrun, 0u);
}

TEST(test_scheduler, a_handler_that_overruns_loses_its_job) {
  options o = test::small_options();
  o.on_overrun = on_overrun::dead;
  o.grace = 5s;
  world w(1, o, {.run_timeout = 10s});
  w.act = [&](context& job, int) {
    w.t->advance(15s - 1ns);
    EXPECT_EQ(w.state_of(job.id()), job_state::running);
    w.t->advance(1ns);
    EXPECT_EQ(w.state_of(job.id()), job_state::dead);
    w.t->advance(1h);
    return outcome::done();
  };
  const job_id id = w.submit(1);
  w.t->run_ready();
  EXPECT_EQ((*w.t)->find(id)->cause, dead_cause::timeout);
  EXPECT_EQ((*w.t)->show_dead(id)->died, 15s);
  EXPECT_EQ((*w.t)->read_counters().overrun, 1u);
  EXPECT_EQ((*w.t)->read_counters().completed, 0u);
  EXPECT_GE(w.messages, 1);
}

TEST(test_scheduler, timeouts_are_told_of_job_after_job) {
  world w(1, test::small_options(), {.max_attempts = 1, .run_timeout = 10s});
  test::random_source random(test::fresh_seed());
  std::uint64_t too_long = 0;
  w.act = [&](context& job, int) {
    const auto takes = std::chrono::seconds(test::below<int>(random, 14));
    w.t->advance(takes);
    EXPECT_EQ(job.timed_out(), takes >= 10s);
    too_long += takes >= 10s ? 1 : 0;
    return outcome::done();
  };
  for (int i = 0; i < 300; ++i) {
    w.submit(i, {.after = std::chrono::seconds(test::below<int>(random, 3000))},
             i % 2 ? w.plain : w.blocking);
  }
  w.t->run_until_idle(2h);
  EXPECT_EQ((*w.t)->read_counters().timed_out, too_long);
  EXPECT_EQ((*w.t)->read_counters().completed, 300u);
}

TEST(test_scheduler, nothing_starts_while_a_handler_takes_its_time) {
  world w;
  w.submit(1, {.after = 1s});
  const job_id short_lived = w.submit(2, {.after = 90min, .expires = 2s});
  w.act = [&](context&, int number) {
    if (number != 1) return outcome::done();
    EXPECT_EQ(w.t->advance(1h), 0u);
    EXPECT_EQ(w.t->run_ready(), 0u);
    EXPECT_EQ(w.t->run_until_idle(1h), 0u);
    EXPECT_FALSE(w.t->advance_to_next());
    EXPECT_EQ(w.t->now(), 1h + 1s);
    EXPECT_EQ(w.state_of(short_lived), job_state::ended) << "expiry goes on";
    return outcome::done();
  };
  w.submit(3, {.after = 30min});
  EXPECT_EQ(w.t->advance(10s), 2u);
  EXPECT_EQ(w.notes, (notes{{1s, 1}, {1h + 1s, 3}})) << "it was due, and had to wait";
  EXPECT_EQ(w.t->now(), 1h + 1s) << "the handler took longer than the span";
  EXPECT_EQ((*w.t)->read_counters().expired, 1u);
}

TEST(test_scheduler, what_throws_has_failed) {
  world w(1, test::small_options(), {.max_attempts = 2, .backoff = backoff::fixed(1min)});
  w.act = [](context&, int) -> outcome { throw std::runtime_error("meant"); };
  const job_id id = w.submit(1);
  EXPECT_EQ(w.t->run_until_idle(1h), 2u);
  const auto letter = (*w.t)->show_dead(id);
  ASSERT_TRUE(letter);
  ASSERT_EQ(letter->errors.size(), 2u);
  EXPECT_EQ(letter->errors[1].text, "meant");
  EXPECT_EQ(letter->errors[1].at, 1min);
}

TEST(test_scheduler, hooks_see_each_change_at_its_time) {
  struct seen {
    std::vector<std::string> changes;
    test_scheduler* t = nullptr;
    scheduler* jobs = nullptr;
    static void end(void* self, const job_change& c) {
      seen& s = *static_cast<seen*>(self);
      s.changes.push_back(
          std::string(name(c.state)) + " " +
          std::to_string(std::chrono::duration_cast<std::chrono::seconds>(s.t->now()).count()));
      if (c.state != job_state::expired) return;
      EXPECT_EQ(s.t->advance(1s), 0u) << "in a hook it does nothing";
      EXPECT_EQ(s.t->run_ready(), 0u);
      EXPECT_TRUE(s.jobs->submit(c.queue, c.kind, std::span<const std::byte>{}, {.after = 1s}));
    }
  } hooked;
  options o = test::small_options();
  o.hooks = {nullptr, seen::end, &hooked};
  world w(1, o);
  hooked.t = w.t.get();
  hooked.jobs = &**w.t;
  w.submit(1, {.after = 5s, .expires = 3s});
  w.t->advance(1h);
  EXPECT_EQ(hooked.changes, (std::vector<std::string>{"expired 3", "completed 4"}));
}

TEST(test_scheduler, a_job_that_is_not_started_in_time_expires_at_its_time) {
  world w;
  ASSERT_TRUE((*w.t)->pause(w.queue));
  const job_id id = w.submit(1, {.expires = 10s});
  w.t->advance(10s - 1ns);
  EXPECT_EQ(w.state_of(id), job_state::ready);
  w.t->advance(1ns);
  EXPECT_EQ((*w.t)->read_counters().expired, 1u);
  const job_id other = w.submit(2, {.expires = 10s});
  w.t->advance(9s);
  ASSERT_TRUE((*w.t)->resume(w.queue));
  EXPECT_EQ(w.t->run_ready(), 1u);
  EXPECT_EQ(w.state_of(other), job_state::ended);
  EXPECT_EQ(w.order(), std::vector<int>{2});
}

TEST(test_scheduler, dead_letters_say_when_and_why_and_come_back) {
  world w(1, test::small_options(), {.max_attempts = 3, .backoff = backoff::fixed(10s)});
  bool works = false;
  w.act = [&](context& job, int) { return works ? outcome::done() : job.fail("not yet", 5); };
  const job_id id = w.submit(1);
  w.t->advance(1min);
  const auto page = (*w.t)->list_dead();
  ASSERT_EQ(page->letters.size(), 1u);
  const dead_letter& letter = page->letters[0];
  EXPECT_EQ(letter.status.cause, dead_cause::exhausted);
  EXPECT_EQ(letter.died, 20s);
  ASSERT_EQ(letter.errors.size(), 3u);
  EXPECT_EQ(letter.errors[1].at, 10s);
  EXPECT_EQ(letter.errors[1].text, "not yet");
  EXPECT_EQ(letter.errors[1].kind, 5);
  works = true;
  ASSERT_TRUE((*w.t)->requeue(id, letter.version));
  EXPECT_EQ(w.t->run_ready(), 1u);
  EXPECT_EQ((*w.t)->read_counters().completed, 1u);
  EXPECT_EQ(w.times(), (std::vector<duration>{0s, 10s, 20s, 1min}));
}

// ---- Where a scheduler would block ----

TEST(test_scheduler, wait_lets_time_pass_until_the_job_has_ended) {
  world w(1, test::small_options(), {.backoff = backoff::fixed(10s)});
  w.act = [](context& job, int number) {
    return number == 1 && job.attempt() == 1 ? outcome::fail() : outcome::done();
  };
  const job_id id = w.submit(1, {.after = 5s});
  w.submit(2, {.after = 14s});
  w.submit(3, {.after = 16s});
  const auto end = (*w.t)->wait(id, 1h);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->state, job_state::completed);
  EXPECT_EQ(end->attempt, 2u);
  EXPECT_EQ(w.t->now(), 15s);
  EXPECT_EQ(w.order(), (std::vector<int>{1, 2, 1}));
  EXPECT_EQ((*w.t)->wait(id, 1h)->state, job_state::ended) << "after the end: what find() knows";
  EXPECT_EQ((*w.t)->wait(job_id{99}, 1h).error().code, errc::not_found);
  EXPECT_EQ(w.t->now(), 15s);
}

TEST(test_scheduler, wait_gives_up_when_its_limit_has_passed) {
  world w;
  ASSERT_TRUE((*w.t)->pause(w.queue));
  const job_id id = w.submit(1);
  const auto none = (*w.t)->wait(id, 10s);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, errc::timeout);
  EXPECT_EQ(w.t->now(), 10s);
  EXPECT_EQ((*w.t)->wait(id, 0s).error().code, errc::timeout);
  EXPECT_EQ((*w.t)->wait(id, -1s).error().code, errc::timeout);
  EXPECT_EQ(w.t->now(), 10s);
  EXPECT_EQ((*w.t)->wait(id, duration::max()).error().code, errc::timeout) << "never a dead-lock";
  ASSERT_TRUE((*w.t)->resume(w.queue));
  EXPECT_EQ((*w.t)->wait(id, 0s)->state, job_state::completed) << "what is ready runs";
  ASSERT_TRUE((*w.t)->stop(0s));
  EXPECT_EQ((*w.t)->wait(id, 1s)->state, job_state::ended);
}

TEST(test_scheduler, wait_in_a_handler_is_for_blocking_kinds) {
  world w;
  job_id inner{};
  job_id deep{};
  w.act = [&](context& job, int number) {
    scheduler& s = job.owner();
    switch (number) {
      case 1:
        EXPECT_EQ(s.wait(inner, 1s).error().code, errc::invalid);
        EXPECT_EQ(s.stop(1s).error().code, errc::invalid);
        break;
      case 2:  // blocking: waits for a plain job due later and for a blocking one that waits itself
        EXPECT_EQ(s.wait(inner, 1h)->state, job_state::completed);
        EXPECT_EQ(w.t->now(), 30s);
        deep = w.submit(4, {}, w.blocking);
        EXPECT_EQ(s.wait(deep, 1h)->state, job_state::completed);
        EXPECT_EQ(s.wait(job.id(), 10s).error().code, errc::timeout) << "for itself";
        break;
      case 4:
        EXPECT_EQ(s.wait(w.submit(5, {.after = 7s}), 1h)->state, job_state::completed);
        break;
      default:
        break;
    }
    return outcome::done();
  };
  w.submit(1);
  EXPECT_EQ(w.t->run_ready(), 1u);
  inner = w.submit(3, {.after = 30s});
  w.submit(2, {}, w.blocking);
  EXPECT_EQ(w.t->run_ready(), 4u);
  EXPECT_EQ(w.order(), (std::vector<int>{1, 2, 3, 4, 5}));
  EXPECT_EQ(w.t->now(), 47s);
}

TEST(test_scheduler, a_full_queue_that_blocks_runs_jobs_until_there_is_room) {
  world w;
  const queue_ref full =
      *(*w.t)->queue("full", {.jobs_max = 2, .when_full = when_full::block, .block_for = 1min});
  w.submit(1, {}, {}, full);
  w.submit(2, {.after = 10s}, {}, full);
  w.submit(3, {.after = 20s}, {}, full);  // room is there as soon as 1 has run
  EXPECT_EQ(w.t->now(), 0s);
  w.submit(4, {.after = 5h}, {}, full);
  EXPECT_EQ(w.t->now(), 10s);
  w.submit(5, {.after = 5h}, {}, full);
  EXPECT_EQ(w.t->now(), 20s);
  EXPECT_EQ((*w.t)->submit(full, w.plain, no_payload()).reason, reject::queue_full);
  EXPECT_EQ(w.t->now(), 80s);
  w.act = [&](context& job, int) {
    EXPECT_EQ(job.owner().submit(full, w.plain, no_payload()).reason, reject::queue_full);
    return outcome::done();
  };
  w.submit(6);
  w.t->run_ready();
  EXPECT_EQ(w.t->now(), 80s) << "no handler is held up";
}

// ---- The whole ----

TEST(test_scheduler, there_is_never_a_thread) {
  const std::size_t before = test::thread_count();
  const std::size_t descriptors = test::descriptor_count();
  {
    world w;
    w.act = [&](context&, int number) {
      EXPECT_EQ(test::thread_count(), before);
      if (number != 2) return outcome::done();
      std::set<std::thread::id> threads;
      std::mutex mutex;
      tbb::parallel_for(0, 10'000, [&](int) {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      });
      EXPECT_EQ(threads, std::set<std::thread::id>{std::this_thread::get_id()});
      return outcome::done();
    };
    w.submit(1);
    w.submit(2, {.after = 1s}, w.parallel);
    w.submit(3, {.after = 2s}, w.blocking);
    EXPECT_EQ(w.t->advance(1min), 3u);
    EXPECT_EQ(test::thread_count(), before);
  }
  EXPECT_EQ(test::thread_count(), before);
  EXPECT_EQ(test::descriptor_count(), descriptors);
}

TEST(test_scheduler, two_of_them_know_nothing_of_each_other) {
  world a(1);
  world b(2);
  a.act = [&](context& job, int) {
    EXPECT_EQ(test_scheduler::of(job), a.t.get());
    b.submit(2);
    EXPECT_EQ(b.t->advance(1h), 1u) << "it is not in a handler";
    a.submit(3);
    return a.notes.size() == 1 ? outcome::done() : outcome::dead();
  };
  b.act = [&](context& job, int) {
    EXPECT_EQ(test_scheduler::of(job), b.t.get());
    return outcome::done();
  };
  a.submit(1);
  EXPECT_EQ(a.t->run_ready(2), 2u);
  EXPECT_EQ(a.t->now(), 0s);
  EXPECT_EQ(b.t->now(), 2h);
  EXPECT_EQ((*a.t)->submit(b.queue, a.plain, no_payload()).reason, reject::unknown_queue);
}

TEST(test_scheduler, a_real_scheduler_has_no_test_scheduler) {
  registry kinds;
  const kind_ref kind = kinds.add("kind/1", [](void*, context& job, std::span<const std::byte>) {
    return test_scheduler::of(job) == nullptr ? outcome::done() : outcome::dead();
  });
  const auto real = test::open_or_exit(test::small_options(), kinds);
  const auto id = real->submit(test::queue_or_exit(*real, "q"), kind, no_payload()).ticket.id;
  const auto end = real->wait(id, 60s);
  EXPECT_TRUE(end && end->cause == dead_cause::none);
}

TEST(test_scheduler, it_can_be_used_by_one_thread_after_another) {
  world w;
  w.submit(1);
  std::thread([&w] {
    w.submit(2);
    EXPECT_EQ(w.t->run_ready(), 2u);
    w.submit(3, {.after = 1s});
  }).join();
  EXPECT_EQ(w.t->advance(1s), 1u);
  std::thread([&w] { w.t.reset(); }).join();
}

TEST(test_scheduler, open_refuses_what_a_real_one_refuses) {
  registry kinds;
  kinds.add("bad name", nullptr);
  EXPECT_EQ(test_scheduler::open({}, kinds, 1).error().code, errc::invalid);
  options many;
  many.drains = 65;
  EXPECT_EQ(test_scheduler::open(many, registry(), 1).error().where, "options.drains");
}

TEST(test_scheduler, after_stop_nothing_starts) {
  world w;
  w.submit(1);
  w.submit(2, {.after = 1s});
  ASSERT_TRUE((*w.t)->stop(1h));
  EXPECT_EQ(w.t->run_ready(), 0u);
  EXPECT_EQ(w.t->advance(1h), 0u);
  EXPECT_EQ((*w.t)->submit(w.queue, w.plain, no_payload()).reason, reject::stopping);
  EXPECT_EQ((*w.t)->health().phase, phase::stopped);
}

// Everything at random: each job ends once, and the same seed gives the same run.
std::uint64_t random_run(std::uint64_t seed) {
  test::random_source random(seed);
  options o = test::small_options();
  o.drains = 1 + test::below<unsigned>(random, 3);
  o.on_overrun = test::one_in(random, 2) ? on_overrun::dead : on_overrun::keep;
  world w(random() | 1, o,
          {.backoff = backoff::exponential(1s, 2, 1min, jitter::equal), .run_timeout = 30s});
  const queue_ref other = *(*w.t)->queue("other", {.jobs_max = 20, .when_full = when_full::shed});
  std::vector<job_id> ids;
  int budget = 400;
  const auto submit = [&](scheduler& s) {
    if (budget-- <= 0) return;
    job_options how;
    how.priority = static_cast<priority>(test::below<unsigned>(random, priority_count));
    if (test::one_in(random, 2))
      how.after = duration(test::below<std::int64_t>(random, 90'000'000'000));
    if (test::one_in(random, 4))
      how.expires = 1ms + duration(test::below<std::int64_t>(random, 90'000'000'000));
    if (test::one_in(random, 8)) {
      how.after = {};
      how.at = w.t->wall_clock() + std::chrono::seconds(test::below<int>(random, 100));
    }
    const kind_ref kinds[] = {w.plain, w.blocking, w.parallel};
    const int number = budget;
    const auto a =
        s.submit(test::one_in(random, 3) ? other : w.queue,
                 kinds[test::below<std::size_t>(random, 3)], test::bytes_of(number), how);
    if (a) ids.push_back(a.ticket.id);
  };
  w.act = [&](context& job, int) {
    if (test::one_in(random, 2)) submit(job.owner());
    if (test::one_in(random, 3))
      w.t->advance(duration(test::below<std::int64_t>(random, 40'000'000'000)));
    if (test::one_in(random, 9))
      static_cast<void>(job.owner().cancel(ids[test::below<std::size_t>(random, ids.size())]));
    if (test::one_in(random, 9))
      static_cast<void>(job.owner().wait(ids[test::below<std::size_t>(random, ids.size())], 20s));
    switch (test::below<int>(random, 8)) {
      case 0:
        return outcome::fail();
      case 1:
        return outcome::snooze(3s);
      case 2:
        return outcome::yield();
      case 3:
        return outcome::cancelled();
      case 4:
        return outcome::dead();
      default:
        return outcome::done();
    }
  };
  for (int i = 0; i < 200; ++i) {
    switch (test::below<int>(random, 10)) {
      case 0:
        w.t->run_ready(test::below<std::size_t>(random, 4));
        break;
      case 1:
        w.t->advance(duration(test::below<std::int64_t>(random, 9'000'000'000)));
        break;
      case 2:
        w.t->advance_to_next();
        break;
      case 3:
        w.t->set_wall_clock(w.t->wall_clock() + std::chrono::seconds(test::below<int>(random, 50)) -
                            25s);
        break;
      case 4:
        static_cast<void>((*w.t)->pause(w.queue));
        break;
      case 5:
        static_cast<void>((*w.t)->resume(w.queue));
        break;
      default:
        submit(**w.t);
        break;
    }
  }
  static_cast<void>((*w.t)->resume(w.queue));
  w.t->run_until_idle(24h * 30);
  const counters c = (*w.t)->read_counters();
  EXPECT_EQ(c.accepted, ids.size());
  EXPECT_EQ(c.ended(), c.accepted) << "seed " << seed;
  std::uint64_t hash = c.completed;
  for (const auto& n : w.notes)
    hash = (hash ^ static_cast<std::uint64_t>(n.at.count() + n.number)) * 0x100000001b3u;
  return hash;
}

TEST(test_scheduler, random_runs_end_every_job_once_and_can_be_repeated) {
  test::random_source random(test::fresh_seed());
  for (int i = 0; i < 150; ++i) {
    const std::uint64_t seed = random();
    ASSERT_EQ(random_run(seed), random_run(seed)) << "seed " << seed;
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace pawl
