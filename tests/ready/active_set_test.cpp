// Which queues have work. Method: random sets and clears, compared with a std::set after each step:
// every question, and next() from random places in its cyclic order. Then threads with queues of
// their own in shared words.
#include "ready/active_set.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <set>

#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::below;
using test::on_threads;
using test::scaled;

using model = std::set<unsigned>;

unsigned model_next(const model& m, unsigned from) {
  if (m.empty()) return no_queue;
  const auto at = m.lower_bound(from % queues_max);
  return at == m.end() ? *m.begin() : *at;
}

TEST(active_set, answers_like_a_std_set) {
  // Few queues, all queues, and queues at the borders of words, by turns.
  test::random_source random(test::fresh_seed());
  for (const unsigned range : {3u, 130u, queues_max}) {
    const auto active = std::make_unique<active_set>();
    std::array<model, priority_count> models;
    for (int step = 0; step < scaled(60'000); ++step) {
      const auto band = below<unsigned>(random, priority_count);
      unsigned queue = below<unsigned>(random, range);
      if (test::one_in(random, 4)) queue = (queue / 64 * 64 + 63) % queues_max;
      if (test::one_in(random, 2)) {
        active->set(queue, band);
        models[band].insert(queue);
      } else {
        active->clear(queue, band);
        models[band].erase(queue);
      }
      bool any = false;
      for (unsigned b = 0; b < priority_count; ++b) {
        ASSERT_EQ(active->has(b), !models[b].empty());
        any = any || !models[b].empty();
      }
      ASSERT_EQ(active->any(), any);
      const unsigned from =
          test::one_in(random, 3) ? queue + 1 : below<unsigned>(random, queues_max);
      ASSERT_EQ(active->next(band, from), model_next(models[band], from)) << "from " << from;
    }
  }
}

TEST(active_set, next_visits_every_member_once_a_round) {
  const auto active = std::make_unique<active_set>();
  const model wanted{0, 1, 63, 64, 127, 2000, 4032, 4095};
  for (const unsigned q : wanted) active->set(q, 3);
  for (unsigned start = 0; start < queues_max; start += 37) {
    model seen;
    unsigned q = active->next(3, start);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_TRUE(seen.insert(q).second) << q;
      q = active->next(3, q + 1);
    }
    EXPECT_EQ(seen, wanted);
  }
  EXPECT_EQ(active->next(2, 0), no_queue);
}

TEST(active_set, the_summary_is_true_at_rest_after_threads_share_its_words) {
  // Each thread sets and clears queues of its own, which share words with the others'. A member is
  // visible to its owner as soon as set() returned or the word was set before, and at rest all agree.
  const auto active = std::make_unique<active_set>();
  const std::uint64_t seed = test::fresh_seed();
  std::array<model, 4> left;
  on_threads(4, [&](int thread) {
    test::random_source random(seed + static_cast<std::uint64_t>(thread));
    model& mine = left[static_cast<std::size_t>(thread)];
    for (int i = 0; i < scaled(100'000); ++i) {
      const unsigned q = below<unsigned>(random, 32) * 4 + static_cast<unsigned>(thread);
      if (mine.count(q) != 0) {
        active->clear(q, 0);
        mine.erase(q);
      } else {
        active->set(q, 0);
        mine.insert(q);
      }
    }
  });
  model all;
  for (const model& m : left) all.insert(m.begin(), m.end());
  EXPECT_EQ(active->has(0), !all.empty());
  for (unsigned from = 0; from < 128; ++from)
    ASSERT_EQ(active->next(0, from), model_next(all, from));
}

}  // namespace
}  // namespace pawl
