// How tenants share handler time. Method: all combinations of interesting states against the sentences of
// policy/shares.hpp in floating point; then worlds of a few tenants that do nothing but take and use, whose
// shares are compared with their weights.
#include "policy/shares.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "support/seed.hpp"

namespace pawl {
namespace {

constexpr std::uint64_t us = 1'000;
constexpr std::uint64_t ms = 1'000 * us;

double exact_cost(std::uint64_t ns, std::uint32_t weight) {
  return static_cast<double>(ns) * static_cast<double>(share_unit) / weight;
}

TEST(share_cost, is_time_over_weight) {
  for (const std::uint64_t ns : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{7}, us, ms,
                                 3'600'000 * ms, share_cost_max_ns}) {
    for (std::uint32_t weight = 1; weight <= share_weight_max; ++weight) {
      ASSERT_NEAR(static_cast<double>(share_cost(ns, weight)), exact_cost(ns, weight),
                  0.5 + exact_cost(ns, weight) * 1e-9);
    }
  }
  EXPECT_EQ(share_cost(UINT64_MAX, 1), share_cost(share_cost_max_ns, 1)) << "it has a bound";
  EXPECT_LT(share_cost_max_ns * share_unit, static_cast<std::uint64_t>(share_debt_max));
}

std::vector<tenant_share> states() {
  std::vector<tenant_share> all;
  for (const std::int64_t used : {-share_debt_max, std::int64_t{-5}, std::int64_t{0},
                                  std::int64_t{1} << 40, share_clock_max + share_debt_max}) {
    for (const std::int64_t floor :
         {-share_debt_max, std::int64_t{0}, std::int64_t{1} << 41, share_clock_max}) {
      for (const std::uint64_t mean : {std::uint64_t{0}, std::uint64_t{1}, us, share_cost_max_ns}) {
        for (const std::uint32_t in_hand : {0u, 1u, 2u, 4096u}) {
          for (const std::uint32_t weight : {1u, 3u, share_weight_max}) {
            tenant_share s{used, floor, 0, mean, in_hand, weight};
            s.ahead = detail::ahead_of(s, us);
            all.push_back(s);
          }
        }
      }
    }
  }
  return all;
}

TEST(tenant_share, starts_not_before_its_line_was_empty_last_nor_before_what_it_used) {
  for (const tenant_share& s : states()) {
    ASSERT_GE(start_tag(s), s.floor);
    ASSERT_GE(start_tag(s), s.used + s.ahead);
    ASSERT_TRUE(start_tag(s) == s.floor || start_tag(s) == s.used + s.ahead);
    for (const std::int64_t clock : {std::int64_t{0}, std::int64_t{1} << 42, share_clock_max}) {
      const tenant_share rested = after_rest(s, clock);
      ASSERT_GE(start_tag(rested), clock) << "nothing is saved up";
      ASSERT_GE(start_tag(rested), start_tag(s)) << "nothing is forgiven";
      ASSERT_LE(start_tag(rested), std::max(start_tag(s), clock));
    }
  }
}

// Whatever is expected meanwhile: what is left is what it took.
TEST(tenant_share, pays_what_it_took_once_it_is_known) {
  for (const tenant_share& s : states()) {
    for (const std::uint64_t ns : {std::uint64_t{0}, std::uint64_t{5}, ms, UINT64_MAX}) {
      for (const bool attempted : {false, true}) {
        const std::int64_t tag = start_tag(s);
        const tenant_share taken = after_take(s, s.weight, us, share_clock_max);
        ASSERT_EQ(taken.in_hand, s.in_hand + 1);
        ASSERT_EQ(taken.used, tag - s.ahead);
        ASSERT_GT(taken.ahead, 0) << "the next one is not at the same tag";
        const tenant_share done =
            after_use(taken, {ns, true, attempted}, s.weight, us, share_clock_max);
        const std::uint64_t charged = attempted ? std::max<std::uint64_t>(ns, 1) : ns;
        ASSERT_EQ(done.used, std::min(taken.used + share_cost(charged, s.weight),
                                      share_clock_max + share_debt_max));
        ASSERT_EQ(done.in_hand, s.in_hand);
        ASSERT_EQ(done.floor, s.floor);
        ASSERT_EQ(done.mean_ns, attempted ? next_share_mean(s.mean_ns, ns) : s.mean_ns);
        ASSERT_EQ(done.ahead == 0, s.in_hand == 0);
      }
    }
  }
}

TEST(tenant_share, of_another_weight_owes_the_same_time) {
  constexpr std::int64_t clock = std::int64_t{1} << 50;
  for (const std::uint32_t was : {1u, 2u, 7u, 999u, share_weight_max}) {
    for (const std::uint32_t is : {1u, 3u, 10u, share_weight_max}) {
      for (const std::int64_t lead : {-share_debt_max, std::int64_t{-70'000}, std::int64_t{0},
                                      std::int64_t{5}, std::int64_t{1} << 40, share_debt_max}) {
        tenant_share s{clock + lead, 0, 0, us, 1, was};
        s = after_use(s, {0, true, false}, is, us, clock);
        ASSERT_EQ(s.weight, is);
        const double time = static_cast<double>(lead) * was;
        const double bound = static_cast<double>(share_debt_max) * is;
        ASSERT_NEAR(static_cast<double>(s.used - clock) * is, std::clamp(time, -bound, bound),
                    is + std::fabs(time) * 1e-9)
            << was << " -> " << is << ", " << lead;
      }
    }
  }
}

TEST(tenant_share, of_a_job_that_came_another_way_has_nothing_in_hand_to_give_up) {
  for (const tenant_share& s : states()) {
    const tenant_share done = after_use(s, {us, false, true}, s.weight, us, share_clock_max);
    ASSERT_EQ(done.in_hand, s.in_hand);
    ASSERT_EQ(done.used,
              std::min(s.used + share_cost(us, s.weight), share_clock_max + share_debt_max));
  }
}

TEST(tenant_share, expects_of_jobs_in_hand_what_the_last_ones_took) {
  tenant_share s;
  s = after_take(s, 2, 3 * us, 0);
  EXPECT_EQ(s.ahead, share_cost(3 * us, 2)) << "nothing is known of it, but of its queue";
  s = after_use(s, {us, true, true}, 2, 3 * us, 0);
  s = after_take(after_take(s, 2, 3 * us, s.used), 2, 3 * us, s.used);
  EXPECT_EQ(s.ahead, share_cost(2 * us, 2));
}

TEST(tenant_share, keeps_its_order_when_the_clock_is_set_back) {
  constexpr std::int64_t span = share_clock_max + 12'345;
  for (const tenant_share& s : states()) {
    const tenant_share back = set_back(s, span);
    ASSERT_EQ(start_tag(back), start_tag(s) - span);
    tenant_share away = s;
    for (int i = 0; i < 20; ++i) {
      const std::int64_t before = away.used;
      away = set_back(away, 2 * share_clock_max);
      ASSERT_LE(away.used, before) << "it has a bound, below all others";
      ASSERT_GE(away.used, INT64_MIN / 2);
      ASSERT_GE(away.floor, INT64_MIN / 2);
    }
  }
}

TEST(next_share_mean, follows_slowly_and_is_never_zero) {
  EXPECT_EQ(next_share_mean(0, 0), 1u);
  EXPECT_EQ(next_share_mean(0, 5 * us), 5 * us);
  EXPECT_EQ(next_share_mean(8 * us, 16 * us), 9 * us);
  EXPECT_EQ(next_share_mean(8 * us, 0), 8 * us - (8 * us - 1) / 8);
  EXPECT_EQ(next_share_mean(1, 0), 1u);
  EXPECT_EQ(next_share_mean(share_cost_max_ns, UINT64_MAX), share_cost_max_ns);
}

// ---- Worlds ----

struct member {
  std::uint32_t weight;
  std::function<std::uint64_t()> cost;
  tenant_share share{};
  std::uint64_t got_ns = 0;
};

// Takes `hands` at a time of the tenants that have jobs, uses them, until `span_ns` is used up.
void run(std::vector<member>& all, std::uint64_t span_ns, unsigned hands, std::int64_t& clock) {
  std::uint64_t mean = first_mean_ns;
  std::uint64_t used = 0;
  while (used < span_ns) {
    std::vector<member*> taken;
    for (unsigned i = 0; i < hands; ++i) {
      member* next = &all[0];
      for (member& m : all) {
        if (start_tag(m.share) < start_tag(next->share)) next = &m;
      }
      clock = std::max(clock, start_tag(next->share));
      next->share = after_take(next->share, next->weight, mean, clock);
      taken.push_back(next);
    }
    for (member* const m : taken) {
      const std::uint64_t ns = m->cost();
      used += ns;
      m->got_ns += ns;
      mean = next_share_mean(mean, ns);
      m->share = after_use(m->share, {ns, true, true}, m->weight, mean, clock);
    }
  }
}

double largest_error(const std::vector<member>& all) {
  double weights = 0;
  double sum = 0;
  for (const member& m : all) {
    weights += m.weight;
    sum += static_cast<double>(m.got_ns);
  }
  double largest = 0;
  for (const member& m : all) {
    const double share = static_cast<double>(m.got_ns) / sum;
    largest = std::max(largest, std::fabs(share / (m.weight / weights) - 1));
  }
  return largest;
}

TEST(shares, are_as_the_weights_whatever_the_jobs_cost) {
  test::random_source random(test::fresh_seed());
  const auto always = [](std::uint64_t ns) { return [ns] { return ns; }; };
  const auto mixed = [&random] { return test::one_in(random, 10) ? 10 * ms : 10 * us; };
  for (const unsigned hands : {1u, 4u, 32u}) {
    std::int64_t clock = 0;
    std::vector<member> all = {{1, always(us)},       {2, always(10 * ms)}, {5, mixed},
                               {10, always(50 * us)}, {100, mixed},         {1, always(3 * us)}};
    run(all, 40'000 * ms, hands, clock);
    EXPECT_LT(largest_error(all), 0.03) << hands << " at a time";
  }
}

TEST(shares, of_one_that_was_away_are_as_if_it_had_just_come) {
  std::int64_t clock = 0;
  const auto cost = [] { return us; };
  std::vector<member> all = {{1, cost}, {1, cost}};
  run(all, 1'000 * ms, 1, clock);
  all.push_back({1, cost});
  all[2].share = after_rest(all[2].share, clock);
  for (member& m : all) m.got_ns = 0;
  run(all, 30 * us, 1, clock);
  for (const member& m : all) EXPECT_NEAR(static_cast<double>(m.got_ns), 10e3, 1e3);
}

}  // namespace
}  // namespace pawl
