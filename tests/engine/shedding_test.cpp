// What a bound that was lowered means for a queue that sheds. Method: a paused queue, so that only the
// test ends jobs; after each step all jobs are compared with a model: per band a list in submit order.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <deque>
#include <memory>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::no_payload;
using test::open_or_exit;
using test::queue_or_exit;
using test::small_options;

class shedding : public ::testing::Test {
 protected:
  void open(std::uint64_t bound) {
    s = open_or_exit(small_options(), kinds);
    q = queue_or_exit(*s, "q", {.jobs_max = bound, .when_full = when_full::shed});
    ASSERT_TRUE(s->pause(q));
  }
  submit_answer submit(priority p = priority::normal) {
    return s->submit(q, kind, no_payload(), {.priority = p});
  }
  void set_bound(std::uint64_t bound, when_full policy = when_full::shed) {
    ASSERT_TRUE(s->set_options(q, {.jobs_max = bound, .when_full = policy}));
  }
  bool is_ready(job_id id) const { return s->find(id)->state == job_state::ready; }
  bool is_shed(job_id id) const {
    const auto known = s->find(id);
    return known->state == job_state::dead && known->cause == dead_cause::shed;
  }
  std::uint64_t shed_count() const {
    return s->read_counters().dead[static_cast<std::size_t>(dead_cause::shed)];
  }

  registry kinds;
  kind_ref kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  std::unique_ptr<scheduler> s;
  queue_ref q;
};

TEST_F(shedding, a_lowered_bound_ends_no_job_and_sheds_again_once_enough_have_ended) {
  open(10);
  std::vector<job_id> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(submit(i % 2 == 0 ? priority::normal : priority::low).ticket.id);
  }
  set_bound(4);
  EXPECT_EQ(s->read_counters().ended(), 0u) << "set_options ended a job";
  // From ten to five alive: refused, whatever the priority, and nothing is shed for it.
  for (int alive = 10; alive > 4; --alive) {
    EXPECT_EQ(s->health().queues[0].jobs, static_cast<std::uint64_t>(alive));
    EXPECT_EQ(submit(priority::critical).reason, reject::queue_full) << alive << " alive";
    const auto bulk = s->submit_bulk(q, kind, std::vector<job_spec>(3));
    EXPECT_EQ(bulk.accepted, 0u);
    EXPECT_EQ(bulk.reason, reject::queue_full);
    EXPECT_EQ(shed_count(), 0u) << alive << " alive";
    ASSERT_TRUE(s->cancel(ids[static_cast<std::size_t>(10 - alive)]));
  }
  // Numbers 6 to 9 are left, 7 and 9 of them low.
  EXPECT_TRUE(submit(priority::critical));
  EXPECT_TRUE(is_shed(ids[7])) << "the oldest of the lowest band";
  EXPECT_TRUE(is_ready(ids[6]) && is_ready(ids[8]) && is_ready(ids[9]));
  EXPECT_TRUE(submit(priority::low));
  EXPECT_TRUE(is_shed(ids[9])) << "one of its own band, and older";
  EXPECT_TRUE(is_ready(ids[6]) && is_ready(ids[8]));
  EXPECT_EQ(shed_count(), 2u);
}

TEST_F(shedding, a_job_below_all_others_is_refused_and_nothing_is_shed) {
  open(5);
  std::vector<job_id> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(submit(priority::above).ticket.id);
  set_bound(4);
  ASSERT_TRUE(s->cancel(ids[0]));  // as many as the bound: it may shed
  for (const priority p : {priority::normal, priority::low, priority::idle}) {
    EXPECT_EQ(submit(p).reason, reject::queue_full);
  }
  EXPECT_EQ(shed_count(), 0u);
  EXPECT_TRUE(submit(priority::above));
  EXPECT_TRUE(is_shed(ids[1]));
}

TEST_F(shedding, jobs_that_run_make_room_under_a_lowered_bound_too) {
  open(100);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(submit());
  set_bound(2);
  ASSERT_TRUE(s->resume(q));
  EXPECT_TRUE(test::eventually([&] { return s->read_counters().completed == 100; }));
  ASSERT_TRUE(s->pause(q));
  EXPECT_TRUE(test::eventually([&] { return s->health().queues[0].jobs == 0; }));
  const job_id oldest = submit().ticket.id;
  ASSERT_TRUE(submit());
  EXPECT_EQ(shed_count(), 0u);
  ASSERT_TRUE(submit());
  EXPECT_TRUE(is_shed(oldest));
}

TEST_F(shedding, what_a_pause_took_out_of_a_batch_is_older_than_what_is_in_the_band) {
  // The first of a batch pauses its queue: the others go back to the front list.
  registry more;
  const kind_ref pauses = more.add("p", [](void*, context& job, std::span<const std::byte>) {
    return job.owner().pause(job.queue()) ? outcome::done() : outcome::dead();
  });
  const kind_ref plain =
      more.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  options o = small_options();
  o.drains = 1;
  s = open_or_exit(o, more);
  q = queue_or_exit(*s, "q", {.jobs_max = 4, .when_full = when_full::shed});
  ASSERT_TRUE(s->pause(q));
  const job_id first = s->submit(q, pauses, no_payload()).ticket.id;
  std::vector<job_id> ids;
  const auto submit_plain = [&] {
    const auto a = s->submit(q, plain, no_payload());
    ASSERT_TRUE(a);
    ids.push_back(a.ticket.id);
  };
  for (int i = 0; i < 3; ++i) submit_plain();
  ASSERT_TRUE(s->resume(q));
  ASSERT_TRUE(s->wait(first, test::patience));
  ASSERT_TRUE(test::eventually([&] { return s->health().drains_asleep == 1; }));
  submit_plain();  // there is room for one, behind those that came back
  for (std::size_t i = 0; i < 4; ++i) {
    submit_plain();
    EXPECT_TRUE(is_shed(ids[i])) << i;
    EXPECT_TRUE(is_ready(ids[i + 1])) << i;
  }
}

// The plainest queue that sheds.
struct model {
  std::array<std::deque<job_id>, priority_count> bands;
  std::vector<job_id> shed;
  std::uint64_t bound = 0;
  when_full policy = when_full::shed;

  std::size_t alive() const {
    std::size_t sum = 0;
    for (const auto& b : bands) sum += b.size();
    return sum;
  }
  // Makes room for one of `band`. False: it is refused.
  bool admit(unsigned band) {
    if (alive() < bound) return true;
    if (alive() > bound || policy != when_full::shed) return false;
    for (unsigned b = priority_count; b-- > band;) {
      if (bands[b].empty()) continue;
      shed.push_back(bands[b].front());
      bands[b].pop_front();
      return true;
    }
    return false;
  }
  void cancel(unsigned band, std::size_t at) {
    bands[band].erase(bands[band].begin() + static_cast<std::ptrdiff_t>(at));
  }
};

TEST_F(shedding, agrees_with_a_model_while_the_bound_goes_up_and_down) {
  test::random_source random(test::fresh_seed());
  open(8);
  model m;
  m.bound = 8;
  int refused_above = 0;
  for (int i = 0; i < test::scaled(6000); ++i) {
    switch (test::below<int>(random, 6)) {
      case 0: {
        m.bound = 1 + test::below(random, 12);
        m.policy = test::one_in(random, 4) ? when_full::reject : when_full::shed;
        const std::uint64_t ended = s->read_counters().ended();
        set_bound(m.bound, m.policy);
        ASSERT_EQ(s->read_counters().ended(), ended) << "set_options ended a job";
        break;
      }
      case 1: {
        const auto band = test::below<unsigned>(random, priority_count);
        if (m.bands[band].empty()) break;
        const auto at = test::below<std::size_t>(random, m.bands[band].size());
        ASSERT_TRUE(s->cancel(m.bands[band][at]));
        m.cancel(band, at);
        break;
      }
      case 2: {
        // A bulk is as good as single submits up to the first that is refused.
        std::vector<job_spec> specs(test::below<std::size_t>(random, 6));
        for (job_spec& spec : specs) {
          spec.options.priority = static_cast<priority>(test::below<unsigned>(random, 3) + 2);
        }
        std::vector<job_id> ids(specs.size());
        const auto a = s->submit_bulk(q, kind, specs, ids);
        std::size_t expected = 0;
        for (; expected < specs.size(); ++expected) {
          const auto band = static_cast<unsigned>(specs[expected].options.priority);
          if (!m.admit(band)) break;
          ASSERT_LT(expected, a.accepted);
          m.bands[band].push_back(ids[expected]);
        }
        ASSERT_EQ(a.accepted, expected);
        break;
      }
      default: {
        const auto band = test::below<unsigned>(random, priority_count);
        if (m.alive() > m.bound) ++refused_above;
        const bool admitted = m.admit(band);
        const auto a = submit(static_cast<priority>(band));
        ASSERT_EQ(a.reason, admitted ? reject::none : reject::queue_full);
        if (admitted) m.bands[band].push_back(a.ticket.id);
        break;
      }
    }
    ASSERT_EQ(s->health().queues[0].jobs, m.alive());
    ASSERT_EQ(shed_count(), m.shed.size());
    if (!m.shed.empty()) {
      ASSERT_TRUE(is_shed(m.shed.back()));
    }
    for (const auto& ids : m.bands) {
      for (const job_id id : ids) ASSERT_TRUE(is_ready(id));
    }
  }
  std::printf("%zu shed, %d refused above the bound\n", m.shed.size(), refused_above);
  EXPECT_FALSE(m.shed.empty());
  EXPECT_GT(refused_above, 0);
}

}  // namespace
}  // namespace pawl
