// The decisions of a circuit breaker. Method: what a rule says, step by step; then random attempts against
// the same rule written down plainly.
#include "policy/breaker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
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
          if (failures > attempts || slows > attempts) continue;  // the window may have been larger
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

// Every word of a toy breaker.
template <class F>
void for_each_word(F f) {
  for (unsigned attempts = 0; attempts <= 5; ++attempts) {
    for (unsigned failures = 0; failures <= attempts; ++failures) {
      f(breaker_word{}.with(static_cast<std::uint16_t>(attempts),
                            static_cast<std::uint16_t>(failures), 0));
    }
  }
  for (const std::uint64_t until : {0u, 1u, 2u, 5u}) {
    f(breaker_word{}.open_until(until * second));
  }
  for (std::uint16_t out = 0; out <= 4; ++out) {
    for (std::uint16_t did_well = 0; did_well <= out; ++did_well) {
      f(breaker_word{}.enter(phase::half_open).with(out, did_well, 0));
    }
  }
}
std::vector<breaker_rule> toy_rules() {
  std::vector<breaker_rule> rules{{}, {.attempts_min = 1, .trials = 2}};
  for (std::uint16_t window = 1; window <= 4; ++window) {
    for (std::uint16_t trials = 1; trials <= 3; ++trials) {
      for (const duration open_for : {duration(1s), duration(3s)}) {
        rules.push_back(
            {.window = window, .attempts_min = 1, .open_for = open_for, .trials = trials});
      }
    }
  }
  return rules;
}

TEST(breaker, takes_on_a_new_rule_in_every_state) {
  constexpr std::uint64_t now = second;
  for (const breaker_rule& before : toy_rules()) {
    for (const breaker_rule& r : toy_rules()) {
      for_each_word([&](breaker_word w) {
        const breaker_word next = breaker_adopt(before, r, w, now);
        if (r == before) {
          ASSERT_EQ(next, w);
          return;
        }
        if (before.window == 0 || r.window == 0) {
          ASSERT_EQ(next, w.enter(phase::closed)) << "attempts from before are not heard of";
          return;
        }
        ASSERT_EQ(next.now(), w.now());
        switch (w.now()) {
          case phase::closed: {
            ASSERT_EQ(next, w) << "what it has counted stays";
            const breaker_word after_one = breaker_end(r, next, next.epoch(), well, now);
            if (after_one.now() == phase::closed) {
              ASSERT_LE(after_one.number(0), r.window);
            }
            break;
          }
          case phase::open: {
            const std::uint64_t latest = now + static_cast<std::uint64_t>(r.open_for.count());
            ASSERT_LE(next.until_ns(), std::max(now, w.until_ns()));
            ASSERT_LT(next.until_ns(), latest + unit);
            ASSERT_GE(next.until_ns(), std::min(w.until_ns(), latest));
            break;
          }
          case phase::half_open:
            ASSERT_NE(next.epoch(), w.epoch());
            ASSERT_EQ(breaker_ready(r, next, now, 9), r.trials) << "they begin anew";
            break;
        }
      });
    }
  }
}

TEST(breaker, a_rule_without_a_window_hears_nothing) {
  const breaker_rule none;
  for_each_word([&](breaker_word w) {
    for (const breaker_facts& f : {well, failed, slow, nothing}) {
      ASSERT_EQ(breaker_end(none, w, w.epoch(), f, second), w);
    }
    ASSERT_EQ(breaker_end_well(none, w, w.epoch(), 7, second), w);
    ASSERT_EQ(breaker_state_of(none, w, second), breaker_state::none);
    ASSERT_EQ(breaker_kept_until(none, w, second), 0u);
  });
}

TEST(breaker, says_its_state) {
  const breaker_rule r{.window = 1, .attempts_min = 1, .open_for = 2s};
  EXPECT_EQ(breaker_state_of(r, {}, second), breaker_state::closed);
  const breaker_word open = after(r, {}, failed, 1);
  EXPECT_EQ(breaker_state_of(r, open, second), breaker_state::open);
  EXPECT_EQ(breaker_state_of(r, open, open.until_ns()), breaker_state::half_open);
  EXPECT_EQ(breaker_state_of(r, breaker_start(open), open.until_ns()), breaker_state::half_open);
}

TEST(breaker, is_worth_keeping_for_a_while_if_it_knows_of_a_failure) {
  const breaker_rule r{.window = 4, .attempts_min = 4, .slow_percent = 100, .open_for = 2s};
  constexpr std::uint64_t told = 5 * second;
  EXPECT_EQ(breaker_kept_until(r, {}, told), 0u);
  EXPECT_EQ(breaker_kept_until(r, after(r, {}, well, 3), told), 0u);
  EXPECT_EQ(breaker_kept_until(r, after(r, {}, failed, 1), told), told + 2 * second);
  EXPECT_EQ(breaker_kept_until(r, after(r, {}, slow, 1), told), told + 2 * second);
  EXPECT_EQ(breaker_kept_until(r, after(r, after(r, {}, failed, 1), well, 9), told), 0u)
      << "it has faded";
  const breaker_word open = after(r, {}, failed, 4, told);
  EXPECT_EQ(breaker_kept_until(r, open, told), open.until_ns() + 2 * second);
  EXPECT_EQ(breaker_kept_until(r, breaker_start(open), told), told + 2 * second);
}

// Whatever the order of starts, ends and new rules: when its time has come and no trial is out that it hears
// of, it lets one through.
TEST(breaker, never_waits_for_what_does_not_come) {
  test::random_source random(test::fresh_seed());
  const std::vector<breaker_rule> rules = toy_rules();
  const auto any_rule = [&] { return rules[test::below<std::size_t>(random, rules.size())]; };
  for (int round = 0; round < 500; ++round) {
    breaker_rule r = any_rule();
    breaker_word w;
    std::vector<std::uint16_t> out;  // epochs
    std::uint64_t now = second;
    for (int step = 0; step < 300; ++step) {
      now += test::below(random, second);
      switch (test::below<int>(random, 5)) {
        case 0: {
          const breaker_rule next = any_rule();
          w = breaker_adopt(r, next, w, now);
          r = next;
          break;
        }
        case 1:
        case 2:
          if (breaker_ready(r, w, now, 1) == 0) break;
          w = breaker_start(w);
          out.push_back(w.epoch());
          break;
        default: {
          if (out.empty()) break;
          const std::size_t i = test::below<std::size_t>(random, out.size());
          const breaker_facts f[] = {well, failed, slow, nothing};
          w = breaker_end(r, w, out[i], f[test::below<std::size_t>(random, 4)], now);
          out.erase(out.begin() + static_cast<std::ptrdiff_t>(i));
        }
      }
      const auto heard = std::count(out.begin(), out.end(), w.epoch());
      if (w.now() == phase::half_open) {
        ASSERT_EQ(w.number(0) - w.number(1), heard);
        ASSERT_LE(w.number(0), r.trials);
      }
      if (heard == 0 || w.now() == phase::open) {
        ASSERT_NE(breaker_ready(r, w, std::max(now, breaker_ask_at(w, now)), 1), 0u)
            << "round " << round << ", step " << step;
      }
    }
  }
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
