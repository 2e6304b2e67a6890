// The decisions of a circuit breaker. Method: what a rule says, step by step; then random attempts against
// the same rule written down plainly.
#include "policy/breaker.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/seed.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using phase = breaker_word::phase;

constexpr breaker_facts well{.counts = true};
constexpr breaker_facts failed{.counts = true, .failed = true};
constexpr breaker_facts slow{.counts = true, .slow = true};
constexpr breaker_facts nothing{};

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t unit = 65'536;  // what `until` is rounded up to

breaker_word after(const breaker_rule& r, breaker_word w, const breaker_facts& f, int times,
                   std::uint64_t now_ns = second) {
  for (int i = 0; i < times; ++i) w = breaker_end(r, w, w.epoch(), f, now_ns);
  return w;
}

TEST(breaker, says_nothing_of_few_attempts) {
  const breaker_rule r{.window = 100, .attempts_min = 10, .failed_percent = 50};
  const breaker_word nine = after(r, {}, failed, 9);
  EXPECT_EQ(nine.now(), phase::closed);
  EXPECT_EQ(after(r, nine, failed, 1).now(), phase::open);
  EXPECT_EQ(after(r, nine, well, 1).now(), phase::open) << "nine of ten have failed all the same";
}

TEST(breaker, opens_at_its_share_of_failures) {
  const breaker_rule r{.window = 1'000, .attempts_min = 1, .failed_percent = 25};
  const breaker_word w = after(r, after(r, {}, well, 76), failed, 25);
  EXPECT_EQ(w.now(), phase::closed);
  EXPECT_EQ(after(r, w, failed, 1).now(), phase::open);
}

TEST(breaker, opens_at_its_share_of_slow_attempts) {
  const breaker_rule r{.window = 100, .attempts_min = 4, .failed_percent = 100, .slow_percent = 75};
  const breaker_word w = after(r, after(r, {}, well, 2), slow, 5);
  EXPECT_EQ(w.now(), phase::closed);
  EXPECT_EQ(after(r, w, slow, 1).now(), phase::open);
}

TEST(breaker, forgets_what_is_old) {
  const breaker_rule r{.window = 20, .attempts_min = 20, .failed_percent = 50};
  breaker_word w = after(r, after(r, {}, failed, 9), well, 200);
  EXPECT_LE(w.number(0), 20);
  EXPECT_EQ(w.number(1), 0);
  w = after(r, w, failed, 20);
  EXPECT_EQ(w.now(), phase::open) << "two hundred good ones weigh no more than a window";
}

TEST(breaker, is_open_for_its_time_and_lets_trials_through_then) {
  const breaker_rule r{.window = 1, .attempts_min = 1, .open_for = 2s, .trials = 2};
  const breaker_word open = after(r, {}, failed, 1);
  ASSERT_EQ(open.now(), phase::open);
  const std::uint64_t until = breaker_ask_at(open, second);
  EXPECT_GE(until, 3 * second);
  EXPECT_LT(until, 3 * second + unit);
  EXPECT_EQ(breaker_ready(r, open, until - 1, 9), 0u);
  EXPECT_EQ(breaker_ready(r, open, until, 9), 2u);
  EXPECT_EQ(breaker_ask_at(open, until), 0u);

  const breaker_word one_out = breaker_start(open);
  EXPECT_EQ(one_out.now(), phase::half_open);
  EXPECT_EQ(breaker_ready(r, one_out, until, 9), 1u);
  const breaker_word two_out = breaker_start(one_out);
  EXPECT_EQ(two_out.epoch(), one_out.epoch());
  EXPECT_EQ(breaker_ready(r, two_out, until, 9), 0u);
  EXPECT_EQ(breaker_ask_at(two_out, until), 0u) << "something happens, or nothing";

  const breaker_word one_well = after(r, two_out, well, 1, until);
  EXPECT_EQ(one_well.now(), phase::half_open);
  EXPECT_EQ(breaker_ready(r, one_well, until, 9), 0u) << "one that did well is not made again";
  EXPECT_EQ(after(r, one_well, well, 1, until).now(), phase::closed);
  EXPECT_EQ(after(r, one_well, failed, 1, until).now(), phase::open);
  EXPECT_EQ(after(r, one_well, slow, 1, until).now(), phase::open);
  EXPECT_EQ(breaker_ready(r, after(r, one_well, nothing, 1, until), until, 9), 1u);
}

TEST(breaker, hears_nothing_of_attempts_from_before) {
  const breaker_rule r{.window = 1, .attempts_min = 1, .open_for = 1s, .trials = 1};
  const breaker_word closed{};
  const breaker_word open = after(r, closed, failed, 1);
  EXPECT_EQ(breaker_end(r, open, closed.epoch(), failed, 9 * second), open) << "not for longer";
  const breaker_word half = breaker_start(open);
  EXPECT_EQ(breaker_end(r, half, closed.epoch(), well, 9 * second), half);
  EXPECT_EQ(breaker_end(r, half, closed.epoch(), failed, 9 * second), half);
  const breaker_word again = after(r, half, well, 1);
  EXPECT_EQ(again.now(), phase::closed);
  EXPECT_EQ(breaker_end(r, again, half.epoch(), failed, 9 * second), again);
}

TEST(breaker, counts_its_epochs_round) {
  const breaker_rule r{.window = 1, .attempts_min = 1, .open_for = 1s, .trials = 1};
  breaker_word w;
  std::uint64_t now = second;
  for (int i = 0; i < 20'000; ++i) {
    w = breaker_end(r, w, w.epoch(), failed, now);
    ASSERT_EQ(w.now(), phase::open);
    now = w.until_ns();
    w = breaker_start(w);
    w = breaker_end(r, w, w.epoch(), well, now);
    ASSERT_EQ(w.now(), phase::closed);
    ASSERT_EQ(w.number(0), 0);
  }
}

TEST(breaker, many_good_ends_are_as_many_single_ones) {
  // Every window up to 7 with everything that may have been counted in it, and every number of ends.
  for (unsigned window = 1; window <= 7; ++window) {
    for (unsigned least = 1; least <= window; ++least) {
      for (const unsigned percent : {1u, 20u, 33u, 50u, 51u, 100u}) {
        breaker_rule r{.window = static_cast<std::uint16_t>(window),
                       .attempts_min = static_cast<std::uint16_t>(least),
                       .failed_percent = static_cast<std::uint8_t>(percent),
                       .slow_percent = 40,
                       .open_for = 1s};
        for (unsigned counted = 0; counted < 256; ++counted) {
          const auto attempts = static_cast<std::uint16_t>(counted & 7);
          const auto failures = static_cast<std::uint16_t>((counted >> 3) & 7);
          const auto slows = static_cast<std::uint16_t>(counted >> 6);
          if (attempts > window || failures > attempts || slows > attempts) continue;
          const breaker_word w = breaker_word{}.with(attempts, failures, slows);
          breaker_word one_by_one = w;
          for (std::uint32_t count = 0; count <= 20; ++count) {
            ASSERT_EQ(breaker_end_well(r, w, w.epoch(), count, second), one_by_one)
                << "window " << window << ", at least " << least << ", " << percent
                << " %, counted " << counted << ", ends " << count;
            one_by_one = breaker_end(r, one_by_one, w.epoch(), well, second);
          }
        }
      }
    }
  }
}

TEST(breaker, good_ends_of_another_epoch_or_phase_do_not_count) {
  const breaker_rule r{.window = 1, .attempts_min = 1, .open_for = 1s, .trials = 1};
  const breaker_word open = after(r, {}, failed, 1);
  const breaker_word half = breaker_start(open);
  const breaker_word again = after(r, half, well, 1);
  for (const breaker_word w : {open, half, again}) {
    EXPECT_EQ(breaker_end_well(r, w, 0, 3, second), w);
  }
  EXPECT_EQ(breaker_end_well(r, half, half.epoch(), 3, second), half)
      << "trials are told of singly";
}

// The same in plain numbers, without packing.
struct plain_breaker {
  breaker_rule r;
  phase now = phase::closed;
  unsigned attempts = 0, failures = 0, slows = 0, out = 0, did_well = 0;

  void end(const breaker_facts& f) {
    if (now == phase::half_open) {
      if (!f.counts) --out;
      if (f.counts && (f.failed || f.slow)) now = phase::open;
      if (f.counts && !f.failed && !f.slow && ++did_well == r.trials) close();
      return;
    }
    if (!f.counts) return;
    if (attempts >= r.window) {
      attempts /= 2;
      failures /= 2;
      slows /= 2;
    }
    ++attempts;
    failures += f.failed;
    slows += f.slow;
    const bool many = attempts >= r.attempts_min;
    if (many && 100 * failures >= r.failed_percent * attempts) now = phase::open;
    if (many && 100 * slows >= r.slow_percent * attempts) now = phase::open;
  }
  void close() {
    now = phase::closed;
    attempts = failures = slows = 0;
  }
  void begin() {
    if (now == phase::open) {
      now = phase::half_open;
      out = did_well = 0;
    }
    ++out;
  }
};

TEST(breaker, does_what_the_plain_one_does) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 300; ++round) {
    breaker_rule r;
    r.window = static_cast<std::uint16_t>(1 + test::below<unsigned>(random, 50));
    r.attempts_min = static_cast<std::uint16_t>(1 + test::below<unsigned>(random, r.window));
    r.failed_percent = static_cast<std::uint8_t>(1 + test::below<unsigned>(random, 100));
    r.slow_percent = static_cast<std::uint8_t>(1 + test::below<unsigned>(random, 100));
    r.trials = static_cast<std::uint16_t>(1 + test::below<unsigned>(random, 5));
    r.open_for = 1ms;
    plain_breaker model{r};
    breaker_word w;
    std::uint64_t now = second;
    unsigned out = 0;  // trials that have not ended
    const unsigned fails = 1 + test::below<unsigned>(random, 10);
    for (int step = 0; step < 2'000; ++step) {
      now += 2'000'000;
      const bool starts = w.now() == phase::open ||
                          (w.now() == phase::half_open && breaker_ready(r, w, now, 1) != 0 &&
                           (out == 0 || test::one_in(random, 2)));
      if (starts) {
        if (w.now() == phase::open) out = 0;
        ++out;
        model.begin();
        w = breaker_start(w);
      } else {
        const breaker_facts f{.counts = !test::one_in(random, 5),
                              .failed = test::one_in(random, fails),
                              .slow = test::one_in(random, 10)};
        if (w.now() == phase::half_open) --out;
        model.end(f);
        w = breaker_end(r, w, w.epoch(), f, now);
      }
      ASSERT_EQ(w.now(), model.now) << "round " << round << ", step " << step;
      if (w.now() == phase::half_open) {
        ASSERT_EQ(w.number(0), model.out);
      } else if (w.now() == phase::closed) {
        ASSERT_EQ(w.number(1), model.failures);
      }
    }
  }
}

}  // namespace
}  // namespace pawl
