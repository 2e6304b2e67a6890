// Limits, pauses and holds of queues, kinds, tenants and the scheduler. Method: the engine on one thread
// under a virtual clock. A handler may step the other drains, so attempts overlap as they do on threads;
// each start is held against every limit in force, by plain counts and lists of times. At the end
// everything is opened, and everything must have run: nothing was forgotten behind a gate.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <vector>

#include "engine/gating.hpp"
#include "sim/stepped_world.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::below;
using test::one_in;

constexpr duration second = std::chrono::seconds(1);

// One scope as the test sees it.
struct watched_scope {
  explicit watched_scope(scope s) : of(s) {}
  scope of;
  limits now;
  bool is_paused = false;
  std::uint64_t held_until_ns = 0;
  std::uint32_t running = 0;
  std::deque<std::uint64_t> starts;  // since the rate was set

  void start(std::uint64_t at_ns) {
    ASSERT_FALSE(is_paused) << "a start after pause() returned";
    ASSERT_GE(at_ns, held_until_ns) << "a start in a hold";
    ++running;
    if (now.concurrency != 0) {
      ASSERT_LE(running, now.concurrency) << "part " << static_cast<int>(of.of());
    }
    if (now.rate.starts == 0) return;
    starts.push_back(at_ns);
    // Every span that ends here.
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const std::size_t count = starts.size() - i;
      const std::size_t beyond = count > now.rate.burst ? count - now.rate.burst : 0;
      ASSERT_LE(beyond * static_cast<std::uint64_t>(now.rate.per.count()),
                (at_ns - starts[i]) * now.rate.starts)
          << count << " starts in " << at_ns - starts[i] << " ns";
    }
    if (starts.size() > 300) starts.pop_front();
  }
  void end() { --running; }
};

class limits_sim : public ::testing::Test {
 protected:
  static constexpr unsigned drains = 3;

  void open(unsigned seed_shift = 0) {
    random_ = test::random_source(test::fresh_seed() + seed_shift);
    w_.wanted.drains = drains;
    w_.wanted.jobs_max = 8000;
    w_.check_counts = false;
    w_.act = [this](context& job) { return act(job); };
    for (int i = 0; i < 3; ++i) {
      kinds_.push_back(w_.kind(("k" + std::to_string(i)).c_str(),
                               {.blocking = i == 2,
                                .max_attempts = 2,
                                .backoff = {.base = std::chrono::milliseconds(3)}}));
    }
    w_.open();
    queues_ = {w_.queue("a"), w_.queue("b", {.order = queue_order::deadline})};
    for (const char* name : {"t", "u"}) {
      tenants_.push_back(*w_.e->tenant(w_.context_of_host(), name, {}));
    }
    scopes_.emplace_back(scope::all());
    for (const queue_ref q : queues_) scopes_.emplace_back(q);
    for (const kind_ref k : kinds_) scopes_.emplace_back(k);
    for (const tenant_ref t : tenants_) scopes_.emplace_back(t);
  }

  bool concerns(const watched_scope& s, const context& job) {
    switch (s.of.of()) {
      case scope::part::scheduler:
        return true;
      case scope::part::queue:
        return s.of.queue() == job.queue();
      case scope::part::kind:
        return s.of.kind() == job.kind();
      case scope::part::tenant:
        return tenant_of_[job.id().value] == s.of.tenant().index;
      case scope::part::lane:
        break;  // none of them has one: tests/engine/lanes_property_test.cpp
    }
    return false;
  }

  outcome act(context& job) {
    ++ran_;
    for (watched_scope& s : scopes_) {
      if (concerns(s, job)) s.start(w_.clock.now_ns);
    }
    // Others run meanwhile, on the other drains and in the pool.
    if (depth_ < drains && !one_in(random_, 3)) {
      ++depth_;
      w_.clock.now_ns += below<std::uint64_t>(random_, 200'000);
      for (unsigned i = 0; i < drains; ++i) {
        if (busy_[i]) continue;
        busy_[i] = true;
        static_cast<void>(w_.e->step_drain(i));
        busy_[i] = false;
      }
      if (!busy_pool_) {
        busy_pool_ = true;
        static_cast<void>(w_.e->step_blocking());
        busy_pool_ = false;
      }
      --depth_;
    }
    for (watched_scope& s : scopes_) {
      if (concerns(s, job)) s.end();
    }
    if (one_in(random_, 20)) return outcome::fail();
    if (one_in(random_, 20)) return outcome::yield();
    if (one_in(random_, 30)) return outcome::snooze(std::chrono::milliseconds(1));
    return outcome::done();
  }

  void submit() {
    const auto t = below<std::size_t>(random_, tenants_.size() + 1);
    job_options how;
    how.priority = static_cast<priority>(below<unsigned>(random_, priority_count));
    if (t < tenants_.size()) how.tenant = tenants_[t];
    if (one_in(random_, 6)) how.after = duration(below<std::int64_t>(random_, 3'000'000));
    if (one_in(random_, 2)) how.deadline = duration(below<std::int64_t>(random_, 3'000'000));
    if (one_in(random_, 6)) how.expires = duration(1 + below<std::int64_t>(random_, 9'000'000));
    const job_id id = w_.submit(queues_[below<std::size_t>(random_, queues_.size())],
                                kinds_[below<std::size_t>(random_, kinds_.size())], how);
    tenant_of_[id.value] = how.tenant.index;
    ids_.push_back(id);
  }

  void change_limits(watched_scope& s) {
    limits wanted;
    if (s.of.of() != scope::part::scheduler && !one_in(random_, 3)) {
      wanted.concurrency = 1 + below<std::uint32_t>(random_, 3);
    }
    if (one_in(random_, 2)) {
      wanted.rate = {1 + below<std::uint32_t>(random_, 50), std::chrono::milliseconds(10),
                     1 + below<std::uint32_t>(random_, 5)};
    }
    ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), s.of, wanted));
    s.now = wanted;
    s.starts.clear();
  }

  void pause_or_resume(watched_scope& s) {
    if (s.is_paused) {
      ASSERT_TRUE(w_.e->resume(w_.context_of_host(), s.of));
    } else {
      ASSERT_TRUE(w_.e->pause(w_.context_of_host(), s.of, {}));
    }
    s.is_paused = !s.is_paused;
  }

  void one_operation() {
    watched_scope& s = scopes_[below<std::size_t>(random_, scopes_.size())];
    switch (below<unsigned>(random_, 24)) {
      case 0:
        return change_limits(s);
      case 1:
      case 2:
        return pause_or_resume(s);
      case 3: {
        const duration span(1 + below<std::int64_t>(random_, 2'000'000));
        ASSERT_TRUE(w_.e->hold(w_.context_of_host(), s.of, span));
        s.held_until_ns =
            std::max(s.held_until_ns, w_.clock.now_ns + static_cast<std::uint64_t>(span.count()));
        return;
      }
      case 4:
        if (!ids_.empty()) {
          static_cast<void>(
              w_.e->cancel(w_.context_of_host(), ids_[below<std::size_t>(random_, ids_.size())]));
        }
        return;
      case 5:
      case 6:
        w_.clock.now_ns += below<std::uint64_t>(random_, 3'000'000);
        return;
      case 7:
      case 8:
      case 9:
        static_cast<void>(w_.e->step_timer());
        return;
      default:
        if (one_in(random_, 2) && w_.e->health().jobs < 500) return submit();
        depth_ = 0;
        if (one_in(random_, 4)) {
          busy_pool_ = true;
          static_cast<void>(w_.e->step_blocking());
          busy_pool_ = false;
        } else {
          busy_[0] = true;
          static_cast<void>(w_.e->step_drain(0));
          busy_[0] = false;
        }
    }
  }

  void open_everything() {
    for (watched_scope& s : scopes_) {
      if (s.is_paused) pause_or_resume(s);
      ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), s.of, {}));
      s.now = {};
    }
  }

  void expect_all_at_rest() {
    core& c = w_.e->parts();
    EXPECT_EQ(w_.e->health().jobs, 0u) << what_is_left();
    const counters n = w_.e->read_counters();
    EXPECT_EQ(n.accepted, n.ended());
    for (const kind_ref k : kinds_) expect_at_rest(c.gates.of_kind(k.index));
    for (const tenant_ref t : tenants_) expect_at_rest(*c.gates.of_tenant(t.index));
    for (const queue_ref q : queues_) {
      EXPECT_EQ(c.queues.at(q.index)->limits().used(), 0u);
      EXPECT_FALSE(c.queues.at(q.index)->has_equipped());
    }
  }
  // Of the jobs that are alive, where they are.
  std::string what_is_left() {
    std::map<std::string, int> counts;
    for (const job_id id : ids_) {
      const auto known = w_.e->find(id);
      if (!known || known->state == job_state::ended || known->state == job_state::dead) continue;
      const unsigned number = known->queue.index;
      ++counts[std::string(name(known->state)) + " for " + std::string(name(known->waiting_for)) +
               ", queue " + std::to_string(number) + ", kind " + std::to_string(known->kind.index) +
               ", front " +
               std::to_string(!w_.e->parts()
                                   .queues.at(number)
                                   ->front_of(static_cast<unsigned>(known->priority))
                                   .looks_empty())];
    }
    std::string all;
    for (const auto& [what, count] : counts) all += what + ": " + std::to_string(count) + "\n";
    return all;
  }
  static void expect_at_rest(start_gate& gate) {
    EXPECT_EQ(gate.of().used(), 0u);
    EXPECT_EQ(gate.waiting(), 0u);
    EXPECT_EQ(gate.in_transit(), 0u);
    EXPECT_TRUE(gate.line().is_empty());
  }

  test::random_source random_{1};
  test::stepped_world w_;
  std::vector<kind_ref> kinds_;
  std::vector<queue_ref> queues_;
  std::vector<tenant_ref> tenants_;
  std::vector<watched_scope> scopes_;
  std::map<std::uint64_t, unsigned> tenant_of_;
  std::vector<job_id> ids_;
  bool busy_[drains] = {};
  bool busy_pool_ = false;
  unsigned depth_ = 0;
  std::uint64_t ran_ = 0;
};

TEST_F(limits_sim, no_start_passes_a_limit_a_pause_or_a_hold_and_nothing_is_forgotten) {
  open();
  // A limit counts starts from when it is set; to hold each start against it, it is set before.
  for (watched_scope& s : scopes_) {
    limits wanted{.concurrency = s.of.of() == scope::part::scheduler ? 0u : 2u};
    ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), s.of, wanted));
    s.now = wanted;
  }
  for (int i = 0; i < test::scaled(300'000) && !HasFatalFailure(); ++i) {
    one_operation();
    if (i % 5'000 == 0) w_.changes.clear();
  }
  ASSERT_GT(ran_, static_cast<std::uint64_t>(test::scaled(1000)));
  ASSERT_NO_FATAL_FAILURE(open_everything());
  busy_[0] = busy_[1] = busy_[2] = busy_pool_ = true;  // settle() steps them itself
  for (int i = 0; i < 100; ++i) w_.advance(second);
  expect_all_at_rest();
}

TEST_F(limits_sim, jobs_of_a_full_kind_start_in_the_order_in_which_they_came) {
  open();
  std::vector<job_id> order;
  depth_ = drains;  // no overlap
  const tenant_ref t = tenants_[0];
  for (const scope s : {scope(kinds_[0]), scope(t)}) {
    ASSERT_TRUE(w_.e->pause(w_.context_of_host(), s, {}));
    std::vector<job_id> ids;
    for (int i = 0; i < 500; ++i) {
      ids.push_back(w_.submit(queues_[0], kinds_[0], {.tenant = t}));
      if (one_in(random_, 10)) w_.settle();
    }
    w_.settle();
    EXPECT_EQ(w_.find(ids[7]).state, job_state::blocked);
    EXPECT_EQ(w_.find(ids[7]).waiting_for,
              s.of() == scope::part::kind ? waiting_for::kind : waiting_for::tenant);
    ASSERT_TRUE(w_.e->cancel(w_.context_of_host(), ids[7]));
    w_.act = [&order](context& job) {
      order.push_back(job.id());
      return outcome::done();
    };
    ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), s, {.concurrency = 1}));
    ASSERT_TRUE(w_.e->resume(w_.context_of_host(), s));
    w_.settle();
    ids.erase(ids.begin() + 7);
    EXPECT_EQ(order, ids);
    order.clear();
  }
  expect_all_at_rest();
}

TEST_F(limits_sim, a_rate_lets_jobs_start_when_time_has_come_and_costs_nothing_meanwhile) {
  open();
  w_.act = [](context&) { return outcome::done(); };
  for (const scope s : {scope::all(), scope(queues_[0]), scope(kinds_[0]), scope(tenants_[0])}) {
    ASSERT_TRUE(
        w_.e->set_limits(w_.context_of_host(), s, {.rate = {10, std::chrono::seconds(1), 1}}));
    w_.advance(second);
    w_.changes.clear();
    std::vector<job_id> ids;
    for (int i = 0; i < 20; ++i) {
      ids.push_back(w_.submit(queues_[0], kinds_[0], {.tenant = tenants_[0]}));
    }
    const std::uint64_t begin = w_.clock.now_ns;
    w_.settle();
    EXPECT_FALSE(w_.e->step_drain(0)) << "a drain may sleep";
    EXPECT_GE(w_.e->next_timer_ns(), begin + 90'000'000) << "and the timer thread too";
    w_.advance(std::chrono::seconds(3));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto starts = w_.starts_of(ids[i]);
      ASSERT_EQ(starts.size(), 1u);
      EXPECT_GE(starts[0], begin + i * 100'000'000);
      EXPECT_LE(starts[0], begin + i * 100'000'000 + 5'000'000);
    }
    ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), s, {}));
  }
}

TEST_F(limits_sim, a_new_rate_does_not_wait_for_what_the_old_one_put_off) {
  open();
  w_.act = [](context&) { return outcome::done(); };
  for (const scope s : {scope::all(), scope(queues_[0]), scope(kinds_[0]), scope(tenants_[0])}) {
    ASSERT_TRUE(
        w_.e->set_limits(w_.context_of_host(), s, {.rate = {1, std::chrono::hours(20), 1}}));
    for (int i = 0; i < 3; ++i) w_.submit(queues_[0], kinds_[0], {.tenant = tenants_[0]});
    w_.settle();
    EXPECT_EQ(w_.e->health().jobs, 2u);
    ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), s, {.rate = {10, second, 1}}));
    w_.advance(second);
    EXPECT_EQ(w_.e->health().jobs, 0u);
    ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), s, {}));
  }
}

TEST_F(limits_sim, a_pause_and_a_hold_end_by_themselves) {
  open();
  w_.act = [](context&) { return outcome::done(); };
  for (const scope s : {scope::all(), scope(queues_[0]), scope(kinds_[0]), scope(tenants_[0])}) {
    for (const bool pauses : {true, false}) {
      const std::uint64_t until = w_.clock.now_ns + 2'000'000'000;
      ASSERT_TRUE(pauses ? w_.e->pause(w_.context_of_host(), s, 2 * second)
                         : w_.e->hold(w_.context_of_host(), s, 2 * second));
      const job_id id = w_.submit(queues_[0], kinds_[0], {.tenant = tenants_[0]});
      w_.advance(std::chrono::milliseconds(1999));
      EXPECT_TRUE(w_.starts_of(id).empty());
      w_.advance(std::chrono::milliseconds(2));
      ASSERT_EQ(w_.starts_of(id).size(), 1u);
      EXPECT_GE(w_.starts_of(id)[0], until);
    }
    // resume() ends a pause early, and what was to end it finds nothing to do.
    ASSERT_TRUE(w_.e->pause(w_.context_of_host(), s, 2 * second));
    ASSERT_TRUE(w_.e->resume(w_.context_of_host(), s));
    ASSERT_TRUE(w_.e->pause(w_.context_of_host(), s, {}));
    const job_id id = w_.submit(queues_[0], kinds_[0], {.tenant = tenants_[0]});
    w_.advance(10 * second);
    EXPECT_TRUE(w_.starts_of(id).empty());
    ASSERT_TRUE(w_.e->resume(w_.context_of_host(), s));
    w_.settle();
    EXPECT_EQ(w_.starts_of(id).size(), 1u);
  }
}

TEST_F(limits_sim, jobs_that_wait_behind_a_kind_expire_and_leave_no_trace) {
  open();
  depth_ = drains;
  ASSERT_TRUE(w_.e->pause(w_.context_of_host(), kinds_[0], {}));
  for (int i = 0; i < 100; ++i) w_.submit(queues_[0], kinds_[0], {.expires = second});
  w_.settle();
  w_.advance(2 * second);
  EXPECT_EQ(w_.e->read_counters().expired, 100u);
  expect_all_at_rest();
}

TEST_F(limits_sim, a_paused_queue_keeps_no_permit_from_another) {
  // A kind runs one at a time; the job that is next belongs to a queue that is paused just then.
  open();
  w_.act = [](context&) { return outcome::done(); };
  ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), kinds_[0], {.concurrency = 1}));
  ASSERT_TRUE(w_.e->pause(w_.context_of_host(), kinds_[0], {}));
  const job_id first = w_.submit(queues_[0], kinds_[0]);
  w_.settle();
  const job_id second_one = w_.submit(queues_[1], kinds_[0]);
  w_.settle();
  ASSERT_TRUE(w_.e->resume(w_.context_of_host(), kinds_[0]));  // the first has its permit now
  ASSERT_TRUE(w_.e->pause(w_.context_of_host(), queues_[0], {}));
  w_.settle();
  EXPECT_EQ(w_.find(second_one).state, job_state::ended);
  EXPECT_EQ(w_.find(first).state, job_state::ready);
  ASSERT_TRUE(w_.e->resume(w_.context_of_host(), queues_[0]));
  w_.settle();
  expect_all_at_rest();
}

TEST_F(limits_sim, the_intake_of_each_scope_closes_and_opens) {
  open();
  for (const scope s : {scope::all(), scope(queues_[0]), scope(kinds_[0]), scope(tenants_[0])}) {
    const auto answer = [&] {
      return w_.try_submit(queues_[0], kinds_[0], {.tenant = tenants_[0]}).reason;
    };
    ASSERT_EQ(answer(), reject::none);
    ASSERT_TRUE(w_.e->set_intake(w_.context_of_host(), s, false));
    ASSERT_EQ(answer(), reject::intake_closed);
    if (s.of() != scope::part::scheduler) {
      EXPECT_TRUE(w_.try_submit(queues_[1], kinds_[1], {.tenant = tenants_[1]}));
    }
    ASSERT_TRUE(w_.e->set_intake(w_.context_of_host(), s, true));
    ASSERT_EQ(answer(), reject::none);
  }
  EXPECT_EQ(w_.try_submit(queues_[0], kinds_[0], {.tenant = {77, 1}}).reason,
            reject::unknown_tenant);
  EXPECT_EQ(w_.try_submit(queues_[0], kinds_[0], {.tenant = {1, 2}}).reason,
            reject::unknown_tenant);
}

TEST_F(limits_sim, what_is_out_of_range_or_of_another_scheduler_is_refused) {
  open();
  thread_context& host = w_.context_of_host();
  EXPECT_EQ(w_.e->set_limits(host, queues_[0], {.rate = {5, duration(0), 1}}).error().code,
            errc::invalid);
  EXPECT_EQ(w_.e->set_limits(host, queues_[0], {.rate = {5, second, 0}}).error().code,
            errc::invalid);
  EXPECT_EQ(w_.e->set_limits(host, scope::all(), {.concurrency = 3}).error().code, errc::invalid);
  EXPECT_EQ(w_.e->hold(host, scope::all(), duration(-1)).error().code, errc::invalid);
  EXPECT_EQ(w_.e->pause(host, queue_ref{0, 9}, {}).error().code, errc::not_found);
  EXPECT_EQ(w_.e->pause(host, kind_ref{99}, {}).error().code, errc::not_found);
  EXPECT_EQ(w_.e->pause(host, tenant_ref{}, {}).error().code, errc::not_found);
  EXPECT_EQ(w_.e->tenant(host, "not a name", {}).error().code, errc::invalid);
  EXPECT_EQ(w_.e->tenant(host, "t", {})->index, tenants_[0].index) << "the same one again";
}

}  // namespace
}  // namespace pawl
