// Counts by queue and kind. Method: random work on an engine without threads, with hooks that keep a
// plain account of their own by queue and kind, and the two compared; then the same with threads, where
// the parts must add up to the whole while it runs and agree with what the handlers counted at the end.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "sim/stepped_world.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::below;
using test::one_in;
using test::open_or_exit;
using test::queue_or_exit;
using test::stepped_world;

void expect_same(const counters& a, const counters& b) {
  EXPECT_EQ(a.submitted, b.submitted);
  EXPECT_EQ(a.accepted, b.accepted);
  EXPECT_EQ(a.started, b.started);
  EXPECT_EQ(a.completed, b.completed);
  EXPECT_EQ(a.cancelled, b.cancelled);
  EXPECT_EQ(a.expired, b.expired);
  EXPECT_EQ(a.requeued, b.requeued);
  EXPECT_EQ(a.retried, b.retried);
  EXPECT_EQ(a.pushed_back, b.pushed_back);
  EXPECT_EQ(a.timed_out, b.timed_out);
  EXPECT_EQ(a.overrun, b.overrun);
  EXPECT_EQ(a.stale_results, b.stale_results);
  EXPECT_EQ(a.stolen, b.stolen);
  EXPECT_EQ(a.stale_entries, b.stale_entries);
  EXPECT_EQ(a.deduplicated, b.deduplicated);
  EXPECT_EQ(a.replaced, b.replaced);
  EXPECT_EQ(a.dead, b.dead);
  EXPECT_EQ(a.rejected, b.rejected);
}

// Queues, kinds and pairs are the same jobs, cut in three ways.
void expect_sums(const metrics& m) {
  std::array<counters, 3> sums{m.unassigned, m.unassigned, m.unassigned};
  for (const queue_metrics& q : m.queues) sums[0] += q.counts;
  for (const kind_metrics& k : m.kinds) sums[1] += k.counts;
  for (const pair_metrics& p : m.pairs) sums[2] += p.counts;
  for (const counters& sum : sums) expect_same(sum, m.total);
}

using pair_key = std::pair<unsigned, unsigned>;  // queue, kind

struct account {
  std::uint64_t accepted = 0, started = 0, completed = 0, cancelled = 0, expired = 0, dead = 0,
                again = 0;
};

// What the hooks of the world told, by queue and kind.
std::map<pair_key, account> account_of(const stepped_world& w) {
  std::map<pair_key, account> kept;
  for (const stepped_world::change& c : w.changes) {
    account& a = kept[{c.what.queue.index, c.what.kind.index}];
    switch (c.what.state) {
      case job_state::running:
        ++a.started;
        break;
      case job_state::completed:
        ++a.completed;
        break;
      case job_state::cancelled:
        ++a.cancelled;
        break;
      case job_state::expired:
        ++a.expired;
        break;
      case job_state::dead:
        ++a.dead;
        break;
      default:
        ++a.again;
    }
  }
  return kept;
}

std::uint64_t dead_of(const counters& c) {
  std::uint64_t sum = 0;
  for (const std::uint64_t n : c.dead) sum += n;
  return sum;
}

class metrics_test : public ::testing::Test {
 protected:
  static constexpr unsigned queue_count = 5;
  static constexpr unsigned kind_count = 4;

  void open() {
    for (unsigned i = 0; i < kind_count; ++i) {
      kind_options how;
      how.blocking = i == 1;
      how.run_timeout = std::chrono::milliseconds(100);
      if (i == 2) how.limits.concurrency = 1;
      kinds_.push_back(w_.kind(("kind." + std::to_string(i)).c_str(), how));
    }
    w_.wanted.drains = 2;
    w_.wanted.grace = std::chrono::milliseconds(10);
    w_.wanted.on_overrun = on_overrun::dead;
    w_.act = [this](context&) { return act(); };
    w_.open();
    for (unsigned i = 0; i < queue_count; ++i) {
      queue_options how;
      how.jobs_max = 50;
      if (i == 3) how.when_full = when_full::shed;
      queues_.push_back(w_.queue("queue." + std::to_string(i), how));
    }
  }

  outcome act() {
    switch (below(random_, 10)) {
      case 0:
        return outcome::fail();
      case 1:
        return outcome::dead();
      case 2:
        return outcome::snooze(std::chrono::milliseconds(5));
      case 3:
        return outcome::yield();
      case 4:
        w_.work_for(std::chrono::milliseconds(one_in(random_, 4) ? 200 : 101));
        return outcome::done();
      default:
        return outcome::done();
    }
  }

  void submit_one() {
    const auto q = queues_[below(random_, queue_count)];
    const auto k = kinds_[below(random_, kind_count)];
    job_options how;
    how.priority = static_cast<priority>(below(random_, priority_count));
    if (one_in(random_, 3)) how.after = std::chrono::milliseconds(below(random_, 50));
    if (one_in(random_, 4)) how.expires = std::chrono::milliseconds(1 + below(random_, 80));
    const unique_key key{
        .key = one_in(random_, 2) ? "a" : "b",
        .on_duplicate = one_in(random_, 2) ? on_duplicate::replace : on_duplicate::existing};
    if (one_in(random_, 10)) how.unique = &key;
    const submit_answer a = w_.try_submit(q, k, how);
    if (!a) return;
    ids_.push_back(a.ticket.id);
    if (a.result() != submit_result::duplicate) ++accepted_[{q.index, k.index}];
  }

  test::random_source random_{test::fresh_seed()};
  stepped_world w_;
  std::vector<queue_ref> queues_;
  std::vector<kind_ref> kinds_;
  std::vector<job_id> ids_;
  std::map<pair_key, std::uint64_t> accepted_;
};

TEST_F(metrics_test, counts_by_queue_and_kind_are_those_of_the_hooks) {
  open();
  for (int round = 0; round < 300; ++round) {
    for (std::uint64_t i = below(random_, 30); i > 0; --i) submit_one();
    if (!ids_.empty()) {
      const job_id id = ids_[below(random_, ids_.size())];
      static_cast<void>(w_.e->cancel(w_.context_of_host(), id));
    }
    if (one_in(random_, 5)) {
      const auto q = queues_[below(random_, queue_count)];
      if (one_in(random_, 2)) {
        static_cast<void>(w_.e->pause(w_.context_of_host(), q, duration(0)));
      } else {
        static_cast<void>(w_.e->resume(w_.context_of_host(), q));
      }
    }
    w_.check_counts = false;
    ASSERT_NO_FATAL_FAILURE(w_.advance(std::chrono::milliseconds(below(random_, 20))));
    const metrics m = w_.e->read_metrics();
    ASSERT_NO_FATAL_FAILURE(expect_sums(m));
    const auto kept = account_of(w_);
    for (const pair_metrics& p : m.pairs) {
      const pair_key key{p.queue.index, p.kind.index};
      const account a = kept.contains(key) ? kept.at(key) : account{};
      ASSERT_EQ(p.counts.accepted, accepted_[key]);
      ASSERT_EQ(p.counts.started, a.started);
      ASSERT_EQ(p.counts.completed, a.completed);
      ASSERT_EQ(p.counts.cancelled, a.cancelled);
      ASSERT_EQ(p.counts.expired, a.expired);
      ASSERT_EQ(dead_of(p.counts), a.dead);
      ASSERT_EQ(p.counts.retried + p.counts.pushed_back, a.again);
    }
    for (const auto& [key, a] : kept) {
      const bool is_there =
          std::any_of(m.pairs.begin(), m.pairs.end(), [k = key](const pair_metrics& p) {
            return p.queue.index == k.first && p.kind.index == k.second;
          });
      ASSERT_TRUE(is_there) << key.first << " " << key.second;
    }
  }
  // Each way was gone.
  const counters c = w_.e->read_counters();
  for (const std::uint64_t n : {c.completed, c.cancelled, c.expired, c.retried, c.pushed_back,
                                c.timed_out, c.overrun, c.deduplicated, c.replaced, dead_of(c)}) {
    EXPECT_GT(n, 0u);
  }
}

// Each job's state, asked by its id, against the numbers of its queue.
TEST_F(metrics_test, depths_are_those_of_the_jobs) {
  open();
  w_.check_counts = false;
  for (int round = 0; round < test::scaled(200); ++round) {
    for (std::uint64_t i = below(random_, 20); i > 0; --i) submit_one();
    for (int i = 0; i < 3 && !ids_.empty(); ++i) {
      static_cast<void>(w_.e->cancel(w_.context_of_host(), ids_[below(random_, ids_.size())]));
    }
    if (one_in(random_, 2)) {
      ASSERT_NO_FATAL_FAILURE(w_.advance(std::chrono::milliseconds(below(random_, 20))));
    }
    std::map<unsigned, std::pair<std::uint64_t, std::uint64_t>> seen;  // waiting, scheduled
    std::map<std::uint64_t, bool> looked_at;
    for (const job_id id : ids_) {
      if (!looked_at.emplace(id.value, true).second) continue;  // a duplicate's answer
      const job_status s = w_.find(id);
      if (s.state == job_state::ready || s.state == job_state::blocked) {
        ++seen[s.queue.index].first;
      }
      if (s.state == job_state::scheduled) ++seen[s.queue.index].second;
    }
    const metrics m = w_.e->read_metrics();
    ASSERT_EQ(m.queues.size(), queue_count);
    for (const queue_metrics& q : m.queues) {
      ASSERT_EQ(q.waiting, seen[q.queue.index].first) << q.name;
      ASSERT_EQ(q.scheduled, seen[q.queue.index].second) << q.name;
      ASSERT_EQ(q.running, 0u);
    }
  }
}

TEST_F(metrics_test, a_handler_sees_itself_run) {
  open();
  metrics seen;
  w_.act = [&](context&) {
    seen = w_.e->read_metrics();
    return outcome::done();
  };
  w_.submit(queues_[2], kinds_[3]);
  w_.settle();
  EXPECT_EQ(seen.queues[2].running, 1u);
  EXPECT_EQ(seen.queues[2].waiting, 0u);
  EXPECT_EQ(seen.queues[1].running, 0u);
  EXPECT_EQ(seen.kinds[3].running, 1u);
}

TEST_F(metrics_test, says_what_closes_a_queue_and_what_its_kind_holds_back) {
  kinds_.push_back(w_.kind("slow", {.limits = {.concurrency = 3}}));
  w_.open();
  const auto q = w_.queue(
      "a", {.jobs_max = 77, .limits = {.concurrency = 4, .rate = {.starts = 50, .burst = 2}}});
  auto m = w_.e->read_metrics().queues.at(0);
  EXPECT_EQ(m.name, "a");
  EXPECT_EQ(m.jobs_max, 77u);
  EXPECT_EQ(m.bytes_max, 0u);
  EXPECT_EQ(m.concurrency_max, 4u);
  EXPECT_DOUBLE_EQ(m.starts_per_s_max, 50.0);
  EXPECT_FALSE(m.paused || m.held || m.is_at_limit);
  EXPECT_TRUE(m.takes_jobs);

  for (int i = 0; i < 3; ++i) w_.submit(q, kinds_[0]);
  w_.settle();
  EXPECT_TRUE(w_.e->read_metrics().queues.at(0).is_at_limit);
  EXPECT_EQ(w_.e->read_metrics().queues.at(0).waiting, 1u);
  w_.advance(std::chrono::seconds(1));
  EXPECT_FALSE(w_.e->read_metrics().queues.at(0).is_at_limit);

  thread_context& host = w_.context_of_host();
  ASSERT_TRUE(w_.e->pause(host, q, duration(0)));
  ASSERT_TRUE(w_.e->hold(host, scope::all(), std::chrono::seconds(1)));
  ASSERT_TRUE(w_.e->set_intake(w_.context_of_host(), q, false));
  m = w_.e->read_metrics().queues.at(0);
  EXPECT_TRUE(m.paused && m.held);
  EXPECT_FALSE(m.takes_jobs);

  ASSERT_TRUE(w_.e->resume(host, q));
  ASSERT_TRUE(w_.e->set_intake(w_.context_of_host(), q, true));
  ASSERT_TRUE(w_.e->pause(host, kinds_[0], duration(0)));
  w_.advance(std::chrono::seconds(2));
  w_.submit(q, kinds_[0]);
  w_.settle();
  EXPECT_EQ(w_.e->read_metrics().kinds.at(0).held_back, 1u);
}

// A paused queue's oldest job grows older by the clock; an empty queue has none.
TEST_F(metrics_test, the_oldest_ready_job_has_an_age) {
  open();
  const auto age = [&] { return w_.e->read_metrics().queues.at(0).oldest_ready; };
  w_.act = [&](context&) {
    // Another one came while the first ran: it is no older than the first.
    if (ids_.empty()) ids_.push_back(w_.submit(queues_[0], kinds_[0]));
    return outcome::done();
  };
  EXPECT_EQ(age().count(), 0);
  w_.submit(queues_[0], kinds_[0]);
  ASSERT_TRUE(w_.e->step_drain(0));
  w_.leap(std::chrono::seconds(5));
  EXPECT_EQ(age(), std::chrono::seconds(5));
  w_.settle();
  EXPECT_EQ(age().count(), 0);
}

TEST_F(metrics_test, what_has_no_queue_or_kind_is_unassigned) {
  open();
  core& c = w_.e->parts();
  w_.e->count_rejected(w_.context_of_host(), queues_[1], kinds_[0], reject::queue_full, 3);
  w_.e->count_rejected(w_.context_of_host(), queue_ref{77, c.tag}, kinds_[0], reject::unknown_queue,
                       1);
  w_.e->count_rejected(w_.context_of_host(), queues_[1], kind_ref{99}, reject::unknown_kind, 2);
  const metrics m = w_.e->read_metrics();
  const auto at = [](reject r) { return static_cast<std::size_t>(r); };
  EXPECT_EQ(m.queues[1].counts.rejected[at(reject::queue_full)], 3u);
  EXPECT_EQ(m.queues[1].counts.submitted, 3u);
  EXPECT_EQ(m.unassigned.rejected[at(reject::unknown_queue)], 1u);
  EXPECT_EQ(m.unassigned.rejected[at(reject::unknown_kind)], 2u);
  EXPECT_EQ(m.total.submitted, 6u);
  expect_sums(m);
}

// More pairs than the table has at first, met in turn, so that none is at hand twice in a row.
TEST(pair_tallies_test, knows_each_pair_again) {
  pair_tallies t;
  constexpr unsigned queues = 60;
  constexpr unsigned kinds = 70;
  for (unsigned round = 1; round <= 3; ++round) {
    for (unsigned q = 0; q < queues; ++q) {
      for (unsigned k = 0; k < kinds; ++k) t.of(q * 67, k * 929).counts.add(tally::started, q + k);
    }
  }
  t.rest().add(tally::stolen);
  std::map<pair_key, std::uint64_t> seen;
  t.for_each([&](const pair_tally& one) {
    if (one.pair == UINT32_MAX) return;
    counted sum;
    one.counts.add_starts_to(sum);
    EXPECT_TRUE(seen.emplace(pair_key{one.queue(), one.kind()}, sum.started).second);
  });
  ASSERT_EQ(seen.size(), std::size_t{queues} * kinds);
  for (unsigned q = 0; q < queues; ++q) {
    for (unsigned k = 0; k < kinds; ++k) {
      ASSERT_EQ((seen[{q * 67, k * 929}]), 3u * (q + k));
    }
  }
}

// Threads submit to all pairs while another one reads: no count goes back, none is ahead of what comes
// before it, the parts add up; at the end all of them are what was done.
TEST(metrics_threads_test, parts_add_up_while_threads_work) {
  constexpr unsigned queue_count = 3;
  constexpr unsigned kind_count = 3;
  constexpr int threads = 3;
  const auto jobs_each = static_cast<std::uint64_t>(test::scaled(60'000));
  struct counts_of_handlers {
    std::array<std::atomic<std::uint64_t>, kind_count> ran{};
  } ran;
  registry kinds;
  std::vector<kind_ref> kind;
  for (unsigned i = 0; i < kind_count; ++i) {
    kind.push_back(kinds.add(
        "k" + std::to_string(i),
        [](void* user, context& job, std::span<const std::byte>) {
          auto& cell = *static_cast<std::atomic<std::uint64_t>*>(user);
          if (cell.fetch_add(1) % 16 == 0 && job.attempt() == 1) return outcome::yield();
          return outcome::done();
        },
        &ran.ran[i]));
  }
  options wanted = test::small_options();
  wanted.jobs_max = 1'000'000;
  auto s = open_or_exit(wanted, kinds);
  std::vector<queue_ref> queue;
  for (unsigned i = 0; i < queue_count; ++i) {
    queue.push_back(queue_or_exit(*s, "q" + std::to_string(i)));
  }

  std::atomic<bool> over{false};
  std::thread reader([&] {
    metrics last = s->read_metrics();
    while (!over.load()) {
      metrics m = s->read_metrics();
      expect_sums(m);
      for (const metrics* const one : {&last, &m}) {
        for (const queue_metrics& q : one->queues) {
          EXPECT_GE(q.counts.accepted + q.counts.requeued, q.counts.ended());
          EXPECT_GE(q.counts.started, q.counts.completed);
        }
      }
      for (std::size_t i = 0; i < last.queues.size(); ++i) {
        EXPECT_GE(m.queues[i].counts.accepted, last.queues[i].counts.accepted);
        EXPECT_GE(m.queues[i].counts.started, last.queues[i].counts.started);
        EXPECT_GE(m.queues[i].counts.completed, last.queues[i].counts.completed);
      }
      last = std::move(m);
    }
  });
  // A second generation of threads works with the contexts of the first.
  for (int generation = 0; generation < 2; ++generation) {
    std::vector<std::thread> submitters;
    for (int t = 0; t < threads; ++t) {
      submitters.emplace_back([&, t] {
        test::random_source random{static_cast<std::uint64_t>(t)};
        for (std::uint64_t i = 0; i < jobs_each; ++i) {
          const auto q = queue[below(random, queue_count)];
          const auto k = kind[(i + static_cast<std::uint64_t>(t)) % kind_count];
          EXPECT_TRUE(s->submit(q, k, test::no_payload()));
        }
      });
    }
    for (std::thread& t : submitters) t.join();
  }
  const std::uint64_t all = 2 * threads * jobs_each;
  EXPECT_TRUE(test::eventually([&] { return s->read_counters().completed == all; }));
  over.store(true);
  reader.join();
  const metrics m = s->read_metrics();
  expect_sums(m);
  EXPECT_EQ(m.total.accepted, all);
  for (unsigned i = 0; i < kind_count; ++i) {
    EXPECT_EQ(m.kinds[i].counts.completed, all / kind_count);
    EXPECT_EQ(m.kinds[i].counts.started, ran.ran[i].load());
  }
  for (const queue_metrics& q : m.queues) {
    EXPECT_EQ(q.waiting + q.scheduled + q.running, 0u) << q.name;
    EXPECT_EQ(q.counts.accepted, q.counts.completed);
  }
}

}  // namespace
}  // namespace pawl
