// One priority of a queue that its tenants share. Method: random pushes, takes, returns, holds and sweeps
// against the plainest structure that could work: a map of places by number for each tenant, and a look at
// all tenants for the next one. Then threads, of which nobody may lose a place.
#include "ready/share_lines.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <numeric>
#include <vector>

#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::below;
using test::one_in;
using test::scaled;

constexpr std::uint32_t slots = 1 << 15;
constexpr std::uint64_t us = 1'000;

std::uint64_t place_of(std::uint64_t slot) {
  return slot << band_entry::version_bits;
}
std::uint32_t slot_of(std::uint64_t place) {
  return band_entry{place}.slot();
}

class share_lines_test : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(marks.is_ready());
    ASSERT_TRUE(marks.prepare());
  }
  std::vector<std::uint64_t> places_of(std::uint32_t tenant, std::uint32_t first,
                                       std::uint32_t count) {
    std::vector<std::uint64_t> places;
    for (std::uint32_t slot = first; slot < first + count; ++slot) {
      marks[slot].key.store(tenant, relaxed);
      places.push_back(place_of(slot));
    }
    return places;
  }
  std::vector<std::uint32_t> pop_slots(std::size_t count) {
    std::vector<std::uint64_t> into(count);
    into.resize(lines.pop(into));
    std::vector<std::uint32_t> found;
    for (const std::uint64_t place : into) found.push_back(slot_of(place));
    return found;
  }

  order_marks marks{slots};
  share_lines lines;
};

// ---- Against a model ----

class plain_lines {
 public:
  struct tenant {
    tenant_share share;
    std::uint64_t turn = 0;
    unsigned holds = 0;
    std::map<std::uint64_t, std::uint64_t> places;  // by number
  };
  void add(std::uint32_t t, std::uint64_t number, std::uint64_t place) {
    tenant& l = all[t];
    if (l.places.empty()) l.share = after_rest(l.share, clock);
    l.places.emplace(number, place);
  }
  // Null: nobody has any.
  tenant* next(std::uint32_t& number) {
    tenant* found = nullptr;
    for (auto& [t, l] : all) {
      if (l.places.empty() || l.holds != 0) continue;
      const bool is_first = found == nullptr || start_tag(l.share) < start_tag(found->share) ||
                            (start_tag(l.share) == start_tag(found->share) && l.turn < found->turn);
      if (is_first) found = &l, number = t;
    }
    return found;
  }
  std::uint64_t take(std::uint32_t t, std::uint32_t weight) {
    tenant& l = all[t];
    clock = std::max(clock, start_tag(l.share));
    l.share = after_take(l.share, weight, mean_ns, clock);
    l.turn = ++turns;
    return take_place(l);
  }
  static std::uint64_t take_place(tenant& l) {
    const std::uint64_t place = l.places.begin()->second;
    l.places.erase(l.places.begin());
    return place;
  }
  void settle(const share_claim& c, std::uint32_t weight) {
    tenant& l = all[c.tenant];
    if (c.use.attempted) mean_ns = next_share_mean(mean_ns, c.use.ns);
    l.share = after_use(l.share, c.use, weight, mean_ns, clock);
  }
  void unhold(std::uint32_t t) {
    if (--all[t].holds == 0) all[t].share = after_rest(all[t].share, clock);
  }
  // As the lines do; the tags of a tenant without places need not be the same.
  void set_back_if_late() {
    if (clock <= share_clock_max) return;
    for (auto& [t, l] : all) l.share = set_back(l.share, clock);
    clock = 0;
    ++times_set_back;
  }
  std::size_t visible() {
    std::size_t sum = 0;
    for (auto& [t, l] : all) sum += l.holds == 0 ? l.places.size() : 0;
    return sum;
  }

  std::map<std::uint32_t, tenant> all;
  std::int64_t clock = 0;
  std::uint64_t mean_ns = first_mean_ns;
  std::uint64_t turns = 0;
  unsigned times_set_back = 0;
};

class against_a_model : public share_lines_test {
 protected:
  static constexpr std::uint32_t tenants = 12;

  void SetUp() override {
    share_lines_test::SetUp();
    free_.resize(slots);
    std::iota(free_.begin(), free_.end(), 0);
    for (std::uint32_t t = 0; t < tenants; ++t) weights_.push_back(1 + t % 4);
  }

  void push() {
    std::vector<std::uint64_t> places;
    for (auto n = 1 + below(random_, one_in(random_, 10) ? 300 : 3); n > 0 && !free_.empty(); --n) {
      const std::uint32_t slot = free_.back();
      free_.pop_back();
      const auto t = below<std::uint32_t>(random_, tenants);
      marks[slot].key.store(t, relaxed);
      places.push_back(place_of(slot));
      model_.add(t, ready_++, places.back());
    }
    ASSERT_TRUE(lines.push(marks, places));
  }
  void take() {
    std::vector<std::uint64_t> places(1 + below<std::size_t>(random_, 32));
    std::vector<share_claim> claims(places.size());
    const std::size_t count =
        lines.take(places, claims, [this](std::uint32_t t) { return weights_[t]; });
    std::uint64_t expected = 0;
    std::size_t i = 0;
    for (; i < places.size(); ++i) {
      std::uint32_t t = 0;
      plain_lines::tenant* const next = model_.next(t);
      if (next == nullptr) break;
      expected += expected_ns(next->share, model_.mean_ns);
      if (i != 0 && expected > batch_target_ns) break;
      const std::uint64_t number = next->places.begin()->first;
      ASSERT_LT(i, count);
      ASSERT_EQ(claims[i].tenant, t) << "take " << taken_;
      ASSERT_EQ(places[i], model_.take(t, weights_[t]));
      ASSERT_TRUE(claims[i].use.in_hand);
      model_.set_back_if_late();
      hands_.push_back({claims[i], places[i], number});
      ++taken_;
    }
    ASSERT_EQ(i, count);
  }
  // Of what is in hand: some have run, some could not start, some come back.
  void settle() {
    std::vector<share_claim> claims;
    while (!hands_.empty()) {
      hand h = hands_.back();
      hands_.pop_back();
      h.claim.use.ns = one_in(random_, huge_one_in_)
                           ? UINT64_MAX
                           : below(random_, one_in(random_, 9) ? 10'000 * us : 5 * us);
      h.claim.use.attempted = !one_in(random_, 5);
      if (one_in(random_, 6)) {
        h.claim.use = {.in_hand = true};
        ASSERT_TRUE(lines.put_back(marks, {&h.place, 1}));
        model_.add(h.claim.tenant, h.number, h.place);
      } else {
        free_.push_back(slot_of(h.place));
      }
      claims.push_back(h.claim);
      if (one_in(random_, 20)) claims.push_back({h.claim.tenant, {us, false, true}});  // a thief's
      if (one_in(random_, 10)) break;
    }
    lines.settle(claims, [this](std::uint32_t t) { return weights_[t]; });
    for (const share_claim& c : claims) model_.settle(c, weights_[c.tenant]);
  }
  void hold_or_unhold() {
    const auto t = below<std::uint32_t>(random_, tenants);
    plain_lines::tenant& l = model_.all[t];
    if (l.holds != 0 && !one_in(random_, 3)) {
      const bool ends = l.holds == 1;
      ASSERT_EQ(lines.unhold(t), ends && !l.places.empty());
      model_.unhold(t);
    } else if (marks_known(t)) {
      lines.hold(t);
      ++l.holds;
    }
  }
  // The lines know of a tenant what it pushed.
  bool marks_known(std::uint32_t t) { return !model_.all[t].places.empty(); }
  void sweep() {
    const std::uint64_t gone = 2 + below(random_, 5);
    const auto is_kept = [gone](std::uint64_t place) { return slot_of(place) % gone != 0; };
    lines.keep_if(is_kept);
    for (auto& [t, l] : model_.all) {
      std::erase_if(l.places, [&](const auto& e) {
        if (is_kept(e.second)) return false;
        free_.push_back(slot_of(e.second));
        return true;
      });
    }
  }
  void pop() {
    std::vector<std::uint64_t> places(1 + below<std::size_t>(random_, 5));
    const std::size_t count = lines.pop(places);
    ASSERT_EQ(count, std::min(places.size(), model_.visible()));
    for (std::size_t i = 0; i < count; ++i) {
      std::uint32_t t = 0;
      plain_lines::tenant* const next = model_.next(t);
      ASSERT_EQ(places[i], plain_lines::take_place(*next));
      free_.push_back(slot_of(places[i]));
    }
  }
  // At once, or with the next look at it.
  void weigh() {
    const auto t = below<std::uint32_t>(random_, tenants);
    weights_[t] = 1 + below<std::uint32_t>(random_, weight_max_);
    if (one_in(random_, 3) || model_.all[t].places.empty()) return;
    lines.set_weight(t, weights_[t]);
    model_.all[t].share =
        after_weighing(model_.all[t].share, weights_[t], model_.mean_ns, model_.clock);
  }
  void step() {
    switch (below<unsigned>(random_, 16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return push();
      case 4:
        return hold_or_unhold();
      case 5:
        if (one_in(random_, 20)) sweep();
        return;
      case 6:
        if (one_in(random_, 4)) pop();
        return;
      case 7:
        return weigh();
      case 8:
      case 9:
      case 10:
        return settle();
      default:
        return take();
    }
  }

  void walk(int steps) {
    for (int i = 0; i < steps; ++i) {
      ASSERT_NO_FATAL_FAILURE(step()) << "step " << i;
      ASSERT_EQ(lines.size(), model_.visible()) << "step " << i;
      ASSERT_TRUE(i % 64 != 0 || lines.is_consistent()) << "step " << i;
    }
    EXPECT_GT(taken_, 500u);
  }

  struct hand {
    share_claim claim;
    std::uint64_t place;
    std::uint64_t number;
  };
  test::random_source random_{test::fresh_seed()};
  plain_lines model_;
  std::vector<std::uint32_t> weights_;
  std::uint32_t weight_max_ = share_weight_max;
  std::uint64_t huge_one_in_ = 1'000;
  std::vector<std::uint32_t> free_;
  std::vector<hand> hands_;
  std::uint64_t ready_ = 0;
  std::uint64_t taken_ = 0;
};

TEST_F(against_a_model, every_take_is_of_the_tenant_that_is_next) {
  ASSERT_NO_FATAL_FAILURE(walk(scaled(200'000)));
}

TEST_F(against_a_model, also_when_the_clock_is_set_back_now_and_then) {
  huge_one_in_ = 4;
  weight_max_ = 3;
  ASSERT_NO_FATAL_FAILURE(walk(scaled(200'000)));
  EXPECT_TRUE(test::sanitized || model_.times_set_back > 3) << model_.times_set_back;
}

// ---- Single sentences ----

TEST_F(share_lines_test, a_tenant_is_first_in_first_out_also_for_what_comes_back) {
  const std::vector<std::uint64_t> in = places_of(3, 0, 100);
  ASSERT_TRUE(lines.push(marks, in));
  std::vector<std::uint64_t> out(60);
  ASSERT_EQ(lines.pop(out), 60u);
  // In any order, and beside what has come meanwhile.
  ASSERT_TRUE(lines.push(marks, places_of(3, 100, 10)));
  for (const std::size_t i : {41u, 3u, 59u, 40u, 2u})
    ASSERT_TRUE(lines.put_back(marks, {&out[i], 1}));
  std::vector<std::uint32_t> wanted{2, 3, 40, 41, 59};
  for (std::uint32_t slot = 60; slot < 110; ++slot) wanted.push_back(slot);
  EXPECT_EQ(pop_slots(1'000), wanted);
  EXPECT_TRUE(lines.is_consistent());
}

TEST_F(share_lines_test, a_late_one_waits_for_one_job_of_a_flood) {
  const auto weight_of = [](std::uint32_t) { return 1u; };
  ASSERT_TRUE(lines.push(marks, places_of(1, 0, 1'000)));
  for (int i = 0; i < 500; ++i) {
    std::uint64_t place = 0;
    share_claim claim;
    ASSERT_EQ(lines.take({&place, 1}, {&claim, 1}, weight_of), 1u);
    claim.use.ns = 50 * us;
    claim.use.attempted = true;
    lines.settle({&claim, 1}, weight_of);
  }
  ASSERT_TRUE(lines.push(marks, places_of(2, 2'000, 3)));
  std::vector<std::uint32_t> order;
  for (int i = 0; i < 6; ++i) {
    std::uint64_t place = 0;
    share_claim claim;
    ASSERT_EQ(lines.take({&place, 1}, {&claim, 1}, weight_of), 1u);
    order.push_back(claim.tenant);
    claim.use.ns = 50 * us;
    claim.use.attempted = true;
    lines.settle({&claim, 1}, weight_of);
  }
  EXPECT_EQ(order, (std::vector<std::uint32_t>{2, 1, 2, 1, 2, 1}));
}

TEST_F(share_lines_test, a_batch_is_worth_20_us_by_what_is_known_of_its_tenants) {
  const auto weight_of = [](std::uint32_t) { return 1u; };
  ASSERT_TRUE(lines.push(marks, places_of(1, 0, 100)));
  std::vector<std::uint64_t> places(32);
  std::vector<share_claim> claims(32);
  ASSERT_EQ(lines.take(places, claims, weight_of), 1u) << "nothing is known";
  claims[0].use = {2 * us, true, true};
  lines.settle({claims.data(), 1}, weight_of);
  ASSERT_EQ(lines.take(places, claims, weight_of), 10u);
  for (share_claim& c : claims) c.use = {200, true, true};
  for (int i = 0; i < 10; ++i) lines.settle({claims.data(), 10}, weight_of);
  EXPECT_EQ(lines.take(places, claims, weight_of), 32u);
}

TEST_F(share_lines_test, what_is_held_is_not_counted_and_comes_again) {
  ASSERT_TRUE(lines.push(marks, places_of(1, 0, 3)));
  ASSERT_TRUE(lines.push(marks, places_of(2, 10, 1)));
  lines.hold(1);
  lines.hold(1);
  EXPECT_EQ(lines.size(), 1u);
  EXPECT_EQ(pop_slots(9), (std::vector<std::uint32_t>{10}));
  EXPECT_TRUE(lines.looks_empty());
  ASSERT_TRUE(lines.push(marks, places_of(1, 3, 1)));
  EXPECT_TRUE(lines.looks_empty());
  EXPECT_FALSE(lines.unhold(1));
  EXPECT_TRUE(lines.unhold(1));
  EXPECT_FALSE(lines.unhold(1)) << "it was not held";
  EXPECT_FALSE(lines.unhold(77)) << "nobody knows it";
  EXPECT_EQ(pop_slots(9), (std::vector<std::uint32_t>{0, 1, 2, 3}));
}

// The slot of a stale place may have the key of a queue that is ordered otherwise by now.
TEST_F(share_lines_test, a_key_that_is_no_tenant_counts_as_none) {
  std::vector<std::uint64_t> places = places_of(0, 0, 2);
  marks[1].key.store(UINT64_MAX - 5, relaxed);
  ASSERT_TRUE(lines.push(marks, places));
  EXPECT_EQ(pop_slots(9), (std::vector<std::uint32_t>{0, 1}));
  ASSERT_TRUE(lines.push(marks, places_of(tenants_max, 5, 1)));
  EXPECT_EQ(pop_slots(9), (std::vector<std::uint32_t>{5}));
  EXPECT_TRUE(lines.is_consistent());
}

TEST_F(share_lines_test, threads_lose_nothing) {
  constexpr std::uint32_t producers = 2;
  constexpr std::uint32_t each = slots / producers;
  std::atomic<std::uint32_t> through{0};
  std::vector<std::atomic<int>> seen(slots);
  const auto weight_of = [](std::uint32_t t) { return 1 + t; };
  test::on_threads(2 * producers, [&](int thread) {
    if (thread < static_cast<int>(producers)) {
      std::vector<std::uint64_t> bulk;
      for (std::uint32_t i = 0; i < each; ++i) {
        const std::uint32_t slot = i * producers + static_cast<std::uint32_t>(thread);
        marks[slot].key.store(slot * 7919u % 20u, relaxed);
        bulk.push_back(place_of(slot));
        if (bulk.size() < 1 + i % 50 && i + 1 < each) continue;
        ASSERT_TRUE(lines.push(marks, bulk));
        bulk.clear();
        if (i % 7 == 0) {
          lines.hold(slot % 20);
          lines.unhold(slot % 20);
        }
      }
      return;
    }
    std::vector<std::uint64_t> places(32);
    std::vector<share_claim> claims(32);
    unsigned takes = 0;
    while (through.load() < slots) {
      const std::size_t count = lines.take(places, claims, weight_of);
      const bool comes_back = ++takes % 3 == 0;
      ASSERT_TRUE(!comes_back || lines.put_back(marks, std::span(places).first(count)));
      for (std::size_t i = 0; i < count; ++i) {
        if (comes_back) continue;
        claims[i].use.ns = 100;
        claims[i].use.attempted = true;
        ++seen[slot_of(places[i])];
        ++through;
      }
      lines.settle(std::span(claims).first(count), weight_of);
    }
  });
  for (const auto& s : seen) ASSERT_EQ(s.load(), 1);
  EXPECT_TRUE(lines.looks_empty());
  EXPECT_TRUE(lines.is_consistent());
}

}  // namespace
}  // namespace pawl
