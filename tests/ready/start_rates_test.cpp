// Starts that threads take ahead of the rates. Method: many threads' worth of held_starts under a clock of
// the test's own, at random: jobs of several scopes, starts that do not happen, changes of the rates. Each
// start that happens is counted by a rate that counts one start at a time when it happens: it must never
// be one that this rate would refuse. (That rate refuses exactly what would make too many for some span:
// tests/policy/gcra_test.cpp.)
#include "ready/start_rates.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr rate_limit far{1'000'000'000, std::chrono::seconds(1), 1'000'000};

// A rate as it should be.
struct watched_rate {
  permits of;
  gcra_rate rate;
  std::uint64_t arrival_ns = 0;

  void set(const rate_limit& r, std::uint64_t now_ns) {
    of.set({.rate = r}, now_ns);
    rate = gcra_of(r);
    arrival_ns = gcra_adopt(rate, arrival_ns, now_ns);
  }
  void start(std::uint64_t now_ns) {
    const gcra_answer a = gcra_take(rate, arrival_ns, now_ns);
    ASSERT_EQ(a.ask_at_ns, 0u) << "a start too many: interval " << rate.interval_ns
                               << ", tolerance " << rate.tolerance_ns << ", "
                               << a.ask_at_ns - now_ns << " ns too early";
    arrival_ns = a.arrival_ns;
  }
};

class start_rates_test : public ::testing::Test {
 protected:
  static constexpr unsigned threads = 12;

  static start_rates rates_of(watched_rate& kind, watched_rate& queue, watched_rate& all) {
    return {kind.of, nullptr, queue.of, all.of};
  }
  rate_limit any_rate() {
    if (test::one_in(random_, 8)) return {};
    // From bursts of 1 to some of which much is taken ahead; half of them of rates that are far enough away.
    rate_limit r{1u << test::below<unsigned>(random_, 30), std::chrono::seconds(1),
                 1u << test::below<unsigned>(random_, 21)};
    if (test::one_in(random_, 2)) {
      r.starts = 100'000u << test::below<unsigned>(random_, 13);
      r.burst = static_cast<std::uint32_t>(r.starts * 8.0 * held_starts::span_ns / second) + 1;
    }
    r.burst += test::below<std::uint32_t>(random_, r.burst);
    return r;
  }

  test::random_source random_{test::fresh_seed()};
};

TEST_F(start_rates_test, no_start_is_one_too_many_whenever_it_happens) {
  std::uint64_t started = 0;
  std::uint64_t from_held = 0;
  std::uint64_t refused = 0;
  for (int round = 0; round < test::scaled(400) && !HasFatalFailure(); ++round) {
    std::uint64_t now = second;
    std::uint64_t changes = 0;
    watched_rate all;
    std::array<watched_rate, 2> queues;
    std::array<watched_rate, 2> kinds;
    const std::array<watched_rate*, 5> rates{&all, &queues[0], &queues[1], &kinds[0], &kinds[1]};
    for (watched_rate* const r : rates) r->set(any_rate(), now);
    std::array<held_starts, threads> held;
    std::array<std::uint64_t, threads> scopes{};
    std::array<bool, threads> gives_up{};  // a start that is counted and will not happen
    // Of this round: how long starts are apart, how often scopes change, how often a start does not happen.
    const std::uint64_t apart = 1 + (1ull << test::below<unsigned>(random_, 15));
    const unsigned stay = 1 + test::below<unsigned>(random_, 200);
    const unsigned threads_now = 1 + test::below<unsigned>(random_, threads);
    int rush = 0;  // so many more in the same moment
    for (int i = 0; i < 4'000 && !HasFatalFailure(); ++i) {
      if (test::one_in(random_, 1'000)) rush = 1'000;
      if (rush-- <= 0) now += test::below<std::uint64_t>(random_, apart);
      if (rush <= 0 && test::one_in(random_, 300))
        now += test::below<std::uint64_t>(random_, 200'000);
      if (test::one_in(random_, 2'000)) {
        rates[test::below<std::size_t>(random_, rates.size())]->set(any_rate(), now);
        ++changes;
      }
      const auto t = test::below<unsigned>(random_, threads_now);
      if (gives_up[t]) {
        held[t].take_back();
        gives_up[t] = false;
      }
      if (test::one_in(random_, stay)) scopes[t] = test::below<std::uint64_t>(random_, 4);
      watched_rate& queue = queues[scopes[t] & 1];
      watched_rate& kind = kinds[scopes[t] >> 1];
      const start_rates of = rates_of(kind, queue, all);
      if (!of.has_any()) continue;
      const bool had_one = held[t].use(scopes[t], changes, now);
      if (!had_one && held[t].take(of, scopes[t], changes, now) != nullptr) {
        ++refused;
        continue;
      }
      if (test::one_in(random_, 10)) {
        gives_up[t] = true;  // later: others come in between
        continue;
      }
      ++started;
      from_held += had_one;
      kind.start(now);
      queue.start(now);
      all.start(now);
    }
  }
  // Or the test has not tested it.
  EXPECT_GT(from_held, started / 20);
  EXPECT_GT(refused, started / 100);
}

TEST_F(start_rates_test, most_starts_of_rates_that_are_far_away_are_held_ones) {
  watched_rate kind, queue, all;
  for (watched_rate* const r : {&kind, &queue, &all}) r->set(far, second);
  held_starts held;
  std::uint64_t now = second;
  unsigned taken = 0;
  for (int i = 0; i < 10'000; ++i, now += 70) {
    if (held.use(1, 0, now)) continue;
    ++taken;
    ASSERT_EQ(held.take(rates_of(kind, queue, all), 1, 0, now), nullptr);
  }
  EXPECT_LE(taken, 10'000u / 200 + 8);
}

TEST_F(start_rates_test, who_takes_turns_between_scopes_takes_nothing_ahead) {
  watched_rate kind, queue, all;
  for (watched_rate* const r : {&kind, &queue, &all}) r->set(far, second);
  held_starts held;
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_FALSE(held.use(i % 2, 0, second));
    ASSERT_EQ(held.take(rates_of(kind, queue, all), i % 2, 0, second), nullptr);
    EXPECT_FALSE(held.has_any());
  }
}

TEST_F(start_rates_test, what_is_taken_ahead_leaves_three_quarters_of_the_burst) {
  // Threads that take as much as they can and use little; then all that is left at once.
  for (const std::uint32_t burst : {1u, 2u, 100u, 10'000u, 300'000u, 1'000'000u}) {
    watched_rate kind, none, also_none;
    kind.set({1'000'000'000, std::chrono::seconds(1), burst}, second);
    const start_rates of = rates_of(kind, none, also_none);
    std::vector<held_starts> held(500);
    std::uint64_t now = second;
    std::uint64_t used = 0;
    for (std::uint64_t i = 0; i < 9; ++i) {
      for (held_starts& h : held) {
        if (i > 0 && burst < 10'000) break;
        while (h.use(1, 0, now)) ++used;
        if (h.take(of, 1, 0, now) == nullptr) ++used;
      }
    }
    now += held_starts::span_ns;
    const std::uint64_t left = kind.of.starts_ready(now, UINT64_MAX);
    EXPECT_GE(left + used + held_starts::span_ns, burst - burst / 4) << burst;
    EXPECT_LE(left, burst);
  }
}

TEST_F(start_rates_test, a_start_of_several_rates_is_of_all_or_of_none) {
  watched_rate kind, queue, all;
  kind.set(far, second);
  queue.set({10, std::chrono::seconds(1), 5}, second);
  all.set({10, std::chrono::seconds(1), 3}, second);
  held_starts held;
  const start_rates of = rates_of(kind, queue, all);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(held.take(of, 1, 0, second), nullptr);
  EXPECT_EQ(held.take(of, 1, 0, second), &all.of);
  EXPECT_EQ(queue.of.starts_ready(second, 10), 2u) << "the queue has counted what did not start";
  EXPECT_EQ(held.take(of, 1, 0, second + second / 10), nullptr);
}

}  // namespace
}  // namespace pawl
