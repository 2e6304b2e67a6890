// Which queue is next. Method: the picker is driven in simulated time against a stand-in of the
// active set made of std::set; what it hands out is compared with what weights and bands promise.
#include "ready/picker.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "support/seed.hpp"

namespace pawl {
namespace {

using test::below;

// The standard library's active set.
struct set_of_queues {
  std::array<std::set<unsigned>, priority_count> bands;

  bool has(unsigned band) const { return !bands[band].empty(); }
  unsigned next(unsigned band, unsigned from) const {
    if (bands[band].empty()) return no_queue;
    const auto at = bands[band].lower_bound(from % queues_max);
    return at == bands[band].end() ? *bands[band].begin() : *at;
  }
};

using lags = std::array<std::uint64_t, priority_count>;

struct simulated_queue {
  unsigned weight = 1;
  std::uint64_t handler_ns = 1000;
  std::uint64_t used_ns = 0;
};

// Serves always active queues of one band until `until_ns` of handler time have passed. Batches are
// as large as the policy makes them, single handlers vary by half.
void serve_until(std::map<unsigned, simulated_queue>& queues, std::uint64_t until_ns,
                 test::random_source& random) {
  set_of_queues active;
  for (const auto& [index, q] : queues) active.bands[4].insert(index);
  picker p;
  std::uint64_t now = 1;
  while (now < until_ns) {
    pick chosen;
    ASSERT_TRUE(p.choose(
        active, [&](unsigned q) { return queues.at(q).weight; }, now, lags{}, 0, chosen));
    ASSERT_EQ(chosen.band, 4u);
    simulated_queue& q = queues.at(chosen.queue);
    const std::uint32_t jobs = batch_size(q.handler_ns, 256);
    std::uint64_t used = 0;
    for (std::uint32_t i = 0; i < jobs; ++i) {
      used += q.handler_ns / 2 + below(random, q.handler_ns + 1);
    }
    q.used_ns += used;
    now += used;
    p.charge(chosen, used);
  }
}

void expect_shares(const std::map<unsigned, simulated_queue>& queues, double error_max) {
  double used = 0;
  double weights = 0;
  for (const auto& [index, q] : queues) {
    used += static_cast<double>(q.used_ns);
    weights += q.weight;
  }
  for (const auto& [index, q] : queues) {
    const double share = static_cast<double>(q.used_ns) / used;
    const double wanted = q.weight / weights;
    EXPECT_LT(std::abs(share / wanted - 1), error_max)
        << "queue " << index << " of weight " << q.weight << " and handlers of " << q.handler_ns
        << " ns: " << share << " for " << wanted;
  }
}

TEST(picker, divides_handler_time_by_weight_among_short_handlers) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 10; ++round) {
    std::map<unsigned, simulated_queue> queues;
    while (queues.size() < 6) {
      queues[below<unsigned>(random, queues_max)] = {1 + below<unsigned>(random, 10),
                                                     100 + below(random, 20'000)};
    }
    serve_until(queues, 2'000'000'000, random);
    expect_shares(queues, 0.05);
  }
}

TEST(picker, divides_handler_time_by_weight_among_handlers_longer_than_a_visit) {
  // Every batch overdraws: queues sit out visits, and whole rounds are skipped.
  test::random_source random(test::fresh_seed());
  for (const std::uint64_t handler_ns : {25'000u, 50'000u, 70'000u, 300'000u, 5'000'000u}) {
    std::map<unsigned, simulated_queue> queues{{3, {1, handler_ns}},
                                               {4, {2, handler_ns}},
                                               {900, {3, handler_ns}},
                                               {4000, {10, handler_ns}}};
    serve_until(queues, 10'000 * handler_ns, random);
    expect_shares(queues, 0.05);
  }
}

TEST(picker, divides_handler_time_by_weight_among_mixed_handlers) {
  // From 1 us to 10 ms in one band: who takes long is served seldom.
  test::random_source random(test::fresh_seed());
  std::map<unsigned, simulated_queue> queues{
      {0, {1, 1'000}}, {1, {1, 10'000'000}}, {2, {4, 30'000}}, {3, {2, 400'000}}, {64, {7, 90}}};
  serve_until(queues, 10'000'000'000, random);
  expect_shares(queues, 0.05);
}

// Deficit round robin as it is in the paper, round by round, over maps.
class plain_picker {
 public:
  template <class Weight>
  std::optional<pick> choose(const set_of_queues& active, Weight weight, std::uint64_t now_ns,
                             const lags& last_ready_ns, std::uint64_t ageing_ns) {
    band_mask with_work = 0;
    for (unsigned b = 0; b < priority_count; ++b) {
      if (active.has(b)) with_work |= 1u << b;
    }
    const bool is_aged = ++picks_ % 61 == 0;
    if (with_work == 0) return std::nullopt;
    const unsigned b = choose_band(with_work, is_aged, last_ready_ns, now_ns, ageing_ns);
    for (band& of = bands_[b];; of.leave()) {
      const unsigned q = active.next(b, of.cursor);
      if (q != of.cursor) of.arrive(q);
      std::int64_t& left = of.left[q];
      if (!of.is_visit) left = std::min<std::int64_t>(left, 0) + 20'000 * weight(q);
      of.is_visit = left > 0;
      if (of.is_visit) return pick{b, q};
    }
  }
  void charge(pick p, std::uint64_t used_ns) {
    bands_[p.band].left[p.queue] -= static_cast<std::int64_t>(used_ns);
    if (bands_[p.band].left[p.queue] <= 0) bands_[p.band].leave();
  }
  void found_empty(pick p) { bands_[p.band].leave(); }

 private:
  struct band {
    unsigned cursor = 0;
    bool is_visit = false;
    std::map<unsigned, std::int64_t> left;

    void arrive(unsigned queue) {
      cursor = queue % queues_max;
      is_visit = false;
    }
    void leave() { arrive(cursor + 1); }
  };
  std::array<band, priority_count> bands_;
  unsigned picks_ = 0;
};

TEST(picker, picks_what_rounds_one_by_one_would) {
  // Queues of random weights come and go in random bands; handlers take from nothing to a thousand visits, some
  // queues turn out empty, bands lag.
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 20; ++round) {
    set_of_queues active;
    picker p;
    plain_picker plain;
    std::map<unsigned, std::int64_t> weights;
    const auto weight = [&](unsigned q) { return weights[q]; };
    const unsigned queues = 1 + below<unsigned>(random, 12);
    const std::uint64_t longest_ns = std::uint64_t{1} << below<unsigned>(random, 25);
    for (unsigned q = 0; q < queues; ++q) weights[q * 341] = 1 + below<int>(random, 1000);
    lags ready{};
    std::uint64_t now = 1;
    for (int step = 0; step < 5'000; ++step) {
      auto& band = active.bands[below<std::size_t>(random, priority_count)];
      const unsigned queue = 341 * below<unsigned>(random, queues);
      if (test::one_in(random, 2)) {
        band.insert(queue);
      } else if (test::one_in(random, 4)) {
        band.erase(queue);
      }
      pick chosen;
      const bool found = p.choose(active, weight, now, ready, 1'000'000, chosen);
      const auto wanted = plain.choose(active, weight, now, ready, 1'000'000);
      ASSERT_EQ(found, wanted.has_value());
      if (!found) continue;
      ASSERT_EQ(chosen.band, wanted->band) << "step " << step;
      ASSERT_EQ(chosen.queue, wanted->queue) << "step " << step;
      if (test::one_in(random, 10)) {
        p.found_empty(chosen);
        plain.found_empty(chosen);
        active.bands[chosen.band].erase(chosen.queue);
        continue;
      }
      const std::uint64_t used = below(random, longest_ns);
      p.charge(chosen, used);
      plain.charge(chosen, used);
      now += used;
      ready[chosen.band] = now - below(random, now);
    }
  }
}

TEST(picker, serves_the_highest_band_with_work_when_nothing_ages) {
  // Random queues in random bands come and go.
  test::random_source random(test::fresh_seed());
  set_of_queues active;
  picker p;
  for (int step = 0; step < 50'000; ++step) {
    auto& band = active.bands[below<std::size_t>(random, priority_count)];
    const auto queue = below<unsigned>(random, 8);
    if (test::one_in(random, 2)) {
      band.insert(queue);
    } else {
      band.erase(queue);
    }
    pick chosen;
    const bool found = p.choose(
        active, [](unsigned) { return 1u; }, 1'000'000'000'000, lags{}, 0, chosen);
    unsigned highest = 0;
    while (highest < priority_count && active.bands[highest].empty()) ++highest;
    ASSERT_EQ(found, highest < priority_count);
    if (!found) continue;
    ASSERT_EQ(chosen.band, highest);
    ASSERT_EQ(active.bands[highest].count(chosen.queue), 1u);
    p.charge(chosen, below(random, 50'000));
  }
}

TEST(picker, serves_a_lagging_band_once_in_each_ageing_period) {
  set_of_queues active;
  active.bands[0].insert(1);
  active.bands[7].insert(2);
  picker p;
  lags ready{};
  ready.fill(1);
  int low = 0;
  for (unsigned i = 1; i <= 61 * 100; ++i) {
    pick chosen;
    ASSERT_TRUE(p.choose(
        active, [](unsigned) { return 1u; }, 8'000'000'002, ready, 1'000'000'000, chosen));
    if (chosen.band == 7) ++low;
    p.charge(chosen, 1000);
  }
  EXPECT_EQ(low, 100);
}

TEST(picker, a_queue_saves_nothing_up_while_it_is_empty) {
  // Queue 1 has one short job now and then, and is found empty after it. When it gets a long
  // backlog, it is not served alone for longer than a visit.
  picker p;
  set_of_queues active;
  const auto weight = [](unsigned) { return 1u; };
  pick chosen;
  for (int i = 0; i < 1000; ++i) {
    active.bands[3] = {1, 2};
    for (int k = 0; k < 4; ++k) {
      ASSERT_TRUE(p.choose(active, weight, 1, lags{}, 0, chosen));
      if (chosen.queue == 1 && k != 0) {
        p.found_empty(chosen);
        active.bands[3].erase(1);
      } else {
        p.charge(chosen, chosen.queue == 1 ? 1000 : 21'000);
      }
    }
  }
  active.bands[3] = {1, 2};
  std::uint64_t alone_ns = 0;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(p.choose(active, weight, 1, lags{}, 0, chosen));
    if (chosen.queue == 2 && alone_ns != 0) break;
    if (chosen.queue == 1) alone_ns += 1000;
    p.charge(chosen, 1000);
  }
  EXPECT_LE(alone_ns, 40'000u);
}

TEST(picker, a_queue_saves_nothing_up_when_others_empty_it) {
  // The same, but another drain finds it empty: it just is not active any more.
  picker p;
  set_of_queues active;
  const auto weight = [](unsigned) { return 1u; };
  pick chosen;
  for (int i = 0; i < 1000; ++i) {
    active.bands[3] = {1, 2};
    do {
      ASSERT_TRUE(p.choose(active, weight, 1, lags{}, 0, chosen));
      p.charge(chosen, chosen.queue == 1 ? 1000 : 21'000);
    } while (chosen.queue != 1);
    active.bands[3] = {2};
    ASSERT_TRUE(p.choose(active, weight, 1, lags{}, 0, chosen));
    p.charge(chosen, 21'000);
  }
  active.bands[3] = {1, 2};
  std::uint64_t alone_ns = 0;
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_TRUE(p.choose(active, weight, 1, lags{}, 0, chosen));
    if (chosen.queue == 2 && alone_ns != 0) break;
    if (chosen.queue == 1) alone_ns += 1000;
    p.charge(chosen, 1000);
  }
  EXPECT_LE(alone_ns, 40'000u);
}

TEST(picker, no_active_queue_waits_longer_than_the_visits_of_the_others) {
  // Batches within a visit, 40 queues: between two services of a queue the others use at most one
  // visit each and the batch that overdrew it.
  test::random_source random(test::fresh_seed());
  set_of_queues active;
  std::map<unsigned, std::uint64_t> last;
  std::map<unsigned, unsigned> weights;
  std::uint64_t visits = 0;
  for (unsigned i = 0; i < 40; ++i) {
    const unsigned q = i * 101;
    active.bands[1].insert(q);
    last[q] = 0;
    weights[q] = 1 + below<unsigned>(random, 5);
    visits += weights[q] * static_cast<std::uint64_t>(visit_ns) + batch_target_ns;
  }
  picker p;
  std::uint64_t now = 0;
  for (int i = 0; i < 200'000; ++i) {
    pick chosen;
    ASSERT_TRUE(p.choose(
        active, [&](unsigned q) { return weights[q]; }, now, lags{}, 0, chosen));
    ASSERT_LE(now - last[chosen.queue], 2 * visits);
    const std::uint64_t used = 1 + below(random, batch_target_ns);
    now += used;
    last[chosen.queue] = now;
    p.charge(chosen, used);
  }
  for (const auto& [queue, at] : last) EXPECT_LE(now - at, 2 * visits);
}

}  // namespace
}  // namespace pawl
