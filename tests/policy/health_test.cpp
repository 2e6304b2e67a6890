// When something is wrong. Method: every sequence of looks of some length, against a plain account that
// keeps them all and works each answer out anew.
#include "policy/health.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <vector>

#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

struct look {
  std::optional<double> value;
  std::uint64_t at_ns = 0;
};

// From all looks: a condition changes with the first look from which on every look so far has wanted the
// change, if the first of these was long enough ago.
struct verdict {
  bool is_raised = false;
  std::uint64_t raised_ns = 0;
};
verdict judge(const alarm_rule& rule, const std::vector<look>& looks) {
  verdict v;
  std::size_t first = 0;  // that counts for the next change
  for (std::size_t now = 0; now < looks.size(); ++now) {
    if (!looks[now].value) {
      v = {};
      first = now + 1;
      continue;
    }
    std::size_t begin = now + 1;  // of the looks up to now that all want it
    while (begin > first) {
      const double value = *looks[begin - 1].value;
      if (v.is_raised ? value >= rule.clear : value < rule.raise) break;
      --begin;
    }
    if (begin > now) continue;
    const auto wanted =
        static_cast<std::uint64_t>((v.is_raised ? rule.clear_after : rule.raise_after).count());
    if (looks[now].at_ns - looks[begin].at_ns < wanted) continue;
    v = v.is_raised ? verdict{} : verdict{true, looks[begin].at_ns};
    first = now + 1;
  }
  return v;
}

// 5 values, 3 spans between looks, 5 looks: 759,375 sequences for each of the rules.
TEST(health_policy, alarms_follow_their_rule_in_every_sequence) {
  const std::array<std::optional<double>, 5> values{std::nullopt, 0.0, 5.0, 7.5, 10.0};
  const std::array<std::uint64_t, 3> spans{0, second_ns, 3 * second_ns};
  const auto s = [](int n) { return std::chrono::seconds(n); };
  const std::array<alarm_rule, 5> rules{
      alarm_rule{10, 5, s(0), s(0)}, alarm_rule{10, 5, s(2), s(0)}, alarm_rule{10, 5, s(0), s(3)},
      alarm_rule{7.5, 7.5, s(2), s(2)}, alarm_rule{11, 0, s(0), s(0)}};
  constexpr int length = 5;
  std::uint64_t sequences = 1;
  for (int i = 0; i < length; ++i) sequences *= values.size() * spans.size();
  std::uint64_t raised = 0;
  const std::uint64_t step = test::sanitized ? 13 : 1;
  for (const alarm_rule& rule : rules) {
    for (std::uint64_t number = 0; number < sequences; number += step) {
      std::uint64_t left = number;
      std::uint64_t now = 100 * second_ns;
      std::vector<look> looks;
      alarm_state state;
      for (int i = 0; i < length; ++i) {
        now += spans[left % spans.size()];
        left /= spans.size();
        const std::optional<double> value = values[left % values.size()];
        left /= values.size();
        looks.push_back({value, now});
        state = step_alarm(rule, state, value, now);
      }
      const verdict v = judge(rule, looks);
      ASSERT_EQ(state.is_raised, v.is_raised) << number;
      if (v.is_raised) {
        ASSERT_EQ(state.raised_ns, v.raised_ns) << number;
      }
      raised += v.is_raised ? 1 : 0;
    }
  }
  EXPECT_GT(raised, sequences / 10 / step);
}

TEST(health_policy, a_value_that_wavers_between_the_thresholds_changes_nothing) {
  const alarm_rule rule{10, 5, {}, {}};
  alarm_state s = step_alarm(rule, {}, 9.0, 1);
  EXPECT_FALSE(s.is_raised);
  s = step_alarm(rule, s, 10.0, 2);
  for (std::uint64_t now = 3; now < 100; ++now) {
    s = step_alarm(rule, s, now % 2 == 0 ? 5.0 : 9.9, now);
    EXPECT_TRUE(s.is_raised);
    EXPECT_EQ(s.raised_ns, 2u);
  }
  EXPECT_EQ(step_alarm(rule, s, 4.9, 100), alarm_state{});
}

TEST(health_policy, every_issue_has_a_name_a_severity_and_a_rule_of_its_own) {
  const health_rules rules;
  std::set<std::string_view> names;
  std::set<const alarm_rule*> of;
  for (std::size_t i = 0; i < issue_count; ++i) {
    const auto what = static_cast<issue>(i);
    names.insert(name(what));
    of.insert(&rule_of(rules, what));
    const bool is_error = what == issue::queue_full || what == issue::scheduler_full ||
                          what == issue::stalled || what == issue::threads_stuck ||
                          what == issue::log_stopped || what == issue::without_handler;
    EXPECT_EQ(severity_of(what) == severity::error, is_error) << name(what);
    EXPECT_EQ(severity_of(what) == severity::info, what == issue::paused_long) << name(what);
  }
  EXPECT_EQ(names.size(), issue_count);
  EXPECT_EQ(names.count("?"), 0u);
  EXPECT_EQ(of.size(), issue_count);
  EXPECT_EQ(status_of(severity::info), health_status::ok);
  EXPECT_EQ(status_of(severity::warning), health_status::degraded);
  EXPECT_EQ(status_of(severity::error), health_status::unhealthy);
}

TEST(health_policy, rules_that_cannot_be_followed_are_refused) {
  EXPECT_TRUE(check_rules({}));
  for (std::size_t i = 0; i < issue_count; ++i) {
    health_rules rules;
    auto& rule = const_cast<alarm_rule&>(rule_of(rules, static_cast<issue>(i)));
    const alarm_rule good = rule;
    rule.clear = rule.raise + 0.01;
    EXPECT_FALSE(check_rules(rules));
    rule = good;
    rule.raise_after = duration(-1);
    EXPECT_FALSE(check_rules(rules));
    rule = good;
    rule.clear_after = std::chrono::hours(24 * 366);
    EXPECT_FALSE(check_rules(rules));
    rule = good;
    rule.raise = std::numeric_limits<double>::quiet_NaN();
    EXPECT_FALSE(check_rules(rules));
    rule = good;
    EXPECT_TRUE(check_rules(rules));
  }
}

// Three looks at a queue, each in any of 64 states, against all three of them.
TEST(health_policy, what_a_queue_waits_for_follows_from_its_looks) {
  const auto sight_of = [](unsigned bits) {
    queue_sight s;
    s.has_ready = (bits & 1) != 0;
    s.is_closed = (bits & 2) != 0;
    s.has_limit = (bits & 4) != 0;
    s.is_paused = (bits & 8) != 0;
    s.oldest_ready_ns = (bits & 16) != 0 ? 77 * second_ns : 0;
    return s;
  };
  const auto at = [](issue i) { return static_cast<std::size_t>(i); };
  constexpr unsigned states = 64;
  for (unsigned number = 0; number < states * states * states; ++number) {
    const std::array<unsigned, 3> bits{number % states, number / states % states,
                                       number / states / states};
    queue_memory memory;
    std::uint64_t started = 0;
    std::uint64_t still_since = 0;
    std::uint64_t paused_since = 0;
    bool was_still = false;
    bool was_paused = false;
    for (unsigned i = 0; i < bits.size(); ++i) {
      const std::uint64_t now = (10 + i) * second_ns;
      const bool has_started = (bits[i] & 32) != 0;
      queue_sight s = sight_of(bits[i]);
      started += has_started ? 1 : 0;
      s.started = started;
      const bool may_start = s.has_ready && !s.is_closed;
      if (may_start && (!was_still || has_started)) still_since = now;
      if (s.is_paused && !was_paused) paused_since = now;
      was_still = may_start;
      was_paused = s.is_paused;
      const queue_values v = look_at_queue(memory, s, now);
      ASSERT_EQ(v[at(issue::stalled)].has_value(), may_start);
      ASSERT_EQ(v[at(issue::waiting_long)].has_value(), may_start && !s.has_limit);
      ASSERT_EQ(v[at(issue::paused_long)].has_value(), s.is_paused);
      const double still = seconds_of(now - still_since);
      if (may_start) {
        ASSERT_DOUBLE_EQ(*v[at(issue::stalled)], still);
      }
      if (may_start && !s.has_limit) {
        ASSERT_DOUBLE_EQ(*v[at(issue::waiting_long)], s.oldest_ready_ns != 0 ? 77.0 : still);
      }
      if (s.is_paused) {
        ASSERT_DOUBLE_EQ(*v[at(issue::paused_long)], seconds_of(now - paused_since));
      }
    }
  }
}

TEST(health_policy, fullness_is_a_part_of_the_bound) {
  queue_memory memory;
  const auto full = static_cast<std::size_t>(issue::queue_full);
  const auto nearly = static_cast<std::size_t>(issue::queue_nearly_full);
  for (std::uint64_t jobs = 0; jobs <= 10; ++jobs) {
    queue_sight s;
    s.jobs = jobs;
    s.jobs_max = 10;
    const queue_values v = look_at_queue(memory, s, 1);
    EXPECT_DOUBLE_EQ(*v[full], static_cast<double>(jobs) / 10);
    EXPECT_DOUBLE_EQ(*v[nearly], static_cast<double>(jobs) / 10);
    // With a bound in bytes the larger part counts.
    s.bytes_max = 8;
    for (s.bytes = 0; s.bytes <= 9; ++s.bytes) {
      const double part =
          std::max(static_cast<double>(jobs) / 10, static_cast<double>(s.bytes) / 8);
      const queue_values with_bytes = look_at_queue(memory, s, 1);
      EXPECT_DOUBLE_EQ(*with_bytes[full], part);
      EXPECT_DOUBLE_EQ(*with_bytes[nearly], part);
      const scheduler_values all = look_at_scheduler(
          {.jobs = jobs, .jobs_max = 10, .bytes = s.bytes, .bytes_max = s.bytes_max});
      EXPECT_EQ(all[0], part);
      EXPECT_EQ(all[1], part);
    }
  }
  const scheduler_values v = look_at_scheduler({.jobs = 1,
                                                .jobs_max = 2,
                                                .overruns = 3,
                                                .timers_late_ns = 2 * second_ns,
                                                .dead = 0,
                                                .dead_max = 0,
                                                .payload_bytes = 3,
                                                .payload_bytes_max = 4,
                                                .breakers_open = 6,
                                                .memory_bytes = 1,
                                                .memory_bytes_max = 8});
  EXPECT_EQ(v[0], 0.5);
  EXPECT_EQ(v[1], 0.5);
  EXPECT_EQ(v[2], 3.0);
  EXPECT_EQ(v[3], 2.0);
  EXPECT_EQ(v[4], std::nullopt);  // no dead letters are kept at all
  EXPECT_EQ(v[5], 0.75);
  EXPECT_EQ(v[7], 6.0);
  EXPECT_EQ(v[8], 0.125);
  EXPECT_EQ(look_at_scheduler({.memory_bytes = 1})[8], std::nullopt);  // no budget
}

// Looks at random times, against a list of all of them: the part is of what ended since a look that was
// made one to two windows ago, or the last one before if there was none in that time.
TEST(health_policy, the_failed_part_is_of_the_last_one_to_two_windows) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < test::scaled(300); ++round) {
    failure_window w;
    const std::uint64_t gap_max = second_ns * (1 + test::below(random, 100));
    std::uint64_t now = 1000 * second_ns;
    attempt_counts seen;
    std::vector<std::pair<std::uint64_t, attempt_counts>> begins{{0, {}}, {0, {}}};  // of windows
    for (int i = 0; i < 200; ++i) {
      now += test::below(random, gap_max);
      seen.good += test::below(random, 20);
      seen.failed += test::below(random, 10);
      const attempt_counts base = begins[begins.size() - 2].second;
      const std::uint64_t failed = seen.failed - base.failed;
      const std::uint64_t all = failed + seen.good - base.good;
      const std::optional<double> part = failed_part(w, seen, now);
      ASSERT_EQ(part.has_value(), all >= failure_attempts_min);
      if (part) {
        ASSERT_DOUBLE_EQ(*part, static_cast<double>(failed) / static_cast<double>(all));
      }
      if (now - begins.back().first >= failure_window_ns) begins.emplace_back(now, seen);
    }
    // What began two windows ago is not older than that and the gaps between looks.
    for (std::size_t i = 3; i < begins.size(); ++i) {
      ASSERT_LE(begins[i].first - begins[i - 1].first, failure_window_ns + gap_max);
    }
  }
}

TEST(health_policy, failures_of_long_ago_are_forgotten) {
  failure_window w;
  std::uint64_t now = 1000 * second_ns;
  attempt_counts seen{.good = 0, .failed = 1000};
  EXPECT_EQ(failed_part(w, seen, now), 1.0);
  for (int i = 0; i < 121; ++i) {
    now += second_ns;
    seen.good += 10;
    static_cast<void>(failed_part(w, seen, now));
  }
  EXPECT_EQ(failed_part(w, seen, now), 0.0);
  // And when nothing happens any more there is nothing to say.
  for (int i = 0; i < 121; ++i) static_cast<void>(failed_part(w, seen, now += second_ns));
  EXPECT_EQ(failed_part(w, seen, now), std::nullopt);
}

}  // namespace
}  // namespace pawl
