// Timers. Method: small cases by hand; random ones against a multimap (wheel_oracle.hpp).
#include "time/wheel.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "support/process.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "time/wheel_oracle.hpp"

namespace pawl {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t day = 86'400 * second;
constexpr std::uint64_t year = 365 * day;

using fired_entries = std::vector<timer_entry>;

// Steps until nothing more is due.
fired_entries fire_all(wheel& timers, std::uint64_t now_ns, std::size_t fires_max = 1'024) {
  fired_entries fired;
  while (timers.step(now_ns, fires_max, [&](std::span<const timer_entry> due) {
    fired.insert(fired.end(), due.begin(), due.end());
  })) {
  }
  return fired;
}

// What the system counts against RLIMIT_DATA.
std::size_t data_bytes() {
  return std::stoul(test::status_line("VmData")) * 1'024;
}

TEST(wheel, fires_at_the_tick_after_the_due_time_and_not_before) {
  // Every delay around a level's border, one timer at a time, looked at one nanosecond before.
  for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{1'023}, 41 * year + 12'345}) {
    for (unsigned level = 0; level < tick_digits; ++level) {
      const std::uint64_t border = std::uint64_t{1} << (tick_shift + 6 * level);
      for (const std::uint64_t delay :
           {border - 1'025, border - 1, border, border + 1, border + 1'024, 2 * border - 1}) {
        const std::uint64_t due = test::later(start, delay);
        const std::uint64_t at = ns_of_tick(tick_of_due(due));
        ASSERT_GE(at, due);
        wheel timers(start, 10);
        ASSERT_TRUE(timers.insert({due, 7, 9}));
        timers.check_invariants();
        ASSERT_LE(timers.next_expiry_ns(), at);
        ASSERT_TRUE(fire_all(timers, std::max(start, at - 1)).empty() || at - 1 < start);
        timers.check_invariants();
        const fired_entries fired = fire_all(timers, at);
        ASSERT_EQ(fired.size(), 1u) << start << " + " << delay;
        EXPECT_EQ(fired[0].due_ns, due);
        EXPECT_EQ(fired[0].slot, 7u);
        EXPECT_EQ(fired[0].version, 9u);
        EXPECT_EQ(timers.entries(), 0u);
        EXPECT_EQ(timers.next_expiry_ns(), UINT64_MAX);
      }
    }
  }
}

TEST(wheel, what_is_due_already_fires_in_the_next_step) {
  wheel timers(year, 10);
  ASSERT_TRUE(timers.insert({0, 1, 0}));
  ASSERT_TRUE(timers.insert({year, 2, 0}));
  EXPECT_LE(timers.next_expiry_ns(), year + 1'023);
  EXPECT_EQ(fire_all(timers, year + 1'023).size(), 2u);
  // Long after: the hand went with the clock, though nothing was there.
  EXPECT_TRUE(fire_all(timers, 3 * year).empty());
  ASSERT_TRUE(timers.insert({2 * year, 3, 0}));
  timers.check_invariants();
  EXPECT_EQ(fire_all(timers, 3 * year).size(), 1u);
  const std::uint64_t soon = ns_of_tick(tick_of_now(3 * year) + 1);
  ASSERT_TRUE(timers.insert({soon, 4, 0}));
  EXPECT_EQ(timers.next_expiry_ns(), soon) << "near, so nothing has to be moved first";
}

TEST(wheel, a_clock_that_steps_back_makes_nothing_early) {
  wheel timers(0, 10);
  EXPECT_TRUE(fire_all(timers, day).empty());
  ASSERT_TRUE(timers.insert({day - second, 1, 0}));
  ASSERT_TRUE(timers.insert({day + second, 2, 0}));
  EXPECT_TRUE(fire_all(timers, day - 2 * second).empty());
  timers.check_invariants();
  EXPECT_EQ(fire_all(timers, day + second - 1).size(), 1u);
  EXPECT_EQ(fire_all(timers, day + second + 1'024).size(), 1u);
}

TEST(wheel, the_end_of_time_is_waited_for) {
  // What is due in the last ticks fires with the last nanosecond; nothing overflows.
  wheel timers(UINT64_MAX - 10 * second, 100);
  const std::uint64_t dues[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 1'023, UINT64_MAX - 1'024};
  for (const std::uint64_t due : dues) ASSERT_TRUE(timers.insert({due, 0, 0}));
  ASSERT_TRUE(timers.insert({UINT64_MAX - 4'096, 1, 0}));
  timers.check_invariants();
  const fired_entries before = fire_all(timers, UINT64_MAX - 1);
  ASSERT_EQ(before.size(), 1u);
  EXPECT_EQ(before[0].slot, 1u);
  EXPECT_EQ(timers.next_expiry_ns(), UINT64_MAX);
  EXPECT_EQ(fire_all(timers, UINT64_MAX).size(), 4u);
  ASSERT_TRUE(timers.insert({UINT64_MAX, 0, 0}));
  timers.check_invariants();
  EXPECT_EQ(fire_all(timers, UINT64_MAX).size(), 1u);
  EXPECT_FALSE(timers.step(UINT64_MAX, 10, [](auto) { FAIL(); }));
  // From the other end: all of time lies between.
  wheel early(0, 10);
  ASSERT_TRUE(early.insert({UINT64_MAX, 0, 0}));
  EXPECT_TRUE(fire_all(early, UINT64_MAX - 1).empty());
  EXPECT_EQ(fire_all(early, UINT64_MAX).size(), 1u);
}

TEST(wheel, does_what_a_multimap_does) {
  test::random_source random(test::fresh_seed());
  for (int i = 0; i < 60 && !HasFailure(); ++i) {
    const test::wheel_run run = test::draw_run(random, 20'000);
    test::random_run(random, run, run.checks_invariants ? 20'000 : 100'000);
  }
}

TEST(wheel, a_leap_is_many_bounded_steps) {
  // 100,000 timers of an hour; the clock leaps by a day. No step does more than it may.
  test::random_source random(test::fresh_seed());
  test::wheel_oracle both(5 * year, 100'000);
  for (int i = 0; i < 100'000; ++i) both.insert(5 * year + test::below(random, 3'600 * second));
  int steps = 1;
  while (both.step(5 * year + day, 100)) ++steps;
  EXPECT_GE(steps, 1'000);
  EXPECT_EQ(both.live(), 0u);
  // Moving alone is bounded too: all of them in one bucket that has to come down.
  for (int i = 0; i < 100'000; ++i) both.insert(6 * year + test::below(random, second));
  int moving = 0;
  while (both.step(6 * year - 1, 100)) {
    ++moving;
    both.tested().check_invariants();
  }
  EXPECT_GE(moving, 100'000 / static_cast<int>(wheel::moved_max));
  EXPECT_EQ(both.live(), 100'000u);
  both.leap(6 * year + 2 * second, 1'000'000);  // the wheel is late by up to a tick
  EXPECT_EQ(both.live(), 0u);
}

TEST(wheel, each_step_at_the_next_expiry_is_progress) {
  // Driven by next_expiry_ns() alone, as an idle engine does it. A timer needs at most one visit a
  // level.
  test::random_source random(test::fresh_seed());
  test::wheel_oracle both(year + 77, 1'000);
  for (int i = 0; i < 1'000; ++i) {
    both.insert(test::later(year, test::random_delay_ns(random) >> 4));
  }
  int steps = 0;
  while (both.tested().entries() > 0) {
    ASSERT_LE(++steps, 1'000 * 9);
    const std::uint64_t at = both.tested().next_expiry_ns();
    both.step(std::max(at, both.now_ns()), 1'000);
    both.tested().check_invariants();
  }
  EXPECT_EQ(both.live(), 0u);
}

TEST(wheel, a_hundred_years_of_daily_and_yearly_timers) {
  // Each is set again from inside fire(), as repeating timers are. Virtual clock, in days.
  const std::uint64_t start = 3 * year + 1;
  wheel timers(start, 1'000);
  std::vector<std::uint32_t> fired(110);
  const auto period = [](std::uint32_t slot) { return slot < 100 ? day : year; };
  for (std::uint32_t slot = 0; slot < 110; ++slot) {
    ASSERT_TRUE(timers.insert({start + period(slot) + slot, slot, 0}));
  }
  for (std::uint64_t now = start; now <= start + 100 * year + second; now += day / 2) {
    while (timers.step(now, 50, [&](std::span<const timer_entry> due) {
      for (const timer_entry& one : due) {
        ASSERT_LE(one.due_ns, now);
        ASSERT_GT(one.due_ns + day, now);
        ++fired[one.slot];
        ASSERT_TRUE(timers.insert({one.due_ns + period(one.slot), one.slot, 0}));
      }
    })) {
    }
  }
  timers.check_invariants();
  for (std::uint32_t slot = 0; slot < 110; ++slot) {
    // The last of them lies a few nanoseconds and a tick after the last look.
    EXPECT_NEAR(fired[slot], slot < 100 ? 36'500 : 100, 1) << slot;
  }
  EXPECT_LT(timers.memory_bytes(), 5u << 20);
}

TEST(wheel, fire_may_insert) {
  // Each timer that fires sets two, due at once or soon, until there were enough.
  wheel timers(0, 100'000);
  test::random_source random(test::fresh_seed());
  std::uint32_t inserted = 0;
  std::uint32_t fired = 0;
  std::uint64_t now = 0;
  const auto insert = [&] {
    const std::uint64_t due = now + (random() >> (34 + test::below(random, 30)));
    ASSERT_TRUE(timers.insert({due, inserted++, 0}));
  };
  for (int i = 0; i < 10; ++i) insert();
  while (timers.entries() > 0) {
    now = std::max(now, timers.next_expiry_ns());
    timers.step(now, 1 + test::below(random, 500), [&](std::span<const timer_entry> due) {
      const fired_entries copy(due.begin(), due.end());
      for (std::size_t i = 0; i < due.size(); ++i) {
        ++fired;
        for (int j = 0; j < 2 && inserted < 50'000; ++j) insert();
        ASSERT_EQ(due[i].slot, copy[i].slot) << "insert() touched what fire() was given";
      }
    });
    if (test::one_in(random, 50)) timers.check_invariants();
  }
  EXPECT_EQ(fired, 50'000u);
}

TEST(wheel, a_mass_cancel_returns_its_memory_within_one_turn) {
  // 2 M timers, in one bucket or in many, of which one in a hundred stays.
  test::random_source random(test::fresh_seed());
  for (const std::uint64_t spread : {second / 1'000, 100 * second}) {
    const std::size_t before = test::resident_bytes();
    constexpr std::uint32_t count = 2'000'000;
    wheel timers(0, count);
    for (std::uint32_t i = 0; i < count; ++i) {
      ASSERT_TRUE(timers.insert({300 * second + test::below(random, spread), i, 0}));
    }
    EXPECT_LT(timers.memory_bytes(), count * 17u + (3u << 20));
    const auto keep_live = [](std::span<timer_entry> entries) {
      const auto gone = std::remove_if(entries.begin(), entries.end(),
                                       [](const timer_entry& one) { return one.slot % 100 != 0; });
      return static_cast<std::size_t>(gone - entries.begin());
    };
    std::size_t calls = 1;
    while (timers.compact(4'096, keep_live)) {
      ++calls;
      if (calls % 64 == 0) timers.check_invariants();
    }
    EXPECT_GE(calls, count / 4'200u) << "a call is bounded";
    EXPECT_LE(calls, count / 4'000u + 20);
    EXPECT_EQ(timers.entries(), count / 100u);
    EXPECT_LT(timers.memory_bytes(), 7u << 20);
    if (!test::sanitized) {
      EXPECT_LT(test::resident_bytes(), before + (10u << 20)) << "and the system has it";
    }
    EXPECT_FALSE(timers.is_sparse());
    timers.check_invariants();
    const fired_entries fired = fire_all(timers, 500 * second);
    EXPECT_EQ(fired.size(), count / 100u);
  }
}

TEST(wheel, a_turn_shows_each_entry_though_steps_come_between) {
  // Entries sink to lower levels while a turn runs; none may slip past it.
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 20; ++round) {
    constexpr std::uint32_t count = 20'000;
    wheel timers(year, count);
    for (std::uint32_t i = 0; i < count; ++i) {
      ASSERT_TRUE(timers.insert({year + (random() >> (24 + test::below(random, 30))), i, 0}));
    }
    std::vector<int> seen(count);
    std::uint64_t now = year;
    const auto show = [&](auto entries) {
      for (const timer_entry& one : entries) seen[one.slot] = 1;
      return entries.size();
    };
    while (timers.compact(1 + test::below(random, 500), show)) {
      if (test::one_in(random, 2)) now += random() >> (24 + test::below(random, 30));
      timers.step(now, 1 + test::below(random, 300), show);
      timers.check_invariants();
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), count);
  }
}

TEST(wheel, a_turn_shows_what_is_being_moved_too) {
  // A bucket that a step has begun to move to lower levels and not finished.
  constexpr std::uint32_t count = 20'000;
  wheel timers(0, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSERT_TRUE(timers.insert({(std::uint64_t{1} << 40) + 1'000 * i, i, 0}));
  }
  EXPECT_TRUE(timers.step(std::uint64_t{1} << 40, 10, [](auto) {}));
  timers.check_invariants();
  while (timers.compact(100, [](auto) { return std::size_t{0}; })) {
  }
  timers.check_invariants();
  EXPECT_EQ(timers.entries(), 0u);
  EXPECT_EQ(timers.chunks(), 0u);
}

TEST(wheel, is_empty_again_and_small_after_it_was_large) {
  const std::size_t before = test::resident_bytes();
  test::random_source random(test::fresh_seed());
  wheel timers(0, 3'000'000);
  for (int round = 0; round < 2; ++round) {
    const std::uint64_t now = static_cast<std::uint64_t>(round) * day;
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < 3'000'000; ++i) {
      ASSERT_TRUE(timers.insert({now + test::below(random, 60 * second), i, 0}));
      sum += i;
    }
    EXPECT_GT(timers.memory_bytes(), 45u << 20);
    while (timers.step(now + 61 * second, 1'024, [&](std::span<const timer_entry> due) {
      for (const timer_entry& one : due) sum -= one.slot;
    })) {
    }
    EXPECT_EQ(sum, 0u);
    EXPECT_EQ(timers.chunks(), 0u);
    EXPECT_LE(timers.memory_bytes(), 2u << 20);
    if (!test::sanitized) {
      EXPECT_LT(test::resident_bytes(), before + (10u << 20));
    }
  }
}

TEST(wheel, an_entry_without_room_is_refused_and_harms_nothing) {
  test::random_source random(test::fresh_seed());
  wheel timers(0, 5'000);
  for (std::uint32_t i = 0; i < 5'000; ++i) {
    ASSERT_TRUE(timers.insert({test::random_delay_ns(random), i, 0}));
  }
  EXPECT_FALSE(timers.insert({1, 0, 0}));
  EXPECT_FALSE(timers.insert({UINT64_MAX, 0, 0}));
  timers.check_invariants();
  EXPECT_EQ(timers.entries(), 5'000u);
  EXPECT_EQ(fire_all(timers, UINT64_MAX).size(), 5'000u);
  EXPECT_TRUE(timers.insert({1, 0, 0}));
  wheel impossible(0, std::size_t{1} << 60);
  EXPECT_FALSE(impossible.is_ready());
}

TEST(wheel, says_for_how_many_there_is_room) {
  wheel timers(0, 300'000);
  EXPECT_EQ(timers.make_room(200'000), 200'000u);
  for (std::uint32_t i = 0; i < 299'990; ++i) ASSERT_TRUE(timers.insert({i, i, 0}));
  EXPECT_EQ(timers.make_room(256), 10u);
  for (std::uint32_t i = 0; i < 10; ++i) ASSERT_TRUE(timers.insert({i, i, 0}));
  EXPECT_EQ(timers.make_room(256), 0u);
  timers.check_invariants();
}

TEST(wheel, goes_on_with_what_it_has_when_the_system_has_no_more) {
  // In a child whose data may grow by 20 MB more.
  const int code = test::exit_code_of_child([] {
    constexpr std::uint32_t many = 50'000'000;
    wheel timers(0, many);
    const rlim_t limit = data_bytes() + (20u << 20);
    const rlimit limits{limit, limit};
    if (setrlimit(RLIMIT_DATA, &limits) != 0) return 2;
    std::uint32_t count = 0;
    while (count < many && timers.insert({count % 1'000 * second, count, 0})) ++count;
    timers.check_invariants();
    if (count < 500'000 || count > 1'500'000) return 3;
    if (timers.insert({1, 0, 0})) return 4;
    std::uint64_t fired = 0;
    const auto fire = [&](std::span<const timer_entry> due) { fired += due.size(); };
    while (timers.step(500 * second, 1'000, fire)) {
    }
    if (!timers.insert({1, 0, 0})) return 5;  // there is room again
    while (timers.step(1'000 * second, 1'000, fire)) {
    }
    timers.check_invariants();
    return fired == count + 1 ? 0 : 6;
  });
  EXPECT_EQ(code, 0);
}

TEST(wheel, moving_never_runs_out_of_memory) {
  // As full as it may be, with the entries spread over as many buckets as there are.
  test::random_source random(test::fresh_seed());
  for (const std::uint32_t count : {1u, 64u, 577u, 100'000u}) {
    wheel timers(0, count);
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      ASSERT_TRUE(timers.insert({random() >> test::below(random, 64), i, 0}));
      sum += i;
    }
    for (const timer_entry& one : fire_all(timers, UINT64_MAX, 7)) sum -= one.slot;
    EXPECT_EQ(sum, 0u);
  }
}

}  // namespace
}  // namespace pawl
