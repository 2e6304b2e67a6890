// Many jobs with delays, retries, timeouts and cancels on real threads and the real clock. Method:
// each job keeps books of its own attempts, written by its handler and looked at by the next attempt;
// all counts are added up at the end.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::below;
using test::bytes_of;
using test::eventually;
using test::no_payload;
using test::on_threads;
using test::one_in;
using test::open_or_exit;
using test::queue_or_exit;
using test::random_source;
using test::scaled;
using test::small_options;
using test::value_of;

std::uint64_t boot_ns() {
  return system_clock().boot_ns();
}

// The books of one job.
struct stressed_job {
  std::atomic<std::uint64_t> id{0};
  std::atomic<std::uint64_t> not_before{0};  // boot clock
  std::atomic<std::uint64_t> not_after{UINT64_MAX};
  std::atomic<int> inside{0};
  std::atomic<int> attempts{0};  // that counted
  std::atomic<int> starts{0};
  std::atomic<int> finals{0};   // outcomes that end it
  std::atomic<int> cancels{0};  // answered with a ticket
};

struct stress {
  explicit stress(int count) : jobs(static_cast<std::size_t>(count)) {}

  static outcome run(void* self, context& job, std::span<const std::byte> payload) {
    return static_cast<stress*>(self)->attempt(job, value_of<std::uint64_t>(payload));
  }

  void complain(const char* what) {
    ++wrong;
    const std::lock_guard lock(mutex);
    if (complaints.size() < 5) complaints.emplace_back(what);
  }

  outcome attempt(context& job, std::uint64_t index) {
    const std::uint64_t now = boot_ns();
    stressed_job& j = jobs[index];
    if (j.inside.exchange(1) != 0) complain("two attempts at the same time");
    if (now < j.not_before.load()) complain("early");
    // What looked at the expiry last may have been held up by other threads since.
    if (now > j.not_after.load() && now - j.not_after.load() > 5'000'000'000) complain("expired");
    if (j.finals.load() != 0) complain("started after its end");
    ++j.starts;
    const int number = j.attempts.load() + 1;
    if (job.attempt() != static_cast<unsigned>(number)) complain("the number of the attempt");
    if (number > 3) complain("too many attempts");
    const outcome said = decide(job, j, number, mix_of(index, j.starts.load()));
    j.inside = 0;
    return said;
  }

  static std::uint64_t mix_of(std::uint64_t index, int start) {
    random_source r(index * 31 + static_cast<std::uint64_t>(start));
    return r();
  }

  outcome decide(context& job, stressed_job& j, int number, std::uint64_t random) {
    const duration delay(static_cast<std::int64_t>(random >> 8 & 0x1ffffff));  // up to 33 ms
    const auto later = [&](duration by) {
      j.not_before = boot_ns() + static_cast<std::uint64_t>(by.count());
    };
    const bool cancelled = job.cancel_requested();
    switch (random % 16) {
      case 0:
        j.attempts = number;
        if (number == 3) ++j.finals;
        later(1ms);  // the kind's backoff
        return outcome::fail();
      case 1:
        j.attempts = number;
        if (number == 3) ++j.finals;
        later(delay);
        return outcome::retry(delay);
      case 2:
        later(delay);
        return outcome::snooze(delay);
      case 3:
        return outcome::yield();
      case 4:
        ++j.finals;
        return outcome::dead();
      case 5:
        if (!cancelled) break;
        ++j.finals;
        return outcome::cancelled();
      case 6:
        if ((random >> 40) % 64 != 0) break;
        // Longer than it may: it sees that, and gives up; the attempt has failed.
        while (!job.timed_out() && !job.stop_requested()) std::this_thread::sleep_for(200us);
        j.attempts = number;
        if (number == 3) ++j.finals;
        later(1ms);
        ++timeouts;
        return outcome::interrupted();
      default:
        break;
    }
    ++j.finals;
    return outcome::done();
  }

  std::vector<stressed_job> jobs;
  std::atomic<int> wrong{0};
  std::atomic<int> timeouts{0};
  std::mutex mutex;
  std::vector<std::string> complaints;
};

TEST(time_stress, every_job_reaches_one_end_and_none_is_early) {
  const std::uint64_t seed = test::fresh_seed();
  stress all(scaled(200'000));
  kind_options how{.max_attempts = 3, .backoff = backoff::fixed(1ms), .run_timeout = 20ms};
  registry kinds;
  const kind_ref plain = kinds.add("plain", stress::run, &all, how);
  how.blocking = true;
  const kind_ref blocking = kinds.add("blocking", stress::run, &all, how);
  struct ends_seen {
    std::atomic<std::uint64_t> starts{0};
    std::atomic<std::uint64_t> ends{0};   // terminal
    std::atomic<std::uint64_t> again{0};  // and not
  } seen;
  options o = small_options();
  o.jobs_max = 1'000'000;
  o.dead_in_memory = 500;
  o.grace = 60s;
  o.hooks = {
      .on_start = [](void* u, const job_change&) { ++static_cast<ends_seen*>(u)->starts; },
      .on_end =
          [](void* u, const job_change& c) {
            const bool comes_again = c.state == job_state::scheduled || c.state == job_state::ready;
            ++(comes_again ? static_cast<ends_seen*>(u)->again : static_cast<ends_seen*>(u)->ends);
          },
      .user = &seen};
  const auto s = open_or_exit(o, kinds);
  const queue_ref queues[] = {queue_or_exit(*s, "a"), queue_or_exit(*s, "b")};
  std::atomic<int> submitting{2};
  on_threads(3, [&](int thread) {
    random_source random(seed + static_cast<std::uint64_t>(thread));
    if (thread == 2) {
      while (submitting.load() != 0) {
        stressed_job& j = all.jobs[below<std::size_t>(random, all.jobs.size())];
        if (j.id.load() != 0 && s->cancel(job_id{j.id.load()})) ++j.cancels;
        if (one_in(random, 50)) static_cast<void>(s->list_dead({}, 0, 50));
        std::this_thread::sleep_for(20us);
      }
      return;
    }
    for (std::size_t i = static_cast<std::size_t>(thread); i < all.jobs.size(); i += 2) {
      stressed_job& j = all.jobs[i];
      job_options opt;
      opt.priority = static_cast<priority>(below<unsigned>(random, priority_count));
      const std::uint64_t before = boot_ns();
      if (one_in(random, 2)) {
        opt.after = duration(static_cast<std::int64_t>(below(random, 300'000'000)));
        j.not_before = before + static_cast<std::uint64_t>(opt.after.count());
      }
      if (one_in(random, 8)) {
        opt.expires = duration(static_cast<std::int64_t>(1000 + below(random, 300'000'000)));
        // The submit itself may take a while on a busy machine.
        j.not_after = before + static_cast<std::uint64_t>(opt.expires.count());
      }
      const auto a = s->submit(queues[i % 2], i % 100 < 2 ? blocking : plain, bytes_of(i), opt);
      ASSERT_TRUE(a) << name(a.reason);
      j.id = a.ticket.id.value;
    }
    --submitting;
  });
  EXPECT_TRUE(eventually([&] { return s->read_counters().ended() == all.jobs.size(); }));
  ASSERT_TRUE(s->stop(test::patience));
  for (const std::string& what : all.complaints) ADD_FAILURE() << what;
  EXPECT_EQ(all.wrong, 0);
  std::uint64_t unexplained = 0;
  for (stressed_job& j : all.jobs) {
    const auto found = s->find(job_id{j.id.load()});
    ASSERT_TRUE(found);
    ASSERT_TRUE(found->state == job_state::ended || found->state == job_state::dead);
    ASSERT_LE(j.finals.load(), 1);
    ASSERT_EQ(j.inside.load(), 0);
    // Whose handler did not end it: it was cancelled, or it expired, or pushed back too often.
    if (j.finals.load() == 0 && j.cancels.load() == 0 && j.not_after.load() == UINT64_MAX) {
      ++unexplained;
    }
  }
  const counters c = s->read_counters();
  EXPECT_EQ(unexplained, 0u);
  EXPECT_EQ(c.accepted, all.jobs.size());
  EXPECT_EQ(c.ended(), all.jobs.size());
  EXPECT_EQ(seen.ends, all.jobs.size());
  EXPECT_EQ(seen.starts, c.started);
  EXPECT_EQ(seen.again, c.retried + c.pushed_back);
  EXPECT_EQ(c.overrun, 0u);
  EXPECT_GE(c.timed_out, static_cast<std::uint64_t>(all.timeouts.load()));
  std::printf(
      "%llu started, %llu retried, %llu pushed back, %llu expired, %llu cancelled, %llu "
      "timed out\n",
      static_cast<unsigned long long>(c.started), static_cast<unsigned long long>(c.retried),
      static_cast<unsigned long long>(c.pushed_back), static_cast<unsigned long long>(c.expired),
      static_cast<unsigned long long>(c.cancelled), static_cast<unsigned long long>(c.timed_out));
}

TEST(delays, an_idle_scheduler_wakes_for_them_and_never_early) {
  // Drains and timer asleep; one job at a time, with delays from nothing to tens of milliseconds.
  std::atomic<std::uint64_t> started{0};
  registry kinds;
  const kind_ref k = kinds.add(
      "k",
      [](void* at, context&, std::span<const std::byte>) {
        *static_cast<std::atomic<std::uint64_t>*>(at) = boot_ns();
        return outcome::done();
      },
      &started);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  for (const duration after : std::vector<duration>{1ns, 900ns, 3us, 50us, 1ms, 3ms, 40ms}) {
    for (int i = 0; i < 20; ++i) {
      started = 0;
      if (i % 2 == 0) {
        ASSERT_TRUE(eventually([&] { return s->health().drains_asleep == 2; }));
      }
      const std::uint64_t before = boot_ns();
      const auto a = s->submit(q, k, no_payload(), {.after = after});
      ASSERT_TRUE(a);
      ASSERT_TRUE(s->wait(a.ticket.id, test::patience)) << "nobody woke up";
      ASSERT_GE(started.load(), before + static_cast<std::uint64_t>(after.count())) << "early";
    }
  }
  // By the wall clock.
  for (int i = 0; i < 20; ++i) {
    const auto at = std::chrono::system_clock::now() + 2ms;
    const auto a = s->submit(q, k, no_payload(), {.at = at});
    ASSERT_TRUE(a);
    ASSERT_TRUE(s->wait(a.ticket.id, test::patience)) << "nobody woke up";
    ASSERT_GE(std::chrono::system_clock::now(), at);
  }
}

TEST(wait, gets_the_outcome_of_a_job_that_is_retried) {
  // Waiters sleep from before the first attempt on, over failed ones, to the end.
  registry kinds;
  const kind_options how{.max_attempts = 3, .backoff = backoff::fixed(5ms)};
  const auto third_time = [](void*, context& job, std::span<const std::byte>) {
    return job.attempt() == 3 ? outcome::done() : outcome::fail();
  };
  const kind_ref fine = kinds.add("fine", third_time, nullptr, how);
  const kind_ref never = kinds.add(
      "never", [](void*, context& job, std::span<const std::byte>) { return job.fail("no", 7); },
      nullptr, how);
  std::atomic<int> left{5};
  const kind_ref snoozes = kinds.add(
      "snoozes",
      [](void* starts, context&, std::span<const std::byte>) {
        return --*static_cast<std::atomic<int>*>(starts) > 0 ? outcome::snooze(1ms)
                                                             : outcome::done();
      },
      &left, how);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->pause(q));
  struct row {
    kind_ref kind;
    job_state state;
    dead_cause cause;
    int attempt;
  };
  const row rows[] = {{fine, job_state::completed, dead_cause::none, 3},
                      {never, job_state::dead, dead_cause::exhausted, 3},
                      {snoozes, job_state::completed, dead_cause::none, 1}};
  std::vector<std::thread> waiters;
  for (const row& r : rows) {
    const job_id id = s->submit(q, r.kind, no_payload(), {.after = 20ms}).ticket.id;
    waiters.emplace_back([&s, &r, id] {
      const auto end = s->wait(id, test::patience);
      ASSERT_TRUE(end);
      EXPECT_EQ(end->state, r.state);
      EXPECT_EQ(end->cause, r.cause);
      EXPECT_EQ(end->attempt, r.attempt);
    });
  }
  std::this_thread::sleep_for(50ms);  // they wait, and the jobs are due
  ASSERT_TRUE(s->resume(q));
  for (std::thread& t : waiters) t.join();
}

TEST(dead_letters, are_requeued_once_whoever_asks) {
  // Four threads requeue the same deaths; each death is answered with one ticket.
  registry kinds;
  const kind_ref k =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::dead(); });
  options o = small_options();
  o.dead_in_memory = 10'000;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  const int count = scaled(2000);
  std::vector<job_id> ids;
  for (int i = 0; i < count; ++i) ids.push_back(s->submit(q, k, no_payload()).ticket.id);
  for (int round = 0; round < 3; ++round) {
    const auto want = static_cast<std::uint64_t>(count * (round + 1));
    ASSERT_TRUE(eventually([&] {
      return s->read_counters().ended() == want &&
             s->health().dead == static_cast<std::uint64_t>(count);
    }));
    std::vector<std::uint64_t> versions;
    for (const job_id id : ids) versions.push_back(s->find(id)->version);
    std::atomic<int> tickets{0};
    std::atomic<int> wrong{0};
    on_threads(4, [&](int) {
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto t = s->requeue(ids[i], versions[i]);
        if (t) {
          ++tickets;
        } else if (t.error().code != errc::stale) {
          ++wrong;
        }
      }
    });
    EXPECT_EQ(tickets, count);
    EXPECT_EQ(wrong, 0);
  }
  ASSERT_TRUE(eventually(
      [&] { return s->read_counters().ended() == static_cast<std::uint64_t>(count * 4); }));
  EXPECT_EQ(s->read_counters().requeued, static_cast<std::uint64_t>(count * 3));
}

}  // namespace
}  // namespace pawl
