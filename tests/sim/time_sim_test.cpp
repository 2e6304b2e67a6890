// Time and failure, on one thread and a clock of its own (stepped_world.hpp): when jobs start, when
// they do not, and what becomes of them.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "job/expiry.hpp"
#include "sim/stepped_world.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::below;
using test::bytes_of;
using test::one_in;
using test::random_source;
using test::scaled;
using test::stepped_world;
using code = outcome::code;

constexpr std::uint64_t tick_ns = stepped_world::tick_ns;

std::uint64_t ns(duration d) {
  return static_cast<std::uint64_t>(d.count());
}

// From a nanosecond to `longest`, every order of magnitude alike.
duration any_duration(random_source& random, duration longest) {
  const auto top = std::log2(static_cast<double>(longest.count()));
  const double exponent = top * static_cast<double>(below(random, 1000)) / 1000.0;
  return duration(std::max<std::int64_t>(1, static_cast<std::int64_t>(std::exp2(exponent))));
}

std::chrono::system_clock::time_point wall_time(std::uint64_t wall_ns) {
  return std::chrono::system_clock::time_point(
      std::chrono::nanoseconds(static_cast<std::int64_t>(wall_ns)));
}

// ---- due times and expiries ----

struct timed_job {
  job_id id;
  std::uint64_t submitted_ns = 0;
  std::uint64_t due_ns = 0;  // by the boot clock
  std::uint64_t at_ns = 0;   // by the wall clock, if not 0
  std::uint64_t expires_ns = UINT64_MAX;
};

// Random jobs with due times and expiries; `smooth`: time passes from event to event, else in leaps.
void run_random_mix(std::uint64_t seed, bool smooth) {
  random_source random(seed);
  stepped_world w;
  w.wanted.drains = 1 + below<unsigned>(random, 3);
  const kind_ref plain = w.kind("plain");
  const kind_ref blocking = w.kind("blocking", {.blocking = true});
  w.open();
  const queue_ref q = w.queue("q");
  const duration longest = one_in(random, 3) ? duration(24h * 400) : duration(10s);
  std::map<std::uint64_t, timed_job> jobs;
  for (int step = 0; step < 300; ++step) {
    if (step < 200) {
      timed_job j;
      job_options how;
      how.priority = static_cast<priority>(below<unsigned>(random, priority_count));
      j.submitted_ns = j.due_ns = w.clock.now_ns;
      switch (below<int>(random, 4)) {
        case 0:
          break;
        case 1:
          j.at_ns = w.clock.wall_ns() + ns(any_duration(random, longest));
          if (one_in(random, 10)) j.at_ns = 1;  // long past
          how.at = wall_time(j.at_ns);
          j.due_ns = std::max(w.clock.now_ns, j.at_ns - std::min(j.at_ns, w.clock.wall_ahead_ns));
          break;
        default:
          how.after = any_duration(random, longest);
          j.due_ns = w.clock.now_ns + ns(how.after);
      }
      if (one_in(random, 2)) {
        how.expires = any_duration(random, longest);
        j.expires_ns = w.clock.now_ns + std::max<std::uint64_t>(ns(how.expires), 1000);
      }
      j.id = w.submit(q, one_in(random, 5) ? blocking : plain, how);
      jobs[j.id.value] = j;
    }
    if (one_in(random, 2)) continue;
    const duration pass = any_duration(random, longest);
    if (smooth) {
      w.advance(pass);
    } else {
      w.leap(pass);
      for (int i = 0; i < 3; ++i) {
        w.e->step_timer();
        w.e->step_drain(0);
        w.e->step_blocking();
      }
    }
    ASSERT_FALSE(::testing::Test::HasFatalFailure());
  }
  w.advance(longest * 2);
  std::set<std::uint64_t> ended;
  for (const stepped_world::change& c : w.changes) {
    const timed_job& j = jobs.at(c.what.id.value);
    if (c.what.state == job_state::running) {
      ASSERT_GE(c.at_ns, j.due_ns) << "early";
      ASSERT_LT(c.at_ns, j.expires_ns) << "started after its expiry";
      if (smooth) {
        ASSERT_LT(c.at_ns, std::max(j.due_ns, j.submitted_ns) + tick_ns) << "late";
      }
      continue;
    }
    ASSERT_TRUE(ended.insert(c.what.id.value).second) << "two ends";
    if (c.what.state == job_state::completed) continue;
    ASSERT_EQ(c.what.state, job_state::expired);
    const std::uint64_t coded = expiry_ns(
        j.submitted_ns,
        encode_expiry(duration(static_cast<std::int64_t>(j.expires_ns - j.submitted_ns))));
    ASSERT_GE(c.at_ns, coded) << "expired early";
    if (smooth) {
      ASSERT_LE(coded, j.due_ns + tick_ns) << "it could have started";
      ASSERT_LT(c.at_ns, coded + tick_ns) << "expired late";
    }
  }
  ASSERT_EQ(ended.size(), jobs.size()) << "a job was lost";
  const counters c = w.e->read_counters();
  ASSERT_EQ(c.completed + c.expired, jobs.size());
  ASSERT_EQ(c.started, c.completed);
  ASSERT_EQ(w.e->parts().due_later.next_ns(), UINT64_MAX) << "the wheel is not empty";
  for (const auto& [id, j] : jobs) ASSERT_EQ(w.find(j.id).state, job_state::ended);
}

TEST(due, nothing_starts_early_or_after_its_expiry_and_all_on_the_tick) {
  random_source random(test::fresh_seed());
  for (int i = 0; i < scaled(40); ++i) {
    const std::uint64_t seed = random();
    SCOPED_TRACE("inner seed " + std::to_string(seed));
    run_random_mix(seed, true);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(due, nothing_starts_early_or_after_its_expiry_when_time_leaps) {
  random_source random(test::fresh_seed());
  for (int i = 0; i < scaled(40); ++i) {
    const std::uint64_t seed = random();
    SCOPED_TRACE("inner seed " + std::to_string(seed));
    run_random_mix(seed, false);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(due, what_waits_says_for_what_and_until_when) {
  stepped_world w;
  const kind_ref k = w.kind("k");
  w.open();
  const queue_ref q = w.queue("q");
  const job_id later = w.submit(q, k, {.after = 5s});
  const std::uint64_t wall = w.clock.wall_ns() + 7'000'000'000;
  const job_id at = w.submit(q, k, {.at = wall_time(wall)});
  w.settle();
  EXPECT_EQ(w.find(later).state, job_state::scheduled);
  EXPECT_EQ(w.find(later).waiting_for, waiting_for::due_time);
  EXPECT_EQ(ns(w.find(later).due), w.clock.now_ns + 5'000'000'000);
  EXPECT_FALSE(w.find(later).due_by_wall_clock);
  EXPECT_EQ(ns(w.find(at).due), wall);
  EXPECT_TRUE(w.find(at).due_by_wall_clock);
  EXPECT_EQ(w.e->health().timers, 2u);
  ASSERT_TRUE(w.e->pause(w.context_of_host(), q, {}));
  w.advance(10s);
  for (const job_id id : {later, at}) {
    EXPECT_EQ(w.find(id).state, job_state::ready) << "due in a paused queue";
    EXPECT_EQ(w.find(id).waiting_for, waiting_for::gate);
  }
  EXPECT_TRUE(w.changes.empty());
  ASSERT_TRUE(w.e->resume(w.context_of_host(), q));
  w.settle();
  EXPECT_EQ(w.e->read_counters().completed, 2u);
}

TEST(due, options_out_of_range_are_refused_and_nothing_remains) {
  stepped_world w;
  const kind_ref k = w.kind("k");
  w.open();
  const queue_ref q = w.queue("q");
  constexpr duration century = 24h * 36525;
  backoff bad = backoff::fixed(1s);
  bad.factor = 0;
  const job_options refused[] = {
      {.after = -1ns},       {.after = century + 1ns},
      {.expires = -1ns},     {.expires = century + 1ns},
      {.run_timeout = -1ns}, {.run_timeout = century + 1ns},
      {.backoff = &bad},     {.after = 1s, .at = wall_time(w.clock.wall_ns())}};
  for (const job_options& how : refused) {
    EXPECT_EQ(w.try_submit(q, k, how).reason, reject::bad_option);
    const job_spec spec{{}, how};
    EXPECT_EQ(take_in(w.e->parts(), w.context_of_host(), q, k, {&spec, 1}, {}).reason,
              reject::bad_option);
  }
  EXPECT_TRUE(w.try_submit(q, k, {.after = century, .expires = century, .run_timeout = century}));
  w.settle();
  EXPECT_EQ(w.e->health().jobs, 1u);
  EXPECT_EQ(w.e->health().timers, 2u);
}

TEST(due, a_cancelled_job_never_starts_and_the_others_do) {
  random_source random(test::fresh_seed());
  stepped_world w;
  const kind_ref k = w.kind("k");
  w.open();
  const queue_ref q = w.queue("q");
  std::set<std::uint64_t> cancelled;
  for (int i = 0; i < 2000; ++i) {
    const job_id id = w.submit(q, k,
                               {.after = any_duration(random, 10s),
                                .expires = one_in(random, 3) ? duration(30s) : duration(0)});
    if (one_in(random, 3)) w.advance(any_duration(random, 100ms));
    if (!one_in(random, 2) || w.find(id).state != job_state::scheduled) continue;
    ASSERT_TRUE(w.e->cancel(w.context_of_host(), id));
    ASSERT_EQ(w.e->cancel(w.context_of_host(), id).error().code, errc::stale);
    ASSERT_EQ(w.find(id).state, job_state::ended);
    cancelled.insert(id.value);
  }
  w.advance(60s);
  EXPECT_GT(cancelled.size(), 100u);
  for (const stepped_world::change& c : w.changes) {
    if (c.what.state != job_state::running) continue;
    ASSERT_EQ(cancelled.count(c.what.id.value), 0u);
  }
  const counters c = w.e->read_counters();
  EXPECT_EQ(c.cancelled, cancelled.size());
  EXPECT_EQ(c.completed, 2000 - cancelled.size());
}

TEST(due, jobs_of_a_paused_queue_expire_in_it) {
  // Ready ones, and ones that would be due after their expiry; the room is given back at once.
  stepped_world w;
  const kind_ref k = w.kind("k");
  w.open();
  const queue_ref q = w.queue("q", {.jobs_max = 6});
  ASSERT_TRUE(w.e->pause(w.context_of_host(), q, {}));
  std::vector<job_id> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(w.submit(q, k, {.expires = 2s}));
  for (int i = 0; i < 3; ++i) ids.push_back(w.submit(q, k, {.after = 1h, .expires = 2s}));
  EXPECT_EQ(w.try_submit(q, k).reason, reject::queue_full);
  w.advance(2s - 2us);
  for (const job_id id : ids) EXPECT_NE(w.find(id).state, job_state::ended);
  w.advance(3us);
  for (const job_id id : ids) {
    EXPECT_EQ(w.find(id).state, job_state::ended);
    EXPECT_EQ(w.states_of(id), std::vector{job_state::expired});
  }
  EXPECT_EQ(w.e->read_counters().expired, 6u);
  EXPECT_EQ(w.e->health().jobs, 0u);
  EXPECT_TRUE(w.try_submit(q, k));
  ASSERT_TRUE(w.e->resume(w.context_of_host(), q));
  w.settle();
  EXPECT_EQ(w.e->read_counters().completed, 1u);
}

TEST(due, a_job_that_comes_again_expires_too_also_in_a_paused_queue) {
  // It is inside its handler when it expires, and is made again afterwards: that start is too late.
  for (const bool paused : {false, true}) {
    for (const code how : {code::yield, code::snooze, code::fail, code::retry}) {
      stepped_world w;
      const kind_ref k = w.kind("k", {.backoff = backoff::fixed(1s)});
      w.open();
      const queue_ref q = w.queue("q");
      w.act = [&](context&) {
        w.work_for(6s);
        if (paused) {
          EXPECT_TRUE(w.e->pause(w.context_of_host(), q, {}));
        }
        switch (how) {
          case code::yield:
            return outcome::yield();
          case code::snooze:
            return outcome::snooze(1s);
          case code::retry:
            return outcome::retry(1s);
          default:
            return outcome::fail();
        }
      };
      const job_id id = w.submit(q, k, {.expires = 5s});
      w.advance(10s);
      EXPECT_EQ(w.starts_of(id).size(), 1u);
      EXPECT_EQ(w.find(id).state, job_state::ended)
          << (paused ? "paused, " : "") << static_cast<int>(how);
      EXPECT_EQ(w.e->read_counters().expired, 1u);
    }
  }
}

TEST(due, cancelling_two_hundred_thousand_scheduled_jobs_gives_everything_back) {
  stepped_world w;
  w.wanted.jobs_max = 250'000;
  w.check_counts = false;
  const kind_ref k = w.kind("k");
  w.open();
  const queue_ref q = w.queue("q", {.jobs_max = 250'000});
  const int count = scaled(200'000);
  const auto submit_all = [&] {
    random_source random(7);
    std::vector<job_id> ids;
    for (int i = 0; i < count; ++i) {
      ids.push_back(w.submit(q, k,
                             {.after = 1h + any_duration(random, 24h * 300),
                              .expires = one_in(random, 4) ? 24h * 400 : duration(0)}));
    }
    w.settle();
    return ids;
  };
  std::uint32_t slots_first = 0;
  for (int round = 0; round < 2; ++round) {
    const std::vector<job_id> ids = submit_all();
    ASSERT_GE(w.e->parts().due_later.entry_count(), static_cast<std::uint64_t>(count));
    std::uint32_t highest = 0;
    for (const job_id id : ids) {
      highest = std::max(highest, id_slot(id));
      ASSERT_TRUE(w.e->cancel(w.context_of_host(), id));
    }
    if (round == 0) slots_first = highest;
    EXPECT_LE(highest, slots_first + 600) << "slots are used again";
    w.settle();
    EXPECT_LT(w.e->parts().due_later.entry_count(), 10'000u) << "the wheel keeps stale entries";
    EXPECT_EQ(w.e->read_counters().cancelled, static_cast<std::uint64_t>(count * (round + 1)));
  }
  EXPECT_LT(w.e->health().jobs, 200u) << "but for what a thread sets aside";
  w.advance(24h * 500);
  EXPECT_EQ(w.e->read_counters().started, 0u);
}

// ---- the wall clock ----

TEST(wall_clock, set_forward_makes_jobs_due_and_leaves_delays_alone) {
  stepped_world w;
  const kind_ref k = w.kind("k");
  w.open();
  const queue_ref q = w.queue("q");
  const job_id at = w.submit(q, k, {.at = wall_time(w.clock.wall_ns() + ns(1h))});
  const job_id after = w.submit(q, k, {.after = 1h});
  w.advance(10s);
  w.clock.wall_ahead_ns += ns(2h);
  w.advance(2us);
  EXPECT_EQ(w.starts_of(at).size(), 1u) << "at once";
  EXPECT_EQ(w.find(after).state, job_state::scheduled);
  const std::uint64_t due = ns(w.find(after).due);
  w.advance(2h);
  ASSERT_EQ(w.starts_of(after).size(), 1u);
  EXPECT_GE(w.starts_of(after)[0], due);
  EXPECT_LT(w.starts_of(after)[0], due + tick_ns);
}

TEST(wall_clock, set_back_makes_jobs_wait_and_leaves_delays_alone) {
  stepped_world w;
  const kind_ref k = w.kind("k");
  w.open();
  const queue_ref q = w.queue("q");
  const std::uint64_t begin = w.clock.now_ns;
  const job_id at = w.submit(q, k, {.at = wall_time(w.clock.wall_ns() + ns(1h))});
  const job_id after = w.submit(q, k, {.after = 1h});
  w.advance(10s);
  w.clock.wall_ahead_ns -= ns(24h);
  w.advance(2h);
  EXPECT_EQ(w.starts_of(after).size(), 1u);
  EXPECT_EQ(w.find(at).state, job_state::scheduled);
  w.advance(24h);
  ASSERT_EQ(w.starts_of(at).size(), 1u);
  EXPECT_GE(w.starts_of(at)[0], begin + ns(25h));
  EXPECT_LT(w.starts_of(at)[0], begin + ns(25h) + tick_ns);
}

TEST(wall_clock, wanders_and_no_job_is_early_or_forgotten) {
  // Random steps of the wall clock, from microseconds to weeks. After each, no job may be scheduled
  // whose time is over. Less than a millisecond from what was noticed last counts as slewing: a job may
  // be added a millisecond off to one side of that, and come due as much off to the other.
  random_source random(test::fresh_seed());
  for (int round = 0; round < scaled(30); ++round) {
    const std::uint64_t seed = random();
    SCOPED_TRACE("inner seed " + std::to_string(seed));
    random_source inner(seed);
    stepped_world w;
    const kind_ref k = w.kind("k");
    w.open();
    const queue_ref q = w.queue("q");
    std::map<std::uint64_t, std::uint64_t> at;  // wall times of the jobs that have not started
    std::map<std::uint64_t, std::uint64_t> due;
    w.act = [&](context& job) {
      if (const auto found = at.find(job.id().value); found != at.end()) {
        EXPECT_GE(w.clock.wall_ns(), found->second) << "early by the wall clock";
        at.erase(found);
      } else {
        EXPECT_GE(w.clock.now_ns, due.at(job.id().value)) << "early";
        EXPECT_LT(w.clock.now_ns, due.at(job.id().value) + tick_ns) << "late";
        due.erase(job.id().value);
      }
      return outcome::done();
    };
    for (int step = 0; step < 150; ++step) {
      if (one_in(inner, 2)) {
        const std::uint64_t when = w.clock.wall_ns() + ns(any_duration(inner, 24h * 30));
        at[w.submit(q, k, {.at = wall_time(when)}).value] = when;
      } else {
        const duration delay = any_duration(inner, 24h * 30);
        due[w.submit(q, k, {.after = delay}).value] = w.clock.now_ns + ns(delay);
      }
      if (one_in(inner, 3)) {
        const std::uint64_t change = ns(any_duration(inner, 24h * 20));
        w.clock.wall_ahead_ns += one_in(inner, 2) ? change : 0 - change;
        w.advance(2us);  // the next tick
      }
      w.advance(any_duration(inner, 24h * 5));
      ASSERT_FALSE(::testing::Test::HasFailure());
      for (const auto& [id, when] : at) {
        ASSERT_GT(when + tick_ns + 2'000'000, w.clock.wall_ns()) << "forgotten";
      }
    }
    w.clock.wall_ahead_ns += ns(24h * 365);
    w.advance(24h * 60);
    EXPECT_TRUE(at.empty());
    EXPECT_TRUE(due.empty());
  }
}

// ---- outcomes ----

enum class situation { plain, cancelled, timed_out, kept, taken };
constexpr std::array situations{situation::plain, situation::cancelled, situation::timed_out,
                                situation::kept, situation::taken};

// What becomes of the first of three attempts, written down from the manual:
//   C completed   D dead(handler)   T dead(timeout)   X cancelled
//   R scheduled, the attempt failed   S scheduled, it does not count   Y ready, it does not count
// The situations in their order: plain, cancel(), run_timeout passed, overrun (keep), overrun (dead); and the
// same with stop() after that.
struct outcome_row {
  code said;
  const char* becomes;
  const char* becomes_stopped;
};
constexpr outcome_row outcome_rows[] = {
    {code::done, "CCCRT", "CCCRT"},        {code::retry, "RXRRT", "RXRRT"},
    {code::fail, "RXRRT", "RXRRT"},        {code::dead, "DDDRT", "DDDRT"},
    {code::snooze, "SXSRT", "SXSRT"},      {code::rate_limited, "SXSRT", "SXSRT"},
    {code::yield, "YXYRT", "YXYRT"},       {code::cancelled, "RXRRT", "YXRRT"},
    {code::interrupted, "YXRRT", "YXYRT"},
};

outcome say(code c) {
  switch (c) {
    case code::retry:
      return outcome::retry(2s, 5);
    case code::fail:
      return outcome::fail(5);
    case code::dead:
      return outcome::dead(5);
    case code::snooze:
      return outcome::snooze(3s);
    case code::rate_limited:
      return outcome::rate_limited(3s);
    case code::yield:
      return outcome::yield();
    case code::cancelled:
      return outcome::cancelled();
    case code::interrupted:
      return outcome::interrupted();
    default:
      return outcome::done();
  }
}

struct expectation {
  job_state state;
  dead_cause cause = dead_cause::none;
  unsigned attempt = 1;
};
expectation meaning(char becomes, bool is_last, situation s) {
  const bool in_time = s == situation::plain;
  switch (becomes) {
    case 'C':
      return {job_state::completed};
    case 'D':
      return {job_state::dead, dead_cause::handler};
    case 'T':
      return {job_state::dead, dead_cause::timeout};
    case 'X':
      return {job_state::cancelled};
    case 'R':
      if (is_last) return {job_state::dead, in_time ? dead_cause::exhausted : dead_cause::timeout};
      return {job_state::scheduled};
    case 'S':
      return {job_state::scheduled, dead_cause::none, 0};
    default:
      return {job_state::ready, dead_cause::none, 0};
  }
}

void run_outcome(const outcome_row& row, situation s, bool stops, bool is_last, bool blocking) {
  stepped_world w;
  w.wanted.grace = 1s;
  w.wanted.on_overrun = s == situation::taken ? on_overrun::dead : on_overrun::keep;
  const kind_ref k = w.kind("k", {.blocking = blocking,
                                  .max_attempts = static_cast<std::uint8_t>(is_last ? 1 : 3),
                                  .backoff = backoff::fixed(10s),
                                  .run_timeout = 4s});
  w.open();
  const queue_ref q = w.queue("q");
  job_id id;
  int calls = 0;
  w.act = [&](context& job) {
    if (++calls > 1) return outcome::done();
    EXPECT_EQ(w.find(id).state, job_state::running);
    const std::stop_token token = job.stop_token();
    EXPECT_FALSE(token.stop_requested());
    switch (s) {
      case situation::plain:
        w.work_for(3s);
        EXPECT_FALSE(job.timed_out());
        break;
      case situation::cancelled:
        EXPECT_TRUE(w.e->cancel(w.context_of_host(), id));
        EXPECT_TRUE(job.cancel_requested());
        EXPECT_TRUE(w.find(id).cancel_requested);
        break;
      case situation::timed_out:
        w.work_for(4s);
        EXPECT_TRUE(job.timed_out());
        EXPECT_TRUE(w.find(id).timed_out);
        EXPECT_FALSE(w.find(id).overrun);
        break;
      case situation::kept:
      case situation::taken:
        w.work_for(4s);
        w.work_for(1s);
        EXPECT_TRUE(w.find(id).overrun);
        EXPECT_EQ(w.find(id).state, s == situation::taken ? job_state::dead : job_state::running);
        EXPECT_EQ(w.e->health().overruns, 1u);
        break;
    }
    if (stops) {
      EXPECT_TRUE(w.e->stop(duration(0)));
    }
    EXPECT_EQ(job.stop_requested(), stops);
    EXPECT_EQ(token.stop_requested(), stops || s != situation::plain);
    return say(row.said);
  };
  id = w.submit(q, k);
  const std::uint64_t version = w.find(id).version;
  if (blocking) {
    while (calls == 0) ASSERT_TRUE(w.e->step_drain(0) || w.e->step_blocking());
  } else {
    ASSERT_TRUE(w.e->step_drain(0));
  }
  ASSERT_EQ(calls, 1);
  const char becomes = (stops ? row.becomes_stopped : row.becomes)[static_cast<std::size_t>(s)];
  const expectation want = meaning(becomes, is_last, s);
  ASSERT_EQ(w.changes.size(), 2u) << "one start and one end";
  const job_change end = w.changes[1].what;
  EXPECT_EQ(end.state, want.state);
  EXPECT_EQ(end.cause, want.cause);
  EXPECT_EQ(end.attempt, 1u);
  const job_status found = w.find(id);
  const bool kept = want.state == job_state::scheduled || want.state == job_state::ready ||
                    want.state == job_state::dead;
  EXPECT_EQ(found.state, kept ? want.state : job_state::ended);
  if (kept) {
    EXPECT_EQ(found.cause, want.cause);
    EXPECT_EQ(found.attempt, want.attempt);
    EXPECT_GT(found.version, version);
    EXPECT_FALSE(found.cancel_requested || found.timed_out) << "it does not run";
    EXPECT_EQ(found.overrun, s == situation::taken) << "of what it died";
  }
  const counters c = w.e->read_counters();
  EXPECT_EQ(c.retried, want.state == job_state::scheduled && want.attempt == 1 ? 1u : 0u);
  EXPECT_EQ(c.pushed_back, want.attempt == 0 ? 1u : 0u);
  EXPECT_EQ(c.completed, want.state == job_state::completed ? 1u : 0u);
  EXPECT_EQ(c.cancelled, want.state == job_state::cancelled ? 1u : 0u);
  const bool late = s == situation::kept || s == situation::taken;
  EXPECT_EQ(c.timed_out, late || s == situation::timed_out ? 1u : 0u);
  EXPECT_EQ(c.overrun, late ? 1u : 0u);
  EXPECT_EQ(c.stale_results, late ? 1u : 0u);
  EXPECT_EQ(w.e->health().overruns, 0u);
  EXPECT_EQ(c.accepted - c.ended(), w.e->health().jobs);
  if (want.state == job_state::dead) {
    const auto letter = w.e->show_dead(id, nullptr);
    ASSERT_TRUE(letter);
    ASSERT_EQ(letter->errors.size(), 1u) << "why it died";
    EXPECT_EQ(letter->errors[0].attempt, 1u);
    const bool timeout = want.cause == dead_cause::timeout;
    const bool says_a_kind = row.said == code::retry || row.said == code::fail || becomes == 'D';
    EXPECT_EQ(letter->errors[0].kind, timeout ? error_timeout : says_a_kind ? 5 : 0);
  }
  if (stops) return;
  if (want.state == job_state::scheduled) {
    // The delay is counted from the end of the attempt.
    const duration delay = want.attempt == 0                  ? duration(3s)
                           : row.said == code::retry && !late ? duration(2s)
                                                              : duration(10s);
    EXPECT_EQ(ns(found.due), w.changes[1].at_ns + ns(delay));
  }
  w.advance(1min);
  if (want.state == job_state::scheduled || want.state == job_state::ready) {
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(w.changes[2].what.attempt, want.attempt + 1);
    EXPECT_EQ(w.e->read_counters().completed, 1u);
  } else {
    EXPECT_EQ(calls, 1) << "it was over";
  }
}

TEST(outcomes, every_outcome_in_every_situation_is_what_the_manual_says) {
  for (const outcome_row& row : outcome_rows) {
    for (const situation s : situations) {
      for (const bool is_last : {false, true}) {
        for (const bool blocking : {false, true}) {
          for (const bool stops : {false, true}) {
            SCOPED_TRACE("code " + std::to_string(static_cast<int>(row.said)) + ", situation " +
                         std::to_string(static_cast<int>(s)) + (stops ? ", then stop" : "") +
                         (is_last ? ", last attempt" : "") + (blocking ? ", blocking" : ""));
            run_outcome(row, s, stops, is_last, blocking);
          }
        }
      }
    }
  }
}

TEST(outcomes, what_is_thrown_is_a_failed_attempt_with_its_text) {
  stepped_world w;
  const kind_ref k = w.kind("k", {.max_attempts = 2, .backoff = backoff::fixed(1s)});
  w.open();
  const queue_ref q = w.queue("q");
  int calls = 0;
  w.act = [&](context&) -> outcome {
    if (++calls == 1) throw std::runtime_error("no such table");
    throw 42;
  };
  const job_id id = w.submit(q, k);
  w.settle();
  EXPECT_EQ(w.find(id).state, job_state::scheduled);
  w.advance(5s);
  EXPECT_EQ(w.find(id).cause, dead_cause::exhausted);
  const auto letter = w.e->show_dead(id, nullptr);
  ASSERT_TRUE(letter);
  ASSERT_EQ(letter->errors.size(), 2u);
  EXPECT_EQ(letter->errors[0].text, "no such table");
  EXPECT_EQ(letter->errors[0].kind, error_thrown);
  EXPECT_EQ(letter->errors[1].kind, error_thrown);
  EXPECT_FALSE(letter->errors[1].text.empty());
  EXPECT_EQ(w.said, (std::vector<std::string>{"handler.threw", "handler.threw"}));
}

// ---- retries ----

TEST(retries, are_spaced_as_their_policy_says) {
  struct row {
    const char* name;
    backoff policy;
    std::vector<duration> delays;
  };
  const row rows[] = {
      {"fixed", backoff::fixed(3s), {3s, 3s, 3s, 3s}},
      {"linear", backoff::linear(2s, 7s), {2s, 4s, 6s, 7s}},
      {"exponential", backoff::exponential(1s, 3, 20s, jitter::none), {1s, 3s, 9s, 20s}},
      {"table", backoff::table({1s, 1h, 5ms}), {1s, 1h, 5ms, 5ms}},
      {"none", backoff::fixed(0s), {0s, 0s, 0s, 0s}},
  };
  for (const row& r : rows) {
    for (const bool own : {false, true}) {  // the job's own, against another one of its kind
      SCOPED_TRACE(r.name);
      stepped_world w;
      const kind_ref k =
          w.kind("k", {.max_attempts = 5, .backoff = own ? backoff::fixed(17s) : r.policy});
      w.open();
      const queue_ref q = w.queue("q");
      w.act = [&](context&) {
        w.work_for(100ms);
        return outcome::fail();
      };
      const job_id id = w.submit(q, k, {.backoff = own ? &r.policy : nullptr});
      w.advance(3h);
      const std::vector<std::uint64_t> starts = w.starts_of(id);
      ASSERT_EQ(starts.size(), 5u);
      for (std::size_t i = 0; i < 4; ++i) {
        const std::uint64_t gap = starts[i + 1] - starts[i] - 100'000'000;
        EXPECT_GE(gap, ns(r.delays[i])) << i;
        EXPECT_LT(gap, ns(r.delays[i]) + tick_ns) << i;
      }
      EXPECT_EQ(w.find(id).cause, dead_cause::exhausted);
    }
  }
}

TEST(retries, never_exceed_the_attempts_and_the_handlers_own_delay_counts_them_too) {
  random_source random(test::fresh_seed());
  stepped_world w;
  kind_options how{.max_attempts = 4, .backoff = backoff::fixed(1s)};
  how.rules = {{{7, 2}, {8, 1}, {9, 200}, {}}};
  const kind_ref k = w.kind("k", how);
  w.open();
  const queue_ref q = w.queue("q");
  struct plan {
    unsigned allowed;
    error_kind kind;
    bool own_delay;
  };
  std::map<std::uint64_t, plan> plans;
  w.act = [&](context& job) {
    const plan& p = plans.at(job.id().value);
    EXPECT_LE(job.attempt(), p.allowed);
    return p.own_delay ? outcome::retry(any_duration(random, 1min), p.kind) : outcome::fail(p.kind);
  };
  for (const error_kind kind : {error_kind{0}, error_kind{7}, error_kind{8}, error_kind{9}}) {
    for (const unsigned own : {0u, 1u, 2u, 3u, 20u, 255u}) {
      for (const bool own_delay : {false, true}) {
        const unsigned most = own == 0 ? 4 : own;
        const unsigned rule = kind == 7 ? 2 : kind == 8 ? 1 : kind == 9 ? 200 : 255;
        const job_id id = w.submit(q, k, {.max_attempts = static_cast<std::uint8_t>(own)});
        plans[id.value] = {std::min(most, rule), kind, own_delay};
      }
    }
  }
  w.advance(24h);
  for (const auto& [id, p] : plans) {
    EXPECT_EQ(w.starts_of(job_id{id}).size(), p.allowed) << "kind " << p.kind;
    EXPECT_EQ(w.find(job_id{id}).cause, dead_cause::exhausted);
    EXPECT_EQ(w.find(job_id{id}).attempt, p.allowed);
  }
}

TEST(retries, with_jitter_are_repeatable_by_seed_and_differ_between_jobs) {
  const auto starts = [](std::uint64_t seed) {
    stepped_world w;
    w.wanted.seed = seed;
    const kind_ref k = w.kind("k", {.max_attempts = 3});
    w.open();
    const queue_ref q = w.queue("q");
    w.act = [](context&) { return outcome::fail(); };
    std::vector<std::uint64_t> all;
    for (int i = 0; i < 20; ++i) static_cast<void>(w.submit(q, k));
    w.advance(1h);
    for (const auto& c : w.changes) {
      if (c.what.attempt > 1 && c.what.state == job_state::running) all.push_back(c.at_ns);
    }
    return all;
  };
  const auto first = starts(1);
  EXPECT_EQ(first.size(), 40u);
  EXPECT_EQ(first, starts(1));
  EXPECT_NE(first, starts(2));
  EXPECT_GT(std::set<std::uint64_t>(first.begin(), first.end()).size(), 35u);
}

TEST(retries, keep_to_the_budget_of_their_queue_and_none_is_lost) {
  // A hundred jobs fail together; ten retries a second are allowed, a second's worth at once.
  stepped_world w;
  const kind_ref k = w.kind("k", {.max_attempts = 2, .backoff = backoff::fixed(5s)});
  w.open();
  const queue_ref q = w.queue("q", {.retries_per_s_max = 10});
  const queue_ref free = w.queue("free");
  w.act = [](context& job) { return job.attempt() == 1 ? outcome::fail() : outcome::done(); };
  for (int i = 0; i < 100; ++i) static_cast<void>(w.submit(q, k));
  for (int i = 0; i < 100; ++i) static_cast<void>(w.submit(free, k));
  const std::uint64_t failed = w.clock.now_ns;
  w.advance(1min);
  EXPECT_EQ(w.e->read_counters().completed, 200u);
  std::vector<std::uint64_t> retries;
  for (const auto& c : w.changes) {
    if (c.what.attempt != 2 || c.what.state != job_state::running) continue;
    if (c.what.queue == free) {
      EXPECT_LT(c.at_ns, failed + ns(5s) + tick_ns) << "the budget is the queue's own";
    } else {
      retries.push_back(c.at_ns);
    }
  }
  ASSERT_EQ(retries.size(), 100u);
  EXPECT_LT(retries[9], failed + ns(5s) + tick_ns);
  for (std::size_t i = 10; i < retries.size(); ++i) {
    EXPECT_GE(retries[i], retries[0] + (i - 9) * ns(100ms) - tick_ns) << i;
    EXPECT_LE(retries[i], retries[0] + (i - 9) * ns(100ms) + 20 * tick_ns) << "put off for nothing";
  }
}

TEST(retries, a_long_delay_does_not_put_off_the_short_ones_of_its_queue) {
  // The budget is for when retries are made, not for when they are asked for.
  stepped_world w;
  const kind_ref k = w.kind("k", {.max_attempts = 2});
  w.open();
  const queue_ref q = w.queue("q", {.retries_per_s_max = 100});
  std::map<std::uint64_t, duration> delay;
  w.act = [&](context& job) {
    return job.attempt() == 1 ? outcome::retry(delay.at(job.id().value)) : outcome::done();
  };
  const backoff unused = backoff::fixed(0s);
  const job_id slow = w.submit(q, k, {.backoff = &unused});
  delay[slow.value] = 5min;
  w.settle();
  const job_id fast = w.submit(q, k);
  delay[fast.value] = 1s;
  w.advance(10min);
  ASSERT_EQ(w.starts_of(fast).size(), 2u);
  EXPECT_LT(w.starts_of(fast)[1] - w.starts_of(fast)[0], ns(1s) + tick_ns);
  EXPECT_LT(w.starts_of(slow)[1] - w.starts_of(slow)[0], ns(5min) + tick_ns);
}

// ---- push-backs ----

TEST(pushbacks, use_no_attempt_and_are_bounded) {
  for (const bool rate : {false, true}) {
    stepped_world w;
    w.wanted.pushbacks_max = 5;
    const kind_ref k = w.kind("k", {.max_attempts = 1});
    w.open();
    const queue_ref q = w.queue("q");
    w.act = [&](context& job) {
      EXPECT_EQ(job.attempt(), 1u);
      return rate ? outcome::rate_limited(1s) : outcome::snooze(1s);
    };
    const job_id id = w.submit(q, k);
    const std::uint64_t begin = w.clock.now_ns;
    w.advance(1h);
    const auto starts = w.starts_of(id);
    ASSERT_EQ(starts.size(), 6u);
    EXPECT_GE(starts[5] - begin, ns(5s));
    EXPECT_LT(starts[5] - begin, ns(5s) + 6 * tick_ns);
    EXPECT_EQ(w.find(id).state, job_state::dead);
    EXPECT_EQ(w.find(id).cause, dead_cause::exhausted);
    EXPECT_EQ(w.find(id).attempt, 1u);
    EXPECT_EQ(w.e->read_counters().pushed_back, 5u);
    EXPECT_EQ(w.e->read_counters().retried, 0u);
  }
}

TEST(pushbacks, a_snooze_of_less_than_nothing_or_for_ever_is_cut) {
  stepped_world w;
  const kind_ref k = w.kind("k");
  w.open();
  const queue_ref q = w.queue("q");
  int calls = 0;
  w.act = [&](context&) {
    ++calls;
    return calls == 1   ? outcome::snooze(-1h)
           : calls == 2 ? outcome::snooze(duration::max())
                        : outcome::done();
  };
  const job_id id = w.submit(q, k);
  w.advance(1ms);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(w.find(id).state, job_state::scheduled);
  EXPECT_LE(ns(w.find(id).due) - w.clock.now_ns, ns(24h * 36525));
  EXPECT_GT(ns(w.find(id).due) - w.clock.now_ns, ns(24h * 36524));
  ASSERT_TRUE(w.e->cancel(w.context_of_host(), id));
}

TEST(pushbacks, a_yield_goes_behind_the_ready_jobs_of_its_band_and_is_not_bounded) {
  stepped_world w;
  w.wanted.pushbacks_max = 1;
  const kind_ref k = w.kind("k", {.max_attempts = 1});
  w.open();
  const queue_ref q = w.queue("q");
  std::map<std::uint64_t, int> calls;
  std::vector<std::uint64_t> order;
  w.act = [&](context& job) {
    order.push_back(job.id().value);
    return ++calls[job.id().value] < 300 ? outcome::yield() : outcome::done();
  };
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(w.submit(q, k).value);
  w.settle();
  ASSERT_EQ(order.size(), 1500u);
  for (std::size_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], ids[i % 5]) << i;
  EXPECT_EQ(w.e->read_counters().completed, 5u);
  EXPECT_EQ(w.e->read_counters().pushed_back, 1495u);
}

// ---- dead letters ----

class dead_letters_of : public ::testing::Test {
 protected:
  void open(std::uint32_t kept = 1000, on_overrun how = on_overrun::keep) {
    w.wanted.dead_in_memory = kept;
    w.wanted.on_overrun = how;
    w.wanted.grace = 1s;
    a = w.kind("a", {.max_attempts = 1});
    b = w.kind("b", {.max_attempts = 1, .run_timeout = 1s});
    w.open();
    q = w.queue("q", {.jobs_max = 500});
    r = w.queue("r");
    w.act = [](context&) { return outcome::fail(3); };
  }
  job_id die(queue_ref queue, kind_ref kind, std::span<const std::byte> payload = {}) {
    w.leap(1us);
    const job_id id = w.submit(queue, kind, {}, payload);
    w.settle();
    EXPECT_EQ(w.find(id).state, job_state::dead);
    return id;
  }
  std::vector<std::uint64_t> list(const dead_filter& which = {}, std::size_t page = 100) {
    std::vector<std::uint64_t> ids;
    std::uint64_t cursor = 0;
    do {
      const auto p = w.e->list_dead(which, cursor, page);
      EXPECT_TRUE(p);
      EXPECT_LE(p->letters.size(), page);
      for (const dead_letter& l : p->letters) ids.push_back(l.status.id.value);
      cursor = p->cursor;
    } while (cursor != 0);
    return ids;
  }
  result<ticket> requeue(job_id id, std::uint64_t version) {
    auto t = w.e->requeue(w.context_of_host(), id, version);
    if (t) w.note_requeued(id);
    return t;
  }

  stepped_world w;
  kind_ref a, b;
  queue_ref q, r;
};

TEST_F(dead_letters_of, are_listed_in_the_order_of_their_deaths_page_by_page) {
  open();
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 777; ++i) ids.push_back(die(i % 2 ? q : r, a).value);
  for (const std::size_t page : {std::size_t{1}, std::size_t{7}, std::size_t{256}, std::size_t{257},
                                 std::size_t{777}, std::size_t{5000}}) {
    EXPECT_EQ(list({}, page), ids) << page;
  }
  const auto none = w.e->list_dead({}, 0, 0);
  ASSERT_FALSE(none) << "its cursor would never move";
  EXPECT_EQ(none.error().code, errc::invalid);
  EXPECT_EQ(w.e->health().dead, 777u);
}

TEST_F(dead_letters_of, filters_let_through_what_they_say) {
  open();
  std::vector<std::pair<dead_letter, std::uint64_t>> all;
  random_source random(test::fresh_seed());
  for (int i = 0; i < 400; ++i) {
    const bool handler = one_in(random, 2);
    w.act = [&](context&) { return handler ? outcome::dead() : outcome::fail(); };
    static_cast<void>(die(one_in(random, 2) ? q : r, one_in(random, 3) ? b : a));
  }
  const auto page = w.e->list_dead({}, 0, 1000);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->letters.size(), 400u);
  const duration middle = page->letters[200].died;
  int nothing = 0;
  for (unsigned set = 0; set < 16; ++set) {
    dead_filter f;
    if (set & 1) f.queue = q;
    if (set & 2) f.kind = b;
    if (set & 4) f.cause = dead_cause::handler;
    if (set & 8) f.died_before = middle;
    std::vector<std::uint64_t> wanted;
    for (const dead_letter& l : page->letters) {
      if ((!f.queue || l.status.queue == q) && (!f.kind || l.status.kind == b) &&
          (!f.cause || l.status.cause == dead_cause::handler) &&
          (!f.died_before || l.died < middle)) {
        wanted.push_back(l.status.id.value);
      }
    }
    EXPECT_EQ(list(f, 10), wanted) << set;
    if (wanted.empty()) ++nothing;
  }
  EXPECT_LT(nothing, 2);
  dead_filter unknown;
  unknown.kind = kind_ref{77};
  EXPECT_TRUE(list(unknown).empty());
}

TEST_F(dead_letters_of, show_everything_that_is_known) {
  open();
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{64}, std::size_t{65}, std::size_t{5000}}) {
    std::vector<std::byte> payload(bytes);
    for (std::size_t i = 0; i < bytes; ++i) payload[i] = static_cast<std::byte>(i * 7);
    w.act = [](context& job) { return job.fail("disk on fire", 9); };
    const job_id id = die(q, a, payload);
    std::vector<std::byte> seen(3);
    const auto l = w.e->show_dead(id, &seen);
    ASSERT_TRUE(l);
    EXPECT_EQ(seen, payload);
    EXPECT_EQ(l->status.id, id);
    EXPECT_EQ(l->status.queue, q);
    EXPECT_EQ(l->status.kind, a);
    EXPECT_EQ(l->status.attempt, 1u);
    EXPECT_EQ(l->version, w.find(id).version);
    EXPECT_EQ(ns(l->died), w.clock.now_ns);
    ASSERT_EQ(l->errors.size(), 1u);
    EXPECT_EQ(l->errors[0].text, "disk on fire");
    EXPECT_EQ(l->errors[0].kind, 9u);
    EXPECT_EQ(ns(l->errors[0].at), w.clock.now_ns);
  }
  const job_id alive = w.submit(q, a, {.after = 1h});
  EXPECT_EQ(w.e->show_dead(alive, nullptr).error().code, errc::not_found);
  EXPECT_EQ(w.e->show_dead(job_id{0}, nullptr).error().code, errc::not_found);
  EXPECT_EQ(w.e->show_dead(job_id{~0ull}, nullptr).error().code, errc::not_found);
}

TEST_F(dead_letters_of, keep_the_last_four_errors_and_the_first_bytes_of_their_texts) {
  open();
  const std::string text(500, 'x');
  w.act = [&](context& job) {
    return job.fail(text.substr(0, 107 + job.attempt()), static_cast<error_kind>(job.attempt()));
  };
  const backoff quick = backoff::fixed(1s);
  const job_id id = w.submit(q, a, {.max_attempts = 9, .backoff = &quick});
  w.advance(1min);
  auto l = w.e->show_dead(id, nullptr);
  ASSERT_TRUE(l);
  ASSERT_EQ(l->errors.size(), 4u);
  for (unsigned i = 0; i < 4; ++i) {
    EXPECT_EQ(l->errors[i].attempt, 6 + i);
    EXPECT_EQ(l->errors[i].kind, 6 + i);
    EXPECT_EQ(l->errors[i].text, text.substr(0, 111));
  }
  // A text of one attempt is not that of the next, which notes none.
  w.act = [](context&) { return outcome::fail(77); };
  ASSERT_TRUE(requeue(id, l->version));
  w.advance(1h);
  l = w.e->show_dead(id, nullptr);
  ASSERT_TRUE(l);
  ASSERT_EQ(l->errors.size(), 4u);
  EXPECT_EQ(l->errors[3].kind, 77u);
  EXPECT_EQ(l->errors[3].text, "");
}

TEST_F(dead_letters_of, texts_shorter_than_the_bound_are_whole) {
  open();
  for (const std::size_t bytes : {0u, 1u, 110u, 111u, 112u}) {
    w.act = [&](context& job) { return job.dead(std::string(bytes, 'y')); };
    const auto l = w.e->show_dead(die(q, a), nullptr);
    ASSERT_TRUE(l);
    ASSERT_EQ(l->errors.size(), 1u);
    EXPECT_EQ(l->errors[0].text, std::string(std::min<std::size_t>(bytes, 111), 'y'));
    EXPECT_EQ(l->status.cause, dead_cause::handler);
  }
}

TEST_F(dead_letters_of, are_requeued_once_for_each_death) {
  open();
  const job_id id = die(q, a);
  const std::uint64_t version = w.find(id).version;
  EXPECT_EQ(requeue(id, version + 1).error().code, errc::stale);
  EXPECT_EQ(requeue(id, version - 1).error().code, errc::stale);
  ASSERT_TRUE(w.e->pause(w.context_of_host(), q, {}));
  const auto t = requeue(id, version);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->id, id);
  EXPECT_EQ(w.find(id).state, job_state::ready);
  EXPECT_EQ(w.find(id).attempt, 0u);
  EXPECT_TRUE(list().empty());
  EXPECT_EQ(requeue(id, version).error().code, errc::stale) << "twice";
  ASSERT_TRUE(w.e->resume(w.context_of_host(), q));
  w.settle();
  EXPECT_EQ(w.find(id).state, job_state::dead);
  EXPECT_EQ(requeue(id, version).error().code, errc::stale) << "that death is over";
  const auto l = w.e->show_dead(id, nullptr);
  ASSERT_TRUE(l);
  EXPECT_EQ(l->errors.size(), 2u) << "errors of before are kept";
  w.act = [](context&) { return outcome::done(); };
  ASSERT_TRUE(requeue(id, l->version));
  w.settle();
  EXPECT_EQ(w.find(id).state, job_state::ended);
  EXPECT_EQ(requeue(id, l->version).error().code, errc::not_found);
  EXPECT_EQ(requeue(job_id{~0ull}, 1).error().code, errc::not_found);
  const counters c = w.e->read_counters();
  EXPECT_EQ(c.requeued, 2u);
  EXPECT_EQ(c.accepted, 1u);
  EXPECT_EQ(c.ended(), 3u);
  EXPECT_EQ(c.completed, 1u);
}

TEST_F(dead_letters_of, a_requeued_job_has_all_its_attempts_and_push_backs_again_and_no_expiry) {
  w.wanted.pushbacks_max = 2;
  open();
  const backoff quick = backoff::fixed(1s);
  int calls = 0;
  w.act = [&](context& job) {
    ++calls;
    if (calls % 5 == 1 || calls % 5 == 2) return outcome::snooze(1s);
    EXPECT_EQ(job.attempt(), static_cast<unsigned>((calls - 1) % 5 - 1));
    return outcome::fail();
  };
  const job_id id = w.submit(q, a, {.max_attempts = 3, .expires = 1h, .backoff = &quick});
  w.advance(1min);
  for (int i = 1; i < 4; ++i) {
    EXPECT_EQ(calls, 5 * i);
    EXPECT_EQ(w.find(id).cause, dead_cause::exhausted);
    w.advance(2h);  // long past its expiry
    ASSERT_TRUE(requeue(id, w.find(id).version));
    w.advance(1min);
  }
  EXPECT_EQ(calls, 20);
}

TEST_F(dead_letters_of, are_not_requeued_into_a_full_queue) {
  open();
  const queue_ref small = w.queue("small", {.jobs_max = 1});
  const job_id id = die(small, a);
  const std::uint64_t version = w.find(id).version;
  const job_id other = w.submit(small, a, {.after = 1h});
  EXPECT_EQ(requeue(id, version).error().code, errc::full);
  EXPECT_EQ(w.find(id).state, job_state::dead);
  EXPECT_EQ(w.find(id).version, version);
  EXPECT_EQ(w.find(id).attempt, 1u) << "nothing has changed";
  EXPECT_EQ(list().size(), 1u);
  ASSERT_TRUE(w.e->cancel(w.context_of_host(), other));
  EXPECT_TRUE(requeue(id, version));
  w.settle();
}

TEST_F(dead_letters_of, can_be_forgotten) {
  open();
  std::vector<job_id> ids;
  for (int i = 0; i < 600; ++i) ids.push_back(die(i % 3 == 0 ? q : r, a));
  dead_filter of_q;
  of_q.queue = q;
  EXPECT_EQ(w.e->purge_dead(w.context_of_host(), of_q), 200u);
  EXPECT_EQ(list().size(), 400u);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(w.find(ids[i]).state, i % 3 == 0 ? job_state::ended : job_state::dead);
  }
  EXPECT_EQ(w.e->show_dead(ids[0], nullptr).error().code, errc::not_found);
  EXPECT_EQ(requeue(ids[0], 1).error().code, errc::not_found);
  EXPECT_EQ(w.e->purge_dead(w.context_of_host(), {}), 400u);
  EXPECT_EQ(w.e->purge_dead(w.context_of_host(), {}), 0u);
  EXPECT_EQ(w.e->health().dead, 0u);
}

TEST_F(dead_letters_of, are_at_most_as_many_as_the_options_say_and_the_oldest_goes) {
  open(5);
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 40; ++i) {
    ids.push_back(die(q, a).value);
    ASSERT_LE(w.e->health().dead, 5u);
  }
  EXPECT_EQ(list(), std::vector<std::uint64_t>(ids.end() - 5, ids.end()));
  EXPECT_EQ(w.find(job_id{ids[34]}).state, job_state::ended);
  EXPECT_EQ(requeue(job_id{ids[34]}, 1).error().code, errc::not_found);
  // Requeueing one makes room for one.
  ASSERT_TRUE(requeue(job_id{ids[37]}, w.find(job_id{ids[37]}).version));
  w.settle();
  std::vector<std::uint64_t> now = list();
  EXPECT_EQ(now, (std::vector<std::uint64_t>{ids[35], ids[36], ids[38], ids[39], ids[37]}));
}

TEST_F(dead_letters_of, give_their_memory_back) {
  // Errors and long payloads of jobs that die, are requeued, purged and pushed out: the arena is as
  // large after a hundred rounds as after a few.
  open(50);
  std::vector<std::byte> payload(3000);
  std::uint64_t after_some = 0;
  for (int round = 0; round < scaled(400); ++round) {
    for (int i = 0; i < 20; ++i) {
      const job_id id = die(q, a, payload);
      if (i % 3 == 0) {
        ASSERT_TRUE(requeue(id, w.find(id).version));
        w.settle();
      }
    }
    if (round % 7 == 0) static_cast<void>(w.e->purge_dead(w.context_of_host(), {}));
    if (round == 20) after_some = w.e->health().payload_memory_bytes;
  }
  if (after_some != 0) {
    EXPECT_EQ(w.e->health().payload_memory_bytes, after_some);
  }
}

TEST_F(dead_letters_of, a_job_that_died_inside_its_handler_waits_for_that_before_it_is_requeued) {
  open(1000, on_overrun::dead);
  job_id id;
  int calls = 0;
  w.act = [&](context& job) {
    if (++calls > 1) return outcome::done();
    w.work_for(1s);
    EXPECT_TRUE(job.timed_out());
    w.work_for(1s);
    EXPECT_EQ(w.find(id).state, job_state::dead);
    EXPECT_EQ(w.find(id).cause, dead_cause::timeout);
    const auto l = w.e->show_dead(id, nullptr);
    EXPECT_TRUE(l);
    EXPECT_EQ(l->errors.size(), 1u) << "the attempt failed";
    EXPECT_EQ(l->errors[0].kind, error_timeout);
    EXPECT_EQ(requeue(id, l->version).error().code, errc::busy);
    EXPECT_EQ(w.find(id).attempt, 1u) << "nothing has changed";
    EXPECT_EQ(w.find(id).cause, dead_cause::timeout);
    EXPECT_EQ(w.e->cancel(w.context_of_host(), id).error().code, errc::stale);
    EXPECT_EQ(w.e->read_counters().dead[static_cast<std::size_t>(dead_cause::timeout)], 1u);
    return outcome::done();
  };
  id = w.submit(r, b);
  w.settle();
  ASSERT_EQ(calls, 1);
  EXPECT_EQ(w.find(id).state, job_state::dead) << "what it said did not count";
  EXPECT_EQ(w.find(id).cause, dead_cause::timeout);
  EXPECT_EQ(w.states_of(id), (std::vector{job_state::running, job_state::dead}));
  EXPECT_EQ(w.e->read_counters().stale_results, 1u);
  ASSERT_TRUE(requeue(id, w.find(id).version));
  w.settle();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(w.e->read_counters().completed, 1u);
}

TEST_F(dead_letters_of, a_letter_that_goes_while_its_handler_is_inside_leaves_the_slot_to_that) {
  // Purged, or pushed out by a later death, or never kept. Nobody gets the slot meanwhile, and who
  // asks for the letter gets an answer at once.
  enum class way { purged, pushed_out, never_kept };
  for (const way how : {way::purged, way::pushed_out, way::never_kept}) {
    SCOPED_TRACE(static_cast<int>(how));
    stepped_world x;
    x.wanted.drains = 2;
    x.wanted.dead_in_memory = how == way::purged ? 10 : how == way::pushed_out ? 1 : 0;
    x.wanted.on_overrun = on_overrun::dead;
    x.wanted.grace = 1s;
    const kind_ref slow = x.kind("slow", {.max_attempts = 1, .run_timeout = 1s});
    const kind_ref fast = x.kind("fast", {.max_attempts = 1});
    x.open();
    const queue_ref qx = x.queue("q");
    std::vector<std::byte> payload(900, std::byte{7});
    job_id id;
    bool was_inside = false;
    x.act = [&](context& job) {
      if (job.kind() == fast) return outcome::fail();
      was_inside = true;
      x.work_for(1s);
      x.work_for(1s);
      const std::uint64_t version = x.find(id).version;
      if (how == way::purged) {
        EXPECT_EQ(x.e->purge_dead(x.context_of_host(), {}), 1u);
      } else if (how == way::pushed_out) {
        for (int i = 0; i < 3; ++i) static_cast<void>(x.submit(qx, fast));
        while (x.e->step_drain(1)) {
        }
      }
      EXPECT_EQ(x.e->show_dead(id, nullptr).error().code, errc::not_found);
      EXPECT_FALSE(x.e->requeue(x.context_of_host(), id, version));
      std::set<std::uint32_t> slots;
      for (int i = 0; i < 1000; ++i) slots.insert(id_slot(x.submit(qx, fast, {.after = 1h})));
      EXPECT_EQ(slots.count(id_slot(id)), 0u) << "somebody got the slot under the handler";
      return outcome::done();
    };
    id = x.submit(qx, slow, {}, payload);
    ASSERT_TRUE(x.e->step_drain(0));
    EXPECT_TRUE(was_inside);
    EXPECT_EQ(x.find(id).state, job_state::ended);
    EXPECT_EQ(x.e->health().overruns, 0u);
    x.settle();
  }
}

}  // namespace
}  // namespace pawl
