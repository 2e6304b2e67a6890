// Bounds in bytes against sums made anew. Method: random submits, bulks, replacements, cancels, runs, retries,
// deaths, requeues, sheds, expiries, steps of the clock and changes of the bounds on one thread
// (sim/stepped_world.hpp), from outside and from inside of handlers. After each of them what a queue and the
// scheduler count is the sum over their live jobs; what comes in never brings it above a bound; and a queue
// that rejects does so exactly if there is no room.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "sim/stepped_world.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::below;
using test::one_in;
using test::random_source;
using test::stepped_world;

bool is_live_state(job_state s) {
  return s == job_state::scheduled || s == job_state::ready || s == job_state::blocked ||
         s == job_state::running;
}

struct known_job {
  job_id id;
  unsigned queue;
  std::size_t size;
};

class bytes_model {
 public:
  bytes_model(std::uint64_t seed, std::uint64_t scheduler_bound) : random_(seed) {
    w.wanted.dead_in_memory = 30;
    w.wanted.bytes_max = scheduler_bound;
    w.check_counts = false;
    kinds_ = {w.kind("a", {.max_attempts = 3, .backoff = backoff::fixed(500ms)}),
              w.kind("b", {.limits = {.concurrency = 1}})};
    w.act = [this](context&) { return act(); };
    w.open();
    how_[0] = {.jobs_max = 60, .bytes_max = 2000, .when_full = when_full::shed};
    how_[1] = {.jobs_max = 60, .bytes_max = 2000};
    how_[2] = {.jobs_max = 60};
    for (unsigned q = 0; q < queues; ++q) {
      queues_[q] = w.queue(std::string(1, static_cast<char>('p' + q)), how_[q]);
      counts_[q] = scheduler_bound != 0 || how_[q].bytes_max != 0;
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) {
      one_step();
      check();
    }
    for (const queue_ref q : queues_) ASSERT_TRUE(w.e->resume(w.context_of_host(), q));
    ends_only_ = true;
    w.advance(2h);
    check();
    for (const queue_health& q : w.e->health().queues) ASSERT_EQ(q.bytes, 0u) << q.name;
    ASSERT_EQ(w.e->health().bytes, 0u);
  }

  std::array<std::uint64_t, reject_count> refused{};
  std::uint64_t accepted = 0;
  std::uint64_t replaced = 0;
  stepped_world w;

 private:
  static constexpr unsigned queues = 3;

  outcome act() {
    check();
    if (!ends_only_ && one_in(random_, 3)) submit();
    if (!ends_only_ && one_in(random_, 20)) change_bound();
    check();
    switch (ends_only_ ? 9 : below<int>(random_, 10)) {
      case 0:
        return outcome::fail();
      case 1:
        return outcome::dead();
      case 2:
        return outcome::snooze(100ms);
      case 3:
        return outcome::yield();
      default:
        return outcome::done();
    }
  }

  std::uint64_t sum_of(unsigned queue) {
    std::uint64_t sum = 0;
    for (const known_job& j : jobs_) {
      if (j.queue == queue && is_live_state(w.find(j.id).state)) sum += j.size;
    }
    return sum;
  }
  std::uint64_t sum_of_all() {
    std::uint64_t sum = 0;
    for (unsigned q = 0; q < queues; ++q) sum += sum_of(q);
    return sum;
  }
  void check() {
    std::erase_if(jobs_,
                  [&](const known_job& j) { return w.find(j.id).state == job_state::ended; });
    const health_report h = w.e->health();
    for (unsigned q = 0; q < queues; ++q) {
      ASSERT_EQ(h.queues[q].bytes, counts_[q] ? sum_of(q) : 0) << "queue " << q;
    }
    ASSERT_EQ(h.bytes, w.wanted.bytes_max != 0 ? sum_of_all() : 0);
    if (w.wanted.bytes_max != 0) {
      ASSERT_LE(h.bytes, w.wanted.bytes_max);
    }
  }

  // ---- what happens ----

  void one_step() {
    switch (below<int>(random_, 16)) {
      case 0:
        return change_bound();
      case 1:
        return requeue();
      case 2:
      case 3:
        return w.settle();
      case 4:
        return w.advance(duration(below<std::int64_t>(random_, 1'000'000'000)));
      case 5:
      case 6: {
        if (jobs_.empty()) return;
        const known_job& j = jobs_[below<std::size_t>(random_, jobs_.size())];
        static_cast<void>(w.e->cancel(w.context_of_host(), j.id));
        return;
      }
      case 7: {
        const queue_ref q = queues_[below<std::size_t>(random_, queues)];
        ASSERT_TRUE(w.e->pause(w.context_of_host(), q,
                               duration(below<std::int64_t>(random_, 2) * 1'000'000'000)));
        return;
      }
      case 8:
        ASSERT_TRUE(w.e->resume(w.context_of_host(), queues_[below<std::size_t>(random_, queues)]));
        return;
      case 9:
        if (one_in(random_, 5)) w.e->purge_dead(w.context_of_host(), {});
        return;
      case 10:
        return submit_bulk();
      default:
        return submit();
    }
  }

  void change_bound() {
    const auto q = below<unsigned>(random_, queues);
    if (how_[q].bytes_max == 0 && q == 2 && !one_in(random_, 4))
      return;  // so that it has jobs by then
    how_[q].bytes_max = one_in(random_, 5) ? 0 : 1 + below(random_, 4000);
    how_[q].jobs_max = 20 + below(random_, 60);
    counts_[q] = counts_[q] || how_[q].bytes_max != 0;
    const std::uint64_t ended = w.e->read_counters().ended();
    ASSERT_TRUE(w.e->set_options(w.context_of_host(), queues_[q], how_[q]));
    ASSERT_EQ(w.e->read_counters().ended(), ended) << "it ended a job";
  }

  std::size_t some_size() {
    return one_in(random_, 8) ? 0 : one_in(random_, 20) ? 5000 : 1 + below(random_, 400);
  }

  void submit() {
    const auto q = below<unsigned>(random_, queues);
    const std::size_t size = some_size();
    const std::string text(1, static_cast<char>('a' + below<int>(random_, 4)));
    const unique_key key{.key = text,
                         .scope = unique_scope::scheduler,
                         .until = static_cast<unique_until>(below<int>(random_, 2)),
                         .on_duplicate = on_duplicate::replace};
    job_options how;
    how.priority = static_cast<priority>(below<int>(random_, priority_count));
    if (one_in(random_, 3)) how.unique = &key;
    if (one_in(random_, 3)) how.after = duration(1 + below<std::int64_t>(random_, 2'000'000'000));
    if (one_in(random_, 4)) how.expires = duration(1 + below<std::int64_t>(random_, 2'000'000'000));
    const bool is_plain = how.unique == nullptr && how_[q].when_full == when_full::reject;
    const reject wanted = is_plain ? wanted_answer(q, size) : reject::none;
    const submit_answer a = w.try_submit(queues_[q], kinds_[below<std::size_t>(random_, 2)], how,
                                         std::span(some_).first(size));
    if (is_plain) {
      ASSERT_EQ(a.reason, wanted) << "queue " << q << ", " << size;
    }
    if (a.result() == submit_result::replaced) ++replaced;
    note(q, size, a.ticket.id, a.reason, a.result() == submit_result::replaced);
  }

  // The plainest bound.
  reject wanted_answer(unsigned q, std::size_t size) {
    const std::uint64_t bound = how_[q].bytes_max;
    const std::uint64_t all = w.wanted.bytes_max;
    if ((bound != 0 && size > bound) || (all != 0 && size > all)) return reject::too_large;
    if (w.e->health().queues[q].jobs >= how_[q].jobs_max) return reject::queue_full;
    if (size == 0) return reject::none;
    if (bound != 0 && sum_of(q) + size > bound) return reject::queue_full;
    return all != 0 && sum_of_all() + size > all ? reject::scheduler_full : reject::none;
  }

  void submit_bulk() {
    const auto q = below<unsigned>(random_, queues);
    std::vector<job_spec> specs(below<std::size_t>(random_, 12));
    for (job_spec& s : specs) {
      s.payload = std::span(some_).first(some_size());
      s.options.priority = static_cast<priority>(2 + below<int>(random_, 2));
      if (one_in(random_, 4)) s.options.after = 1s;
    }
    std::vector<job_id> ids(specs.size());
    const submit_answers a =
        take_in(w.e->parts(), w.context_of_host(), queues_[q], kinds_[0], specs, ids);
    for (std::size_t i = 0; i < a.accepted; ++i)
      note(q, specs[i].payload.size(), ids[i], reject::none, true);
    if (a.accepted < specs.size()) ++refused[static_cast<std::size_t>(a.reason)];
    // One by one the bound was kept: the last that has a payload is there, and fits.
    check_bound(q, a.accepted != 0 && !specs[a.accepted - 1].payload.empty());
  }

  void note(unsigned q, std::size_t size, job_id id, reject reason, bool may_exceed) {
    if (reason != reject::none) {
      ++refused[static_cast<std::size_t>(reason)];
      return;
    }
    ++accepted;
    jobs_.push_back({id, q, size});
    check_bound(q, size != 0 && !may_exceed);
  }
  void check_bound(unsigned q, bool has_come_in) {
    if (!has_come_in || how_[q].bytes_max == 0) return;
    ASSERT_LE(sum_of(q), how_[q].bytes_max) << "queue " << q;
  }

  void requeue() {
    if (jobs_.empty()) return;
    const known_job j = jobs_[below<std::size_t>(random_, jobs_.size())];
    const job_status s = w.find(j.id);
    if (s.state != job_state::dead) return;
    const bool fits = wanted_answer(j.queue, j.size) == reject::none;
    const auto answer = w.e->requeue(w.context_of_host(), j.id, s.version);
    if (answer) {
      ASSERT_TRUE(fits);
      w.note_requeued(j.id);
    } else {
      ASSERT_TRUE(!fits || answer.error().code == errc::busy);
    }
  }

  random_source random_;
  std::array<kind_ref, 2> kinds_;
  std::array<queue_ref, queues> queues_;
  std::array<queue_options, queues> how_;
  std::array<bool, queues> counts_{};
  std::vector<known_job> jobs_;
  std::vector<std::byte> some_{5000};
  bool ends_only_ = false;
};

TEST(bytes_model, what_is_counted_is_the_sum_over_the_live_jobs) {
  random_source random(test::fresh_seed());
  std::array<std::uint64_t, reject_count> refused{};
  std::uint64_t accepted = 0;
  std::uint64_t replaced = 0;
  std::uint64_t shed = 0;
  const int rounds = test::scaled(60);
  for (int round = 0; round < rounds && !::testing::Test::HasFatalFailure(); ++round) {
    bytes_model m(random(), round % 2 == 0 ? 0 : 2500);
    m.run(300);
    for (std::size_t i = 0; i < refused.size(); ++i) refused[i] += m.refused[i];
    accepted += m.accepted;
    replaced += m.replaced;
    shed += m.w.e->read_counters().dead[static_cast<std::size_t>(dead_cause::shed)];
  }
  std::printf("%llu accepted, %llu of them replaced another, %llu were shed\n",
              static_cast<unsigned long long>(accepted), static_cast<unsigned long long>(replaced),
              static_cast<unsigned long long>(shed));
  EXPECT_GT(replaced, 0u);
  EXPECT_GT(shed, 0u);
  for (const reject r : {reject::queue_full, reject::scheduler_full, reject::too_large}) {
    EXPECT_GT(refused[static_cast<std::size_t>(r)], 0u) << name(r);
  }
}

}  // namespace
}  // namespace pawl
