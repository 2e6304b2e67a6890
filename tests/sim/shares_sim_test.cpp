// A queue that its tenants share. Method: the engine on one thread under a virtual clock, in which handlers
// take what the test says, so shares are exact numbers; tenants keep jobs waiting, or come late, are paused
// and limited, use lanes, and have their weights changed. Then everything at random, with each tenant's
// ready jobs in a list beside it: of one tenant none may start before its elders.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/stepped_world.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::below;
using test::one_in;

constexpr duration ns{1};
constexpr duration us = std::chrono::microseconds(1);
constexpr duration ms = std::chrono::milliseconds(1);
constexpr duration second = std::chrono::seconds(1);

struct shared_queue {
  struct member {
    tenant_ref ref;
    unsigned weight = 1;
    std::function<duration()> takes;
    duration got{0};
    unsigned starts = 0;
    bool floods = true;  // brings a new job with each that runs
  };

  explicit shared_queue(unsigned drains = 1) {
    w.wanted.drains = drains;
    w.wanted.ageing = duration(0);
    w.check_counts = false;
    w.act = [this](context& job) { return act(job); };
    kind = w.kind("k", {.backoff = {.base = ms}});
    pool_kind = w.kind("p", {.blocking = true});
    w.open();
    queue = w.queue("q", {.order = queue_order::tenants});
  }
  // The first one is of the jobs without a tenant, if `weight` is 0.
  std::size_t add(unsigned weight, std::function<duration()> takes) {
    member m;
    m.weight = std::max(weight, 1u);
    m.takes = std::move(takes);
    members.push_back(m);
    if (weight != 0) set_weight(members.size() - 1, weight);
    return members.size() - 1;
  }
  std::size_t add(unsigned weight, duration takes) {
    return add(weight, [takes] { return takes; });
  }
  void set_weight(std::size_t m, unsigned weight) {
    const auto ref = w.e->tenant(w.context_of_host(), "t" + std::to_string(m), {.weight = weight});
    ASSERT_TRUE(ref);
    members[m].ref = *ref;
    members[m].weight = weight;
  }
  job_id submit(std::size_t m, unsigned count = 1) {
    job_id id;
    for (unsigned i = 0; i < count; ++i) {
      how.tenant = members[m].ref;
      id = w.submit(queue, uses_pool ? pool_kind : kind, how);
      owner[id.value] = m;
    }
    return id;
  }
  outcome act(context& job) {
    const std::size_t m = owner.at(job.id().value);
    owner.erase(job.id().value);
    const duration takes = members[m].takes();
    w.leap(takes);
    members[m].got += takes;
    ++members[m].starts;
    order.push_back(m);
    if (members[m].floods) submit(m);
    if (meanwhile) meanwhile();
    return outcome::done();
  }
  // So much handler time is used.
  void run_for(duration span) {
    duration used{0};
    for (member& m : members) m.got = duration(0), m.starts = 0;
    order.clear();
    for (unsigned idle = 0; used < span && idle < 3; ++idle) {
      for (unsigned i = 0; i < w.wanted.drains; ++i) {
        if (w.e->step_drain(i)) idle = 0;
      }
      while (uses_pool && w.e->step_drain(0)) {
      }
      if (w.e->step_blocking()) idle = 0;
      if (w.e->step_timer()) idle = 0;
      w.changes.clear();
      used = duration(0);
      for (const member& m : members) used += m.got;
    }
  }
  [[nodiscard]] double largest_error() const {
    double weights = 0;
    double sum = 0;
    for (const member& m : members) {
      weights += m.weight;
      sum += static_cast<double>(m.got.count());
    }
    double largest = 0;
    for (const member& m : members) {
      const double share = static_cast<double>(m.got.count()) / sum;
      largest = std::max(largest, std::fabs(share * weights / m.weight - 1));
    }
    return largest;
  }
  share_lines& lines() {
    return *w.e->parts().queues.at(queue.index)->shares_of(static_cast<unsigned>(priority::normal));
  }
  start_gate& gate_of(std::size_t m) { return *w.e->parts().gates.of_tenant(members[m].ref.index); }

  test::stepped_world w;
  std::vector<member> members;
  std::unordered_map<std::uint64_t, std::size_t> owner;  // of jobs alive
  std::vector<std::size_t> order;                        // whose jobs ran
  std::function<void()> meanwhile;                       // in each handler
  job_options how;
  bool uses_pool = false;
  kind_ref kind;
  kind_ref pool_kind;
  queue_ref queue;
};

// ---- Shares ----

struct mix {
  const char* name;
  std::vector<std::pair<unsigned, duration>> tenants;  // weight, and what a job takes; 0: it varies
};
std::vector<mix> mixes() {
  return {{"equal", {{1, 20 * us}, {1, 20 * us}, {1, 20 * us}}},
          {"weights", {{1, 20 * us}, {2, 20 * us}, {5, 20 * us}, {10, 20 * us}, {1, 20 * us}}},
          {"short and long", {{1, 10 * us}, {1, 10 * ms}}},
          {"the long one is heavy", {{1, 2 * us}, {9, 10 * ms}}},
          {"the short one is heavy", {{9, 20 * us}, {1, 2 * ms}, {1, 5 * us}}},
          {"they vary", {{1, duration(0)}, {3, duration(0)}, {3, 50 * us}, {1, 5 * us}}},
          {"one is without a tenant", {{0, 30 * us}, {1, 3 * us}, {4, 300 * us}}},
          {"a thousand to one", {{1'000, 40 * us}, {1, 5 * us}}}};
}

TEST(shares_sim, are_within_five_percent_of_the_weights_whatever_the_handlers_take) {
  test::random_source random(test::fresh_seed());
  const auto varies = [&random] { return one_in(random, 50) ? 2 * ms : 10 * us; };
  for (const unsigned drains : {1u, 3u}) {
    for (const mix& m : mixes()) {
      shared_queue q(drains);
      for (const auto& [weight, takes] : m.tenants) {
        if (takes.count() != 0) {
          q.add(weight, takes);
        } else {
          q.add(weight, varies);
        }
      }
      // The first one has flooded it before the others come.
      q.submit(0, 4'000);
      for (std::size_t t = 1; t < q.members.size(); ++t) q.submit(t, 64);
      q.run_for(test::sanitized ? second / 4 : 2 * second);
      // Within a shorter time one long job is more.
      EXPECT_LT(q.largest_error(), test::sanitized ? 0.4 : 0.05)
          << m.name << ", " << drains << " drains";
      EXPECT_TRUE(q.lines().is_consistent());
    }
  }
}

TEST(shares_sim, follow_weights_that_change_while_jobs_wait) {
  shared_queue q;
  const std::size_t a = q.add(1, 30 * us);
  const std::size_t b = q.add(1, 70 * us);
  q.submit(a, 2'000);
  q.submit(b, 2'000);
  for (const auto& [of_a, of_b] :
       std::vector<std::pair<unsigned, unsigned>>{{1, 1}, {1, 9}, {1'000, 100}, {3, 7}, {1, 1}}) {
    q.set_weight(a, of_a);
    q.set_weight(b, of_b);
    q.run_for(100 * ms);
    EXPECT_LT(q.largest_error(), 0.05) << of_a << ':' << of_b;
  }
}

TEST(shares_sim, of_handlers_that_take_no_time_are_shares_of_starts) {
  shared_queue q;
  q.add(1, duration(0));
  q.add(3, duration(0));
  q.submit(0, 4'000);
  q.submit(1, 100);
  for (int i = 0; i < 200; ++i) static_cast<void>(q.w.e->step_drain(0));
  const double all = q.members[0].starts + q.members[1].starts;
  ASSERT_GT(all, 1'000);
  EXPECT_NEAR(q.members[1].starts / all, 0.75, 0.03);
}

TEST(shares_sim, are_kept_apart_by_priority) {
  shared_queue q;
  q.add(1, 20 * us);
  q.add(1, 20 * us);
  q.how.priority = priority::high;
  q.submit(0, 100);
  q.how.priority = priority::normal;
  q.members[0].floods = q.members[1].floods = false;
  q.submit(0, 100);
  q.submit(1, 100);
  q.run_for(4 * ms);
  EXPECT_EQ(std::count(q.order.begin(), q.order.begin() + 100, 0u), 100);
  EXPECT_NEAR(static_cast<double>(std::count(q.order.begin() + 100, q.order.end(), 0u)), 50, 3)
      << "what it had of a higher priority is not held against it";
}

// ---- Waiting ----

TEST(shares_sim, let_a_late_tenant_in_after_one_job_of_the_flood) {
  for (const duration takes : {2 * us, 50 * us, 10 * ms}) {
    shared_queue q;
    const std::size_t flood = q.add(1, takes);
    const std::size_t late = q.add(1, us);
    q.members[late].floods = false;
    q.submit(flood, 5'000);
    q.run_for(100 * takes);
    std::uint64_t since = 0;
    duration longest{0};
    unsigned starts = 0;
    int number = 0;
    q.meanwhile = [&] {
      if (q.order.back() == late) {
        const auto waited = static_cast<std::int64_t>(q.w.clock.now_ns - since) * ns;
        longest = std::max(longest, waited - us);
        ++starts;
      } else if (++number % 30 == 7) {
        since = q.w.clock.now_ns;
        q.submit(late);
      }
    };
    q.run_for(2'000 * takes);
    EXPECT_GT(starts, 30u);
    // What was taken before is worth 20 us, or one job.
    EXPECT_LE(longest, std::max(20 * us, takes) + takes) << takes.count();
  }
}

TEST(shares_sim, are_not_saved_up_by_who_is_away) {
  for (const bool was_paused : {false, true}) {
    shared_queue q;
    const std::size_t a = q.add(1, 20 * us);
    const std::size_t b = q.add(1, 20 * us);
    q.submit(a, 1'000);
    q.submit(b, 1'000);
    q.run_for(10 * ms);
    if (was_paused) {
      ASSERT_TRUE(q.w.e->pause(q.w.context_of_host(), q.members[b].ref, {}));
    } else {
      q.members[b].floods = false;
      q.run_for(50 * ms);
    }
    q.run_for(1 * second);
    EXPECT_EQ(q.members[b].starts, 0u);
    q.members[b].floods = true;
    if (was_paused) {
      ASSERT_TRUE(q.w.e->resume(q.w.context_of_host(), q.members[b].ref));
    } else {
      q.submit(b, 1'000);
    }
    q.run_for(10 * ms);
    EXPECT_LT(q.largest_error(), 0.1) << was_paused;
  }
}

// A job brings the next one of its tenant: its line is empty each time.
TEST(shares_sim, count_also_for_who_has_one_job_at_a_time) {
  shared_queue q;
  const std::size_t flood = q.add(1, 100 * us);
  const std::size_t one_by_one = q.add(1, 400 * us);
  q.submit(flood, 1'000);
  q.submit(one_by_one);
  q.run_for(second);
  EXPECT_LT(q.largest_error(), 0.05);
}

// ---- Gates ----

TEST(shares_sim, a_paused_tenant_keeps_its_jobs_in_its_line_and_takes_no_turn) {
  shared_queue q;
  const std::size_t flood = q.add(1, us);
  const std::size_t other = q.add(1, 20 * us);
  q.members[flood].floods = q.members[other].floods = false;
  q.submit(flood, 3'000);
  q.run_for(100 * us);
  ASSERT_TRUE(q.w.e->pause(q.w.context_of_host(), q.members[flood].ref, {}));
  const job_id last = q.submit(flood);
  q.submit(other, 100);
  q.run_for(2 * ms);
  EXPECT_EQ(q.members[flood].starts, 0u);
  EXPECT_EQ(q.members[other].starts, 100u);
  EXPECT_TRUE(q.lines().looks_empty()) << "no drain looks for what is held";
  EXPECT_LE(q.gate_of(flood).waiting(), ordered_batch_max);
  EXPECT_EQ(q.w.find(last).state, job_state::ready);
  EXPECT_EQ(q.w.find(last).waiting_for, waiting_for::tenant);
  ASSERT_TRUE(q.w.e->resume(q.w.context_of_host(), q.members[flood].ref));
  EXPECT_EQ(q.w.find(last).waiting_for, waiting_for::a_drain);
  q.run_for(second);
  EXPECT_EQ(q.w.e->health().jobs, 0u) << "all have run";
  EXPECT_TRUE(q.lines().is_consistent());
}

TEST(shares_sim, who_waits_at_the_gate_may_be_cancelled_and_the_others_go_on) {
  shared_queue q;
  const std::size_t a = q.add(1, us);
  q.members[a].floods = false;
  ASSERT_TRUE(q.w.e->pause(q.w.context_of_host(), q.members[a].ref, {}));
  const job_id first = q.submit(a);
  q.w.settle();
  EXPECT_EQ(q.w.find(first).state, job_state::blocked);
  ASSERT_TRUE(q.w.e->resume(q.w.context_of_host(), q.members[a].ref));
  q.w.settle();
  ASSERT_TRUE(q.w.e->set_limits(q.w.context_of_host(), q.members[a].ref,
                                {.rate = {1, std::chrono::hours(1), 1}}));
  q.submit(a);
  q.w.settle();
  const job_id second_one = q.submit(a);
  q.w.settle();
  const job_id third = q.submit(a);
  q.w.settle();
  EXPECT_EQ(q.w.find(second_one).state, job_state::blocked);
  EXPECT_EQ(q.w.find(third).state, job_state::ready);
  ASSERT_TRUE(q.w.e->set_limits(q.w.context_of_host(), q.members[a].ref, {.concurrency = 1}));
  q.w.settle();
  EXPECT_EQ(q.w.e->health().jobs, 0u);
  EXPECT_FALSE(q.gate_of(a).has_waiting());
  ASSERT_TRUE(q.w.e->pause(q.w.context_of_host(), q.members[a].ref, {}));
  const job_id fourth = q.submit(a);
  q.w.settle();
  const job_id fifth = q.submit(a);
  EXPECT_TRUE(q.lines().looks_empty());
  // The gate is closed still, so the next one takes its place there.
  ASSERT_TRUE(q.w.e->cancel(q.w.context_of_host(), fourth));
  q.w.settle();
  EXPECT_EQ(q.w.find(fifth).state, job_state::blocked);
  ASSERT_TRUE(q.w.e->resume(q.w.context_of_host(), q.members[a].ref));
  q.w.settle();
  EXPECT_EQ(q.w.e->health().jobs, 0u);
  EXPECT_TRUE(q.lines().is_consistent());
}

TEST(shares_sim, a_limit_of_a_tenant_takes_no_turn_from_others) {
  for (const limits bound : {limits{.concurrency = 1}, limits{.rate = {2'000, second, 4}}}) {
    shared_queue q;
    const std::size_t flood = q.add(1, 50 * us);
    const std::size_t other = q.add(1, 50 * us);
    ASSERT_TRUE(q.w.e->set_limits(q.w.context_of_host(), q.members[flood].ref, bound));
    q.submit(flood, 5'000);
    q.submit(other, 100);
    q.run_for(second);
    const double all = q.members[flood].starts + q.members[other].starts;
    if (bound.concurrency != 0) {
      EXPECT_LT(q.largest_error(), 0.05) << "one drain runs one at a time anyway";
    } else {
      EXPECT_NEAR(q.members[flood].starts / all, 0.1, 0.01) << "2,000 of 20,000 a second";
    }
    EXPECT_TRUE(q.lines().is_consistent());
  }
}

TEST(shares_sim, a_lane_takes_no_turn_from_others) {
  shared_queue q;
  const std::size_t flood = q.add(1, 50 * us);
  const std::size_t other = q.add(1, 50 * us);
  q.members[flood].floods = q.members[other].floods = false;
  q.how.lane = "one";
  const job_id first = q.submit(flood);
  q.submit(flood, 1'999);
  q.how.lane = {};
  q.submit(other, 500);
  static_cast<void>(first);
  q.run_for(40 * ms);
  EXPECT_LT(q.largest_error(), 0.05);
  q.run_for(second);
  EXPECT_EQ(q.w.e->health().jobs, 0u);
}

TEST(shares_sim, a_paused_queue_gives_back_what_was_taken_to_where_it_was) {
  shared_queue q;
  const std::size_t a = q.add(1, us);
  const std::size_t b = q.add(1, us);
  q.members[a].floods = q.members[b].floods = false;
  q.submit(a, 500);
  q.submit(b, 500);
  q.run_for(50 * us);
  unsigned runs = 0;
  q.meanwhile = [&] {
    if (++runs % 5 != 0) return;
    ASSERT_TRUE(q.w.e->pause(q.w.context_of_host(), q.queue, {}));
  };
  for (int i = 0; i < 300 && q.w.e->health().jobs != 0; ++i) {
    ASSERT_TRUE(q.w.e->resume(q.w.context_of_host(), q.queue));
    q.run_for(20 * us);
  }
  EXPECT_EQ(q.w.e->health().jobs, 0u);
  EXPECT_TRUE(q.lines().is_consistent());
}

// ---- Everything at random ----

// The ready jobs of each tenant by when they became ready; those of one turn of the timers together.
struct elders {
  struct known_job {
    std::size_t tenant;
    std::uint64_t number;
    bool is_ready;
  };
  std::unordered_map<std::uint64_t, known_job> jobs;
  std::map<std::size_t, std::multimap<std::uint64_t, std::uint64_t>> ready;
  std::set<std::uint64_t> delayed;
  std::uint64_t number = 0;

  void becomes_ready(std::uint64_t id) {
    known_job& job = jobs.at(id);
    job.number = number;
    job.is_ready = true;
    ready[job.tenant].emplace(number, id);
    delayed.erase(id);
  }
  void leaves(std::uint64_t id) {
    known_job& job = jobs.at(id);
    delayed.erase(id);
    if (!job.is_ready) return;
    job.is_ready = false;
    auto& of = ready[job.tenant];
    for (auto [i, end] = of.equal_range(job.number); i != end; ++i) {
      if (i->second != id) continue;
      of.erase(i);
      return;
    }
  }
  void starts(std::uint64_t id) {
    const known_job& job = jobs.at(id);
    ASSERT_TRUE(job.is_ready) << "it started and was not ready, or twice";
    ASSERT_EQ(ready[job.tenant].begin()->first, job.number) << "of tenant " << job.tenant;
    leaves(id);
  }
};

// Whose gates close now and then. Not both at a time: what a tenant's gate has let go and a queue that closes
// stops asks again at the end of the gate's line.
enum class closing : std::uint8_t { queue, tenants };

class random_shares : public ::testing::TestWithParam<closing> {
 protected:
  static constexpr std::size_t tenants = 5;

  random_shares() {
    for (std::size_t t = 0; t < tenants; ++t) {
      q_.add(static_cast<unsigned>(t), us);
      is_paused_.push_back(false);
    }
    q_.w.act = [this](context& job) { return act(job); };
  }

  // What the hooks told since the last look.
  void sync() {
    for (; seen_ < q_.w.changes.size(); ++seen_) {
      const job_change c = q_.w.changes[seen_].what;
      const std::uint64_t id = c.id.value;
      ++elders_.number;
      switch (c.state) {
        case job_state::running:
          elders_.starts(id);
          ++starts_;
          break;
        case job_state::ready:
          elders_.becomes_ready(id);
          break;
        case job_state::scheduled:
          elders_.delayed.insert(id);
          break;
        default:
          elders_.leaves(id);
      }
    }
    q_.w.changes.clear();
    seen_ = 0;
  }
  void look_for_due() {
    ++elders_.number;
    const std::set<std::uint64_t> delayed = elders_.delayed;
    for (const std::uint64_t id : delayed) {
      if (q_.w.find({id}).state == job_state::ready) elders_.becomes_ready(id);
    }
  }
  outcome act(context& job) {
    sync();
    if (one_in(random_, 3)) submit();
    // A tenant's gate that opens while a batch is in hand, by a verb or by time, is for that before it is for who
    // waits.
    if (GetParam() == closing::queue) {
      q_.w.leap(one_in(random_, 20) ? 300 * us : us);
      if (one_in(random_, 30)) change();
    }
    switch (below<unsigned>(random_, 12)) {
      case 0:
        return job.attempt() > 3 ? outcome::done() : outcome::fail();
      case 1:
        return outcome::snooze(100 * us);
      case 2:
        return outcome::yield();
      default:
        return outcome::done();
    }
  }
  void submit() {
    sync();
    const auto t = one_in(random_, 2) ? 1 : below<std::size_t>(random_, tenants);
    job_options how{.tenant = q_.members[t].ref};
    if (one_in(random_, 10)) how.after = 200 * us;
    if (one_in(random_, 20)) how.expires = 500 * us;
    const submit_answer a = q_.w.try_submit(q_.queue, q_.kind, how);
    ASSERT_TRUE(a);
    ids_.push_back(a.ticket.id);
    elders_.jobs[a.ticket.id.value] = {t, 0, false};
    ++elders_.number;
    if (how.after.count() != 0) {
      elders_.delayed.insert(a.ticket.id.value);
    } else {
      elders_.becomes_ready(a.ticket.id.value);
    }
  }
  void change() {
    thread_context& host = q_.w.context_of_host();
    const auto t = 1 + below<std::size_t>(random_, tenants - 1);
    const tenant_ref ref = q_.members[t].ref;
    switch (below<unsigned>(random_, 4) + (GetParam() == closing::queue ? 3 : 0)) {
      case 0:
        ASSERT_TRUE(is_paused_[t] ? q_.w.e->resume(host, ref) : q_.w.e->pause(host, ref, {}));
        is_paused_[t] = !is_paused_[t];
        return;
      case 1:
        ASSERT_TRUE(q_.w.e->hold(host, ref, 300 * us));
        return;
      case 2: {
        limits bound;
        if (one_in(random_, 2)) bound.concurrency = 1;
        if (one_in(random_, 2)) bound.rate = {20, ms, 3};
        const unsigned weight = 1 + below<unsigned>(random_, 1'000);
        ASSERT_TRUE(q_.w.e->tenant(host, "t" + std::to_string(t), {bound, weight}));
        return;
      }
      case 4:
        ASSERT_TRUE(is_paused_[0] ? q_.w.e->resume(host, q_.queue)
                                  : q_.w.e->pause(host, q_.queue, {}));
        is_paused_[0] = !is_paused_[0];
        return;
      case 5: {
        limits bound;
        if (one_in(random_, 2)) bound.rate = {50, ms, 3};
        ASSERT_TRUE(q_.w.e->set_limits(host, q_.queue, bound));
        return;
      }
      case 6: {
        const unsigned weight = 1 + below<unsigned>(random_, 1'000);
        ASSERT_TRUE(q_.w.e->tenant(host, "t" + std::to_string(t), {.weight = weight}));
        return;
      }
      default:
        if (ids_.empty()) return;
        static_cast<void>(q_.w.e->cancel(host, ids_[below<std::size_t>(random_, ids_.size())]));
        sync();
    }
  }
  void step() {
    while (q_.w.e->step_timer()) {
    }
    sync();
    look_for_due();
    static_cast<void>(q_.w.e->step_drain(0));
    sync();
  }

  test::random_source random_{test::fresh_seed()};
  shared_queue q_;
  elders elders_;
  std::vector<job_id> ids_;
  std::vector<bool> is_paused_;  // of tenants; 0: the queue is
  std::size_t seen_ = 0;
  std::uint64_t starts_ = 0;
};

INSTANTIATE_TEST_SUITE_P(gates, random_shares, ::testing::Values(closing::queue, closing::tenants));

TEST_P(random_shares, of_one_tenant_no_job_starts_before_its_elders_and_all_have_their_turn) {
  thread_context& host = q_.w.context_of_host();
  for (int i = 0; i < test::scaled(60'000); ++i) {
    if (q_.w.e->health().jobs < 2'000 && one_in(random_, 2)) submit();
    if (one_in(random_, 50)) change();
    if (one_in(random_, 5)) q_.w.leap(20 * us);
    ASSERT_NO_FATAL_FAILURE(step()) << "step " << i;
    ASSERT_TRUE(i % 256 != 0 || q_.lines().is_consistent());
  }
  EXPECT_GT(starts_, static_cast<std::uint64_t>(test::scaled(2'000)));
  q_.w.act = [](context&) { return outcome::done(); };
  ASSERT_TRUE(q_.w.e->resume(host, q_.queue));
  ASSERT_TRUE(q_.w.e->set_limits(host, q_.queue, {}));
  for (std::size_t t = 1; t < tenants; ++t) {
    ASSERT_TRUE(q_.w.e->resume(host, q_.members[t].ref));
    ASSERT_TRUE(q_.w.e->set_limits(host, q_.members[t].ref, {}));
  }
  q_.w.advance(2 * second);
  EXPECT_EQ(q_.w.e->health().jobs, 0u) << "everything is open";
  EXPECT_TRUE(q_.lines().is_consistent());
  // Nobody is held for ever.
  for (std::size_t t = 0; t < tenants; ++t) {
    static_cast<void>(q_.w.try_submit(q_.queue, q_.kind, {.tenant = q_.members[t].ref}));
  }
  EXPECT_EQ(q_.lines().size(), tenants);
}

// ---- The pool ----

TEST(shares_sim, hold_for_the_threads_of_blocking_kinds_as_well) {
  shared_queue q;
  q.uses_pool = true;
  q.add(1, 5 * ms);
  q.add(3, 5 * ms);
  q.add(1, 500 * us);
  q.submit(0, 4'000);
  q.submit(1, 100);
  q.submit(2, 100);
  q.run_for(10 * second);
  EXPECT_LT(q.largest_error(), 0.05);
}

}  // namespace
}  // namespace pawl
