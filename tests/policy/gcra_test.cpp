// The cell rate algorithm. Method: random rates and arrivals; every start is remembered, and every span
// between two of them is held against the bound; what it says of the future is held against what it does.
#include "policy/gcra.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/seed.hpp"

namespace pawl {
namespace {

rate_limit random_rate(test::random_source& random) {
  rate_limit r;
  r.starts = 1 + test::below<std::uint32_t>(random, 1000);
  r.per =
      duration(static_cast<std::int64_t>(r.starts + test::below<std::uint64_t>(random, 1'000'000)));
  r.burst = 1 + test::below<std::uint32_t>(random, 20);
  return r;
}

TEST(gcra, no_span_has_more_starts_than_burst_and_rate_allow) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 200; ++round) {
    const rate_limit wanted = random_rate(random);
    const gcra_rate r = gcra_of(wanted);
    std::uint64_t arrival = 0;
    std::uint64_t now = 1 + test::below<std::uint64_t>(random, 1'000'000);
    std::vector<std::uint64_t> starts;
    for (int i = 0; i < 400; ++i) {
      now += test::below<std::uint64_t>(random, 2 * r.interval_ns + 1);
      const gcra_answer a = gcra_take(r, arrival, now);
      if (a.ask_at_ns == 0) {
        starts.push_back(now);
      } else {
        ASSERT_GT(a.ask_at_ns, now);
        ASSERT_EQ(a.arrival_ns, arrival) << "a refusal changes nothing";
      }
      arrival = a.arrival_ns;
    }
    ASSERT_GT(starts.size(), 50u);
    for (std::size_t i = 0; i < starts.size(); ++i) {
      for (std::size_t j = i; j < starts.size(); ++j) {
        // count <= burst + W * starts / per, in whole numbers.
        const std::uint64_t beyond = j - i + 1 > wanted.burst ? j - i + 1 - wanted.burst : 0;
        ASSERT_LE(beyond * static_cast<std::uint64_t>(wanted.per.count()),
                  (starts[j] - starts[i]) * wanted.starts);
      }
    }
  }
}

TEST(gcra, who_asks_when_told_is_let_through_and_not_a_nanosecond_before) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 10'000; ++round) {
    const gcra_rate r = gcra_of(random_rate(random));
    std::uint64_t arrival = test::below<std::uint64_t>(random, 100 * r.interval_ns);
    const std::uint64_t now = 1 + test::below<std::uint64_t>(random, 100 * r.interval_ns);
    const gcra_answer a = gcra_take(r, arrival, now);
    if (a.ask_at_ns == 0) continue;
    ASSERT_EQ(gcra_take(r, arrival, a.ask_at_ns).ask_at_ns, 0u);
    ASSERT_NE(gcra_take(r, arrival, a.ask_at_ns - 1).ask_at_ns, 0u);
    ASSERT_EQ(gcra_ready_at(r, arrival, now, 1), a.ask_at_ns);
  }
}

TEST(gcra, tells_how_many_may_start_now_and_when_so_many_may) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 10'000; ++round) {
    const gcra_rate r = gcra_of(random_rate(random));
    const std::uint64_t arrival = test::below<std::uint64_t>(random, 30 * r.interval_ns);
    const std::uint64_t now = 1 + test::below<std::uint64_t>(random, 30 * r.interval_ns);
    const auto count_at = [&](std::uint64_t when, std::uint64_t most) {
      std::uint64_t kept = arrival;
      std::uint64_t count = 0;
      while (count < most) {
        const gcra_answer a = gcra_take(r, kept, when);
        if (a.ask_at_ns != 0) break;
        kept = a.arrival_ns;
        ++count;
      }
      return count;
    };
    const std::uint64_t most = test::below<std::uint64_t>(random, 25);
    ASSERT_EQ(gcra_ready(r, arrival, now, most), count_at(now, most));
    const std::uint64_t burst = r.tolerance_ns / r.interval_ns + 1;
    const std::uint64_t wanted = 1 + test::below<std::uint64_t>(random, burst);
    const std::uint64_t at = gcra_ready_at(r, arrival, now, wanted);
    if (at == 0) {
      ASSERT_EQ(count_at(now, wanted), wanted);
    } else {
      ASSERT_EQ(count_at(at, wanted), wanted);
      ASSERT_LT(count_at(at - 1, wanted), wanted);
    }
  }
}

TEST(gcra, a_rate_takes_over_what_it_could_have_come_to_itself) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 10'000; ++round) {
    const gcra_rate r = gcra_of(random_rate(random));
    const std::uint64_t now = 1 + test::below<std::uint64_t>(random, 100 * r.interval_ns);
    const std::uint64_t of_another =
        test::below<std::uint64_t>(random, now + r.tolerance_ns + 100 * r.interval_ns);
    const std::uint64_t adopted = gcra_adopt(r, of_another, now);
    ASSERT_LE(adopted, of_another);
    ASSERT_EQ(gcra_take(r, adopted, now + r.interval_ns).ask_at_ns, 0u) << "an interval later";
    // Its own numbers it leaves alone.
    std::uint64_t own = 0;
    while (gcra_take(r, own, now).ask_at_ns == 0) own = gcra_take(r, own, now).arrival_ns;
    ASSERT_EQ(gcra_adopt(r, own, now), own);
  }
}

TEST(gcra, without_a_limit_everything_starts) {
  EXPECT_EQ(gcra_take(gcra_of({}), 5, 1).ask_at_ns, 0u);
  EXPECT_EQ(gcra_ready(gcra_of({}), 5, 1, 77), 77u);
  EXPECT_EQ(gcra_ready_at(gcra_of({}), 5, 1, 77), 0u);
}

TEST(gcra, extreme_limits_do_not_overflow) {
  const gcra_rate slow = gcra_of({1, std::chrono::hours(24), UINT32_MAX});
  EXPECT_EQ(slow.interval_ns, 86'400'000'000'000u);
  std::uint64_t arrival = 0;
  const std::uint64_t now = std::uint64_t{1} << 60;  // 36 years after boot
  for (int i = 0; i < 1000; ++i) {
    const gcra_answer a = gcra_take(slow, arrival, now);
    ASSERT_EQ(a.ask_at_ns, 0u) << "the burst is far from used";
    arrival = a.arrival_ns;
  }
  EXPECT_EQ(gcra_of({1'000'000'000, std::chrono::seconds(1), 1}).interval_ns, 1u);
}

}  // namespace
}  // namespace pawl
