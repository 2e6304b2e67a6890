// Ordered queues. Method: the engine on one thread under a virtual clock, and beside it the ready jobs in a
// std::multimap. Submits, bulks, delays, retries, yields, requeues, cancels, expiries, pauses and limits come
// at random, with few different keys; with each start, nothing in the multimap may come before it but
// what came while the drain had its batch.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "policy/ordering.hpp"
#include "sim/stepped_world.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::below;
using test::one_in;

constexpr duration ms = std::chrono::milliseconds(1);

class ordered_sim : public ::testing::Test {
 protected:
  void open(queue_order order, std::uint64_t handler_ns, unsigned seed_shift = 0) {
    random_ = test::random_source(test::fresh_seed() + seed_shift);
    order_ = order;
    handler_ns_ = handler_ns;
    w_.wanted.ageing = duration(0);
    w_.wanted.dead_in_memory = 100'000;
    w_.check_counts = false;
    w_.act = [this](context& job) { return act(job); };
    kind_ = w_.kind("k", {.max_attempts = 3, .backoff = {.base = ms}});
    w_.open();
    queue_ = w_.queue("q", {.order = order});
  }

  // ---- The model ----

  using standing =
      std::tuple<unsigned, std::uint64_t, std::uint64_t>;  // band, key, when it became ready
  struct ready_job {
    standing where;
    bool came_during_batch;
  };
  struct known_job {
    unsigned band = 0;
    std::uint64_t key = 0;
  };

  void became_ready(std::uint64_t id, std::uint64_t at) {
    const known_job& job = known_.at(id);
    const standing where{job.band, job.key, at};
    ASSERT_TRUE(ready_.emplace(id, ready_job{where, in_step_}).second);
    by_standing_.emplace(where, id);
  }
  void left(std::uint64_t id) {
    waiting_.erase(id);
    const auto at = ready_.find(id);
    if (at == ready_.end()) return;
    const auto same = by_standing_.equal_range(at->second.where);
    for (auto i = same.first; i != same.second; ++i) {
      if (i->second != id) continue;
      by_standing_.erase(i);
      break;
    }
    ready_.erase(at);
  }
  void started(std::uint64_t id) {
    const auto at = ready_.find(id);
    ASSERT_NE(at, ready_.end()) << "a job started that was not ready, or twice";
    for (const auto& [where, other] : by_standing_) {
      if (where >= at->second.where || !checks_order_) break;
      ASSERT_TRUE(batches_are_long() && ready_.at(other).came_during_batch)
          << "key " << known_.at(other).key << " waits while " << known_.at(id).key << " starts";
      ++overtaken_;
    }
    left(id);
    ++starts_;
  }
  [[nodiscard]] bool batches_are_long() const { return handler_ns_ < batch_target_ns; }

  // What the hooks told since the last look.
  void sync() {
    for (; seen_ < w_.changes.size(); ++seen_) {
      const job_change& c = w_.changes[seen_].what;
      switch (c.state) {
        case job_state::running:
          started(c.id.value);
          break;
        case job_state::ready:
          became_ready(c.id.value, ++number_);
          break;
        case job_state::scheduled:
          waiting_.insert(c.id.value);
          break;
        case job_state::dead:
          dead_.push_back(c.id);
          left(c.id.value);
          break;
        default:
          left(c.id.value);
      }
    }
    if (seen_ == w_.changes.size()) w_.changes.clear(), seen_ = 0;
  }
  // Those of one turn of the timers come in an order of their own.
  void look_for_due() {
    ++number_;
    for (auto i = waiting_.begin(); i != waiting_.end();) {
      const std::uint64_t id = *i++;
      if (w_.find({id}).state != job_state::ready) continue;
      waiting_.erase(id);
      became_ready(id, number_);
    }
  }

  // ---- What happens ----

  outcome act(context&) {
    sync();
    w_.clock.now_ns += handler_ns_;
    while (one_in(random_, 4)) submit();
    if (one_in(random_, 40)) cancel();
    if (one_in(random_, 60)) pause_or_resume();
    switch (below<unsigned>(random_, 16)) {
      case 0:
        return outcome::fail();
      case 1:
        return outcome::yield();
      case 2:
        return outcome::snooze(ms);
      case 3:
        return outcome::dead();
      default:
        return outcome::done();
    }
  }

  job_options draw_options() {
    job_options how;
    if (one_in(random_, 5)) how.priority = priority::high;
    if (one_in(random_, 5)) how.after = duration(1 + below<std::int64_t>(random_, 2'000'000));
    if (one_in(random_, 5)) how.expires = duration(1 + below<std::int64_t>(random_, 9'000'000));
    if (!one_in(random_, 3)) how.deadline = below<std::int64_t>(random_, 10) * ms;
    if (!one_in(random_, 3)) how.exact_priority = below<std::int64_t>(random_, 10) - 5;
    return how;
  }
  void note_accepted(job_id id, const job_options& how) {
    const job_status s = w_.find(id);
    ASSERT_TRUE(
        known_
            .emplace(id.value,
                     known_job{
                         static_cast<unsigned>(how.priority),
                         order_key(order_, {static_cast<std::uint64_t>(s.submitted.count()),
                                            detail::nanoseconds(how.deadline),
                                            detail::nanoseconds(how.expires), how.exact_priority})})
            .second);
    if (s.state == job_state::scheduled) {
      waiting_.insert(id.value);
    } else {
      became_ready(id.value, ++number_);
    }
  }
  void submit() {
    job_options how = draw_options();
    const unique_key key{.key = one_in(random_, 2) ? "a" : "b",
                         .on_duplicate = static_cast<on_duplicate>(below<unsigned>(random_, 4))};
    if (one_in(random_, 10)) how.unique = &key;
    const submit_answer a = w_.try_submit(queue_, kind_, how);
    if (a.result() == submit_result::duplicate || a.result() == submit_result::rejected) return;
    note_accepted(a.ticket.id, how);
    ids_.push_back(a.ticket.id);
    sync();
  }
  void submit_many() {
    std::vector<job_spec> specs(1 + below<std::size_t>(random_, 600));
    for (job_spec& s : specs) s.options = draw_options();
    std::vector<job_id> ids(specs.size());
    const submit_answers a =
        take_in(w_.e->parts(), w_.context_of_host(), queue_, kind_, specs, ids);
    ASSERT_EQ(a.accepted, specs.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      note_accepted(ids[i], specs[i].options);
      ids_.push_back(ids[i]);
    }
  }
  void cancel() {
    if (ids_.empty()) return;
    static_cast<void>(
        w_.e->cancel(w_.context_of_host(), ids_[below<std::size_t>(random_, ids_.size())]));
    sync();
  }
  void pause_or_resume() {
    ASSERT_TRUE(is_paused_ ? w_.e->resume(w_.context_of_host(), queue_)
                           : w_.e->pause(w_.context_of_host(), queue_, {}));
    is_paused_ = !is_paused_;
  }
  void change_limits() {
    limits wanted;
    if (one_in(random_, 2)) wanted.concurrency = 1;
    if (one_in(random_, 3)) wanted.rate = {50, ms, 3};
    ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), queue_, wanted));
  }
  void requeue() {
    if (dead_.empty()) return;
    const job_id id = dead_.back();
    dead_.pop_back();
    const auto done = w_.e->requeue(w_.context_of_host(), id, w_.find(id).version);
    if (!done) {
      ASSERT_EQ(done.error().where, "unique key") << "another has it now";
      return;
    }
    w_.note_requeued(id);
    became_ready(id.value, ++number_);
  }
  // Timers first, so that nothing becomes due between the look of the model and the drain's pick.
  void step() {
    while (w_.e->step_timer()) {
    }
    sync();
    look_for_due();
    in_step_ = true;
    static_cast<void>(w_.e->step_drain(0));
    sync();
    in_step_ = false;
    for (auto& [id, job] : ready_) job.came_during_batch = false;
  }
  void one_operation() {
    switch (below<unsigned>(random_, 30)) {
      case 0:
        if (ready_.size() < 3000) submit_many();
        return;
      case 1:
        return pause_or_resume();
      case 2:
        return change_limits();
      case 3:
        return requeue();
      case 4:
        return cancel();
      case 5:
        w_.clock.now_ns += below<std::uint64_t>(random_, 3'000'000);
        return;
      case 6:
      case 7:
      case 8:
        if (ready_.size() < 3000) submit();
        return;
      default:
        return step();
    }
  }
  void finish() {
    if (is_paused_) pause_or_resume();
    ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), queue_, {}));
    for (int i = 0; w_.e->health().jobs != 0 && !HasFatalFailure(); ++i) {
      ASSERT_LT(i, 1'000'000);
      if (is_paused_) pause_or_resume();
      step();
      w_.clock.now_ns += 100'000;
    }
    EXPECT_TRUE(ready_.empty());
    EXPECT_TRUE(waiting_.empty());
    const counters n = w_.e->read_counters();
    EXPECT_EQ(n.accepted + n.requeued, n.ended());
    for (unsigned b = 0; b < priority_count; ++b) {
      EXPECT_TRUE(w_.e->parts().queues.at(queue_.index)->front_of(b).looks_empty());
    }
  }

  test::stepped_world w_;
  test::random_source random_;
  queue_order order_ = queue_order::deadline;
  std::uint64_t handler_ns_ = 0;
  kind_ref kind_;
  queue_ref queue_;
  std::map<std::uint64_t, known_job> known_;
  std::map<std::uint64_t, ready_job> ready_;
  std::multimap<standing, std::uint64_t> by_standing_;
  std::set<std::uint64_t> waiting_;
  std::vector<job_id> dead_;
  std::vector<job_id> ids_;
  std::size_t seen_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t starts_ = 0;
  std::uint64_t overtaken_ = 0;
  bool in_step_ = false;
  bool is_paused_ = false;
  bool checks_order_ = true;
};

class ordered_sim_of : public ordered_sim,
                       public ::testing::WithParamInterface<std::tuple<queue_order, int>> {};

TEST_P(ordered_sim_of, every_start_is_of_the_first_that_is_ready) {
  const auto [order, handler_ns] = GetParam();
  open(order, static_cast<std::uint64_t>(handler_ns));
  for (int i = 0; i < test::scaled(30'000) && !HasFatalFailure(); ++i) one_operation();
  finish();
  std::printf("%llu starts, %llu overtook who came later\n",
              static_cast<unsigned long long>(starts_),
              static_cast<unsigned long long>(overtaken_));
  EXPECT_GT(starts_, 1000u);
  EXPECT_EQ(overtaken_ != 0, batches_are_long());
}
INSTANTIATE_TEST_SUITE_P(orders, ordered_sim_of,
                         ::testing::Combine(::testing::Values(queue_order::deadline,
                                                              queue_order::exact_priority),
                                            ::testing::Values(500, 30'000)));

TEST_F(ordered_sim, a_job_without_a_deadline_comes_after_all_that_have_one) {
  open(queue_order::deadline, 30'000);
  std::vector<std::uint64_t> order;
  w_.act = [&](context& job) {
    order.push_back(job.id().value);
    w_.clock.now_ns += 30'000;
    return outcome::done();
  };
  pause_or_resume();
  const auto id = [&](const job_options& how) { return w_.submit(queue_, kind_, how).value; };
  const std::uint64_t none = id({});
  const std::uint64_t late = id({.deadline = 100 * ms});
  const std::uint64_t none_either = id({});
  const std::uint64_t by_expiry = id({.expires = 50 * ms});
  const std::uint64_t early = id({.expires = 50 * ms, .deadline = 10 * ms});
  const std::uint64_t urgent_band = id({.priority = priority::high, .deadline = 500 * ms});
  pause_or_resume();
  w_.settle();
  EXPECT_EQ(order, (std::vector{urgent_band, early, by_expiry, late, none, none_either}));
}

TEST_F(ordered_sim, a_retry_keeps_its_deadline) {
  open(queue_order::deadline, 30'000);
  std::vector<std::uint64_t> order;
  w_.act = [&](context& job) {
    order.push_back(job.id().value);
    w_.clock.now_ns += 30'000;
    return job.attempt() == 1 && order.size() == 1 ? outcome::retry(ms) : outcome::done();
  };
  const std::uint64_t first = w_.submit(queue_, kind_, {.deadline = 10 * ms}).value;
  w_.settle();
  pause_or_resume();
  const std::uint64_t later = w_.submit(queue_, kind_, {.deadline = 20 * ms}).value;
  const std::uint64_t sooner = w_.submit(queue_, kind_, {.deadline = 5 * ms}).value;
  w_.advance(2 * ms);
  pause_or_resume();
  w_.settle();
  EXPECT_EQ(order, (std::vector{first, sooner, first, later}));
}

TEST_F(ordered_sim, a_mass_of_cancelled_jobs_leaves_few_places_and_the_order) {
  open(queue_order::exact_priority, 30'000);
  std::vector<std::uint64_t> order;
  std::vector<std::uint64_t> expected;
  w_.act = [&](context& job) {
    order.push_back(job.id().value);
    return outcome::done();
  };
  pause_or_resume();
  ordered_places& heap =
      *w_.e->parts().queues.at(queue_.index)->heap_of(static_cast<unsigned>(priority::normal));
  std::size_t most = 0;
  for (std::int64_t i = 0; i < 100; ++i) {
    expected.insert(expected.begin(), w_.submit(queue_, kind_, {.exact_priority = -i}).value);
    for (int j = 0; j < 200; ++j) {
      const job_id gone =
          w_.submit(queue_, kind_, {.exact_priority = below<std::int64_t>(random_, 9)});
      ASSERT_TRUE(w_.e->cancel(w_.context_of_host(), gone));
      most = std::max(most, heap.size());
    }
  }
  EXPECT_LE(most, 4096u + 100u) << "20,000 were cancelled";
  pause_or_resume();
  w_.settle();
  EXPECT_EQ(order, expected);
}

TEST_F(ordered_sim, a_job_that_comes_back_to_a_closed_queue_keeps_no_permit) {
  // Two jobs leave the line of their kind, each with a permit, into one batch; the first pauses the queue.
  open(queue_order::exact_priority, 0);
  int ran = 0;
  w_.act = [&](context&) {
    if (++ran == 2) pause_or_resume();
    return outcome::done();
  };
  w_.submit(queue_, kind_);
  w_.settle();  // from here on it is known that its jobs are short
  ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), kind_, {.concurrency = 2}));
  ASSERT_TRUE(w_.e->pause(w_.context_of_host(), kind_, {}));
  w_.submit(queue_, kind_);
  const job_id back = w_.submit(queue_, kind_);
  w_.settle();
  ASSERT_EQ(w_.find(back).state, job_state::blocked);
  ASSERT_TRUE(w_.e->resume(w_.context_of_host(), kind_));
  w_.settle();
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(w_.find(back).state, job_state::ready);
  EXPECT_EQ(w_.e->parts().gates.of_kind(kind_.index).of().used(), 0u);
  EXPECT_FALSE(w_.e->parts().queues.at(queue_.index)->has_equipped());
  pause_or_resume();
  w_.settle();
  EXPECT_EQ(ran, 3);
}

TEST_F(ordered_sim, what_a_limit_of_its_kind_held_back_is_not_lost_and_leaves_no_permit) {
  // Permits travel with jobs through the front list; the queue closes and opens meanwhile.
  open(queue_order::exact_priority, 1'000);
  checks_order_ = false;  // it is the line's
  for (int i = 0; i < test::scaled(20'000) && !HasFatalFailure(); ++i) {
    if (one_in(random_, 30)) {
      limits wanted;
      if (!one_in(random_, 3)) wanted.concurrency = 1;
      if (one_in(random_, 2)) wanted.rate = {20, ms, 2};
      ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), kind_, wanted));
    }
    if (one_in(random_, 20)) {
      ASSERT_TRUE(one_in(random_, 2) ? w_.e->pause(w_.context_of_host(), kind_, {})
                                     : w_.e->resume(w_.context_of_host(), kind_));
    }
    if (one_in(random_, 4)) submit();
    if (one_in(random_, 30)) pause_or_resume();
    static_cast<void>(w_.e->step_timer());
    sync();
    look_for_due();
    static_cast<void>(w_.e->step_drain(0));
    sync();
    w_.clock.now_ns += below<std::uint64_t>(random_, 20'000);
  }
  ASSERT_TRUE(w_.e->set_limits(w_.context_of_host(), kind_, {}));
  static_cast<void>(w_.e->resume(w_.context_of_host(), kind_));
  finish();
  EXPECT_EQ(w_.e->parts().gates.of_kind(kind_.index).of().used(), 0u);
  EXPECT_FALSE(w_.e->parts().queues.at(queue_.index)->has_equipped());
}

TEST(ordered_queue, refuses_what_finds_no_memory_and_loses_nothing) {
  if (test::sanitized) GTEST_SKIP() << "a sanitizer has an address space of its own";
  // malloc() has one arena here, since no test of this program has a thread.
  test::stepped_world w;
  w.wanted.jobs_max = 200'000;
  w.check_counts = false;
  const kind_ref k = w.kind("k");
  w.open();
  const queue_ref q = w.queue("q", {.jobs_max = 200'000, .order = queue_order::exact_priority});
  std::vector<job_spec> specs(256);
  std::vector<job_id> ids(specs.size());
  std::uint64_t accepted = 0;
  const auto submit = [&] {
    const submit_answers a = take_in(w.e->parts(), w.context_of_host(), q, k, specs, ids);
    accepted += a.accepted;
    return a.reason;
  };
  ASSERT_EQ(submit(), reject::none);
  ASSERT_EQ(::mallopt(M_MMAP_THRESHOLD, 64 << 10), 1);  // and it stays there
  static_cast<void>(::malloc_trim(0));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlimit none{1, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &none), 0);
  reject last = reject::none;
  for (int i = 0; i < 600 && last == reject::none; ++i) last = submit();
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(last, reject::memory);
  EXPECT_EQ(w.e->health().jobs, accepted);
  EXPECT_EQ(submit(), reject::none);
  w.settle();
  EXPECT_EQ(w.e->read_counters().completed, accepted);
  EXPECT_EQ(w.e->read_counters().accepted, accepted);
}

}  // namespace
}  // namespace pawl
