// Every job ends once, and whoever asks is told the truth. Methods: races of many threads with all
// counts added up afterwards; handlers that do what they should not.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::below;
using test::bytes_of;
using test::door;
using test::eventually;
using test::no_payload;
using test::on_threads;
using test::open_or_exit;
using test::queue_or_exit;
using test::say_done;
using test::scaled;
using test::small_options;
using test::value_of;

// What is known of each job of a race from outside.
struct race_job {
  std::atomic<std::uint64_t> id{0};
  std::atomic<int> runs{0};
  std::atomic<int> cancels{0};  // that were answered with a ticket
};

class race : public ::testing::Test {
 protected:
  explicit race(int count = scaled(200'000)) : jobs(static_cast<std::size_t>(count)) {
    plain = kinds.add("k", run, this);
    blocking = kinds.add("b", run, this, {.blocking = true});
  }
  static outcome run(void* self, context&, std::span<const std::byte> payload) {
    static_cast<race*>(self)->jobs[value_of<std::size_t>(payload)].runs.fetch_add(1);
    return outcome::done();
  }
  static options many_jobs() {
    options o = small_options();
    o.jobs_max = 1'000'000;
    return o;
  }
  // Submits job i for each i of this thread.
  void submit_all(int thread, int threads) {
    for (std::size_t i = static_cast<std::size_t>(thread); i < jobs.size();
         i += static_cast<std::size_t>(threads)) {
      const auto a = s->submit(q, i % 50 == 0 ? blocking : plain, bytes_of(i));
      if (a) jobs[i].id = a.ticket.id.value;
    }
  }
  void cancel_some(test::random_source& random) {
    race_job& j = jobs[below<std::size_t>(random, jobs.size())];
    if (j.id.load() != 0 && s->cancel(job_id{j.id.load()})) j.cancels.fetch_add(1);
  }

  std::vector<race_job> jobs;
  registry kinds;
  kind_ref plain;
  kind_ref blocking;
  std::unique_ptr<scheduler> s;
  queue_ref q;
};

TEST_F(race, cancel_and_completion_give_each_job_one_end) {
  const std::uint64_t seed = test::fresh_seed();
  s = open_or_exit(many_jobs(), kinds);
  q = queue_or_exit(*s, "q");
  std::atomic<int> submitting{2};
  on_threads(4, [&](int thread) {
    if (thread < 2) {
      submit_all(thread, 2);
      --submitting;
      return;
    }
    test::random_source random(seed + static_cast<std::uint64_t>(thread));
    while (submitting.load() != 0) cancel_some(random);
  });
  ASSERT_TRUE(eventually([&] {
    const counters c = s->read_counters();
    return c.ended() == jobs.size();
  }));
  std::uint64_t runs = 0;
  std::uint64_t cancelled = 0;
  for (const race_job& j : jobs) {
    ASSERT_NE(j.id.load(), 0u);
    ASSERT_LE(j.runs.load(), 1);
    ASSERT_TRUE(j.runs.load() == 1 || j.cancels.load() == 1) << "neither ran nor was cancelled";
    runs += static_cast<std::uint64_t>(j.runs.load());
    if (j.runs.load() == 0) ++cancelled;
  }
  const counters c = s->read_counters();
  EXPECT_EQ(c.accepted, jobs.size());
  EXPECT_EQ(c.completed, runs);
  EXPECT_EQ(c.started, runs);
  EXPECT_EQ(c.cancelled, cancelled);
  EXPECT_TRUE(eventually([&] { return s->health().queues[0].jobs == 0; }));
  for (const race_job& j : jobs) {
    ASSERT_EQ(s->find(job_id{j.id.load()})->state, job_state::ended);
    ASSERT_EQ(s->cancel(job_id{j.id.load()}).error().code, errc::stale);
  }
  std::printf("%llu ran, %llu cancelled\n", static_cast<unsigned long long>(runs),
              static_cast<unsigned long long>(cancelled));
}

TEST_F(race, a_stop_in_the_middle_leaves_every_job_ended_or_waiting) {
  const std::uint64_t seed = test::fresh_seed();
  for (int round = 0; round < 5; ++round) {
    for (race_job& j : jobs) {
      j.id = 0;
      j.runs = 0;
      j.cancels = 0;
    }
    s = open_or_exit(many_jobs(), kinds);
    q = queue_or_exit(*s, "q");
    std::atomic<int> submitting{2};
    on_threads(4, [&](int thread) {
      test::random_source random(seed + static_cast<std::uint64_t>(thread + 4 * round));
      if (thread < 2) {
        submit_all(thread, 2);
        --submitting;
      } else if (thread == 2) {
        while (submitting.load() != 0) cancel_some(random);
      } else {
        std::this_thread::sleep_for(std::chrono::microseconds(below(random, 5000)));
        EXPECT_TRUE(s->stop(test::patience));
      }
    });
    std::uint64_t accepted = 0;
    std::uint64_t runs = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t waiting = 0;
    for (const race_job& j : jobs) {
      if (j.id.load() == 0) continue;  // refused: stopping
      ++accepted;
      runs += static_cast<std::uint64_t>(j.runs.load());
      ASSERT_LE(j.runs.load(), 1);
      const auto found = s->find(job_id{j.id.load()});
      ASSERT_TRUE(found);
      if (found->state == job_state::ready) {
        ASSERT_EQ(j.runs.load(), 0);
        ++waiting;
        ASSERT_TRUE(s->cancel(job_id{j.id.load()})) << "what waits can still be cancelled";
      } else {
        ASSERT_EQ(found->state, job_state::ended);
        if (j.runs.load() == 0) {
          ASSERT_EQ(j.cancels.load(), 1);
          ++cancelled;
        }
      }
    }
    const counters c = s->read_counters();
    ASSERT_EQ(c.accepted, accepted);
    ASSERT_EQ(c.completed, runs);
    ASSERT_EQ(c.cancelled, cancelled + waiting);
    ASSERT_EQ(c.ended(), accepted);
    s.reset();
  }
}

TEST_F(race, no_wait_misses_an_end) {
  // Threads wait for jobs that are ending at this very moment, with long and with tiny limits. A
  // missed end would sit out the long limit; a status is always that of the job and terminal.
  s = open_or_exit(many_jobs(), kinds);
  q = queue_or_exit(*s, "q");
  std::atomic<int> wrong{0};
  std::atomic<int> told{0};
  std::atomic<int> timeouts{0};
  on_threads(4, [&](int thread) {
    for (std::size_t i = static_cast<std::size_t>(thread); i < jobs.size() / 4; i += 4) {
      const auto a = s->submit(q, plain, bytes_of(i));
      ASSERT_TRUE(a);
      const bool tiny = i % 8 < 4;
      auto r = s->wait(a.ticket.id, tiny ? duration(1000 * (i % 64)) : duration(test::patience));
      if (!r && tiny && r.error().code == errc::timeout) {
        ++timeouts;
        r = s->wait(a.ticket.id, test::patience);
      }
      if (!r || r->id != a.ticket.id ||
          (r->state != job_state::completed && r->state != job_state::ended)) {
        ++wrong;
      } else if (r->state == job_state::completed) {
        ++told;
        if (r->attempt != 1 || r->queue != q || r->kind != plain) ++wrong;
      }
    }
  });
  EXPECT_EQ(wrong, 0);
  std::printf("%d told, %d timed out first\n", told.load(), timeouts.load());
}

TEST_F(race, find_never_goes_back_in_a_jobs_life) {
  // Readers look up ids that other threads issue, run and cancel, and remember the furthest state
  // they saw of each: ready, running, over.
  const std::uint64_t seed = test::fresh_seed();
  s = open_or_exit(many_jobs(), kinds);
  q = queue_or_exit(*s, "q");
  std::atomic<int> submitting{2};
  std::atomic<long> looks{0};
  on_threads(4, [&](int thread) {
    if (thread < 2) {
      submit_all(thread, 2);
      --submitting;
      return;
    }
    test::random_source random(seed + static_cast<std::uint64_t>(thread));
    std::vector<int> furthest(jobs.size(), 0);
    while (submitting.load() != 0) {
      if (test::one_in(random, 20)) cancel_some(random);
      const auto i = below<std::size_t>(random, jobs.size());
      const std::uint64_t id = jobs[i].id.load();
      if (id == 0) continue;
      const bool had_run = jobs[i].runs.load() != 0;
      const auto found = s->find(job_id{id});
      ASSERT_TRUE(found) << "an issued id is known for ever";
      ASSERT_EQ(found->id.value, id);
      const int rank = found->state == job_state::ready     ? 0
                       : found->state == job_state::running ? 1
                                                            : 2;
      ASSERT_TRUE(rank < 2 || found->state == job_state::ended ||
                  found->state == job_state::completed || found->state == job_state::cancelled);
      ASSERT_GE(rank, furthest[i]);
      ASSERT_FALSE(had_run && rank == 0) << "it has run and is said to be ready";
      furthest[i] = rank;
      looks.fetch_add(1, std::memory_order_relaxed);
    }
  });
  EXPECT_GT(looks.load(), 0);
}

// Is that thread asleep in the kernel?
bool is_asleep(long thread) {
  std::ifstream in("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string pid;
  std::string comm;
  char state = '?';
  in >> pid >> comm >> state;
  return state == 'S';
}

TEST(wait, everyone_who_waited_before_the_end_gets_the_outcome) {
  // Waiters are asleep in the kernel before the queue is resumed: of each kind of end.
  registry kinds;
  const kind_ref fine = kinds.add("k", say_done);
  const kind_ref dies =
      kinds.add("d", [](void*, context&, std::span<const std::byte>) { return outcome::dead(); });
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->pause(q));
  const job_id ids[] = {s->submit(q, fine, no_payload()).ticket.id,
                        s->submit(q, dies, no_payload()).ticket.id,
                        s->submit(q, fine, no_payload()).ticket.id};
  const job_state ends[] = {job_state::completed, job_state::dead, job_state::cancelled};
  std::atomic<int> right{0};
  std::vector<std::atomic<long>> tids(12);
  std::vector<std::thread> waiters;
  for (std::size_t i = 0; i < tids.size(); ++i) {
    waiters.emplace_back([&, i] {
      tids[i] = syscall(SYS_gettid);
      const auto r = s->wait(ids[i % 3], test::patience);
      if (r && r->id == ids[i % 3] && r->state == ends[i % 3]) ++right;
    });
  }
  for (const auto& t : tids) {
    int seen = 0;  // asleep several times in a row: not just on its way
    ASSERT_TRUE(eventually([&] {
      seen = t.load() != 0 && is_asleep(t.load()) ? seen + 1 : 0;
      return seen == 20;
    }));
  }
  EXPECT_TRUE(s->cancel(ids[2]));
  ASSERT_TRUE(s->resume(q));
  for (std::thread& t : waiters) t.join();
  EXPECT_EQ(right, 12);
}

TEST(wait, knows_unknown_ids_and_times_out_without_touching_the_job) {
  registry kinds;
  const kind_ref kind = kinds.add("k", say_done);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  EXPECT_EQ(s->wait(job_id{}, 1s).error().code, errc::not_found);
  EXPECT_EQ(s->wait(job_id{12345}, 1s).error().code, errc::not_found);
  EXPECT_EQ(s->find(job_id{~0ull}).error().code, errc::not_found);
  EXPECT_EQ(s->cancel(job_id{1}).error().code, errc::not_found);
  ASSERT_TRUE(s->pause(q));
  const auto a = s->submit(q, kind, no_payload());
  for (const duration limit : {duration(-5s), duration(0), duration(5ms)}) {
    EXPECT_EQ(s->wait(a.ticket.id, limit).error().code, errc::timeout);
  }
  EXPECT_EQ(s->find(a.ticket.id)->state, job_state::ready);
  ASSERT_TRUE(s->resume(q));
  EXPECT_TRUE(s->wait(a.ticket.id, duration::max()));
}

TEST(handler, what_it_throws_or_returns_becomes_the_end_of_its_job) {
  struct records {
    std::mutex mutex;
    std::vector<std::pair<std::string, std::uint64_t>> said;
  } log;
  registry kinds;
  const auto throws = [](void* what, context&, std::span<const std::byte>) -> outcome {
    if (what == nullptr) throw 42;
    throw std::runtime_error(static_cast<const char*>(what));
  };
  char message[] = "the disk is on fire";
  std::string longest(2000, 'x');
  const kind_options once{.max_attempts = 1};
  const kind_ref exception = kinds.add("exception", throws, message, once);
  const kind_ref number = kinds.add("number", throws, nullptr, once);
  const kind_ref long_message = kinds.add("long", throws, longest.data(), once);
  const kind_ref dead = kinds.add(
      "dead", [](void*, context&, std::span<const std::byte>) { return outcome::dead(); });
  const kind_ref cancelled = kinds.add(
      "cancelled", [](void*, context&, std::span<const std::byte>) { return outcome::cancelled(); },
      nullptr, once);
  const kind_ref blocking =
      kinds.add("blocking", throws, message, {.blocking = true, .max_attempts = 1});
  struct point {
    std::int32_t x, y;
  };
  const kind_ref typed = kinds.add<point>("typed", [](context&, const point& p) {
    return p.x == 3 && p.y == 4 ? outcome::done() : outcome::dead();
  });
  options o = small_options();
  o.log = {[](void* user, const log_record& r) {
             records& l = *static_cast<records*>(user);
             const std::lock_guard lock(l.mutex);
             EXPECT_EQ(r.event, "handler.threw");
             EXPECT_LE(r.message.size(), 512u);
             l.said.emplace_back(std::string(r.message), r.job.value);
           },
           &log};
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  const auto end_of = [&](kind_ref k, std::span<const std::byte> payload) {
    const auto a = s->submit(q, k, payload);
    EXPECT_TRUE(a);
    const auto r = s->wait(a.ticket.id, test::patience);
    EXPECT_TRUE(r);
    return *r;
  };
  // Nobody asked `cancelled` to cancel: its attempt failed.
  for (const kind_ref k : {exception, number, long_message, dead, blocking, cancelled}) {
    const job_status end = end_of(k, no_payload());
    const dead_cause cause = k == dead ? dead_cause::handler : dead_cause::exhausted;
    EXPECT_EQ(end.state, job_state::dead);
    EXPECT_EQ(end.cause, cause);
    EXPECT_EQ(s->find(end.id)->cause, cause) << "the dead are remembered";
  }
  const point good{3, 4};
  const auto a = s->submit(q, typed, good);
  ASSERT_TRUE(a);
  EXPECT_TRUE(s->wait(a.ticket.id, test::patience));
  const job_status wrong_size = end_of(typed, bytes_of(good.x));
  EXPECT_EQ(wrong_size.state, job_state::dead);
  EXPECT_EQ(wrong_size.cause, dead_cause::decode);
  ASSERT_EQ(log.said.size(), 4u);
  EXPECT_EQ(log.said[0].first, message);
  EXPECT_NE(log.said[0].second, 0u);
  EXPECT_FALSE(log.said[1].first.empty()) << "something is said of what is no std::exception";
  EXPECT_EQ(log.said[2].first, longest.substr(0, 512));
  const counters c = s->read_counters();
  EXPECT_EQ(c.dead[static_cast<std::size_t>(dead_cause::handler)], 1u);
  EXPECT_EQ(c.dead[static_cast<std::size_t>(dead_cause::exhausted)], 5u);
  EXPECT_EQ(c.dead[static_cast<std::size_t>(dead_cause::decode)], 1u);
  EXPECT_EQ(c.completed, 1u);
  EXPECT_EQ(c.cancelled, 0u);
}

TEST(handler, a_running_job_is_asked_to_cancel_and_decides) {
  for (const bool agrees : {false, true}) {
    registry kinds;
    std::atomic<bool> inside{false};
    struct plan {
      std::atomic<bool>* inside;
      bool agrees;
    } p{&inside, agrees};
    const kind_ref kind = kinds.add(
        "k",
        [](void* user, context& job, std::span<const std::byte>) {
          const plan& wanted = *static_cast<plan*>(user);
          *wanted.inside = true;
          while (!job.cancel_requested()) std::this_thread::sleep_for(1ms);
          return wanted.agrees ? outcome::cancelled() : outcome::done();
        },
        &p);
    const auto s = open_or_exit(small_options(), kinds);
    const queue_ref q = queue_or_exit(*s, "q");
    const job_id id = s->submit(q, kind, no_payload()).ticket.id;
    ASSERT_TRUE(eventually([&] { return inside.load(); }));
    EXPECT_EQ(s->find(id)->state, job_state::running);
    EXPECT_FALSE(s->find(id)->cancel_requested);
    std::thread waiter([&] {
      const auto r = s->wait(id, test::patience);
      ASSERT_TRUE(r);
      EXPECT_TRUE(r->state == job_state::ended ||
                  r->state == (agrees ? job_state::cancelled : job_state::completed));
    });
    ASSERT_TRUE(s->cancel(id));
    waiter.join();
    EXPECT_TRUE(eventually([&] { return s->read_counters().ended() == 1; }));
    EXPECT_EQ(s->read_counters().cancelled, agrees ? 1u : 0u);
  }
}

TEST(handler, may_use_every_verb_of_its_scheduler) {
  // A job submits, looks up and cancels others, pauses and resumes queues, from a drain and from a
  // blocking thread.
  struct plan {
    kind_ref child;
    queue_ref other;
    std::atomic<int> wrong{0};
  } p;
  registry kinds;
  const auto parent = [](void* user, context& job, std::span<const std::byte>) {
    plan& w = *static_cast<plan*>(user);
    scheduler& s = job.owner();
    const auto expect = [&w](bool right) {
      if (!right) ++w.wrong;
    };
    expect(s.find(job.id())->state == job_state::running);
    expect(static_cast<bool>(s.pause(w.other)));
    const auto a = s.submit(w.other, w.child, no_payload());
    const auto b = s.submit(w.other, w.child, no_payload());
    expect(a && b);
    expect(s.find(a.ticket.id)->state == job_state::ready);
    expect(static_cast<bool>(s.cancel(a.ticket.id)));
    expect(s.find(a.ticket.id)->state == job_state::ended);
    expect(static_cast<bool>(s.cancel(job.id())) && job.cancel_requested());
    expect(static_cast<bool>(s.resume(w.other)));
    expect(static_cast<bool>(s.set_options(w.other, {.weight = 3})));
    expect(static_cast<bool>(s.queue("made-inside")));
    expect(s.health().phase == phase::open);
    expect(s.read_counters().started >= 1);
    return outcome::done();
  };
  p.child = kinds.add("child", say_done);
  const kind_ref on_drain = kinds.add("parent", parent, &p);
  const kind_ref on_blocking = kinds.add("parent-blocking", parent, &p, {.blocking = true});
  const auto s = open_or_exit(small_options(), kinds);
  p.other = queue_or_exit(*s, "other");
  const queue_ref q = queue_or_exit(*s, "q");
  for (int i = 0; i < 50; ++i) {
    const auto a = s->submit(q, i % 2 == 0 ? on_drain : on_blocking, no_payload());
    ASSERT_TRUE(s->wait(a.ticket.id, test::patience));
  }
  EXPECT_EQ(p.wrong, 0);
  EXPECT_TRUE(eventually([&] { return s->read_counters().ended() == 150; }));
  EXPECT_EQ(s->read_counters().cancelled, 50u);
}

TEST(dead, the_last_ones_are_known_and_older_ones_ended) {
  registry kinds;
  const kind_ref kind =
      kinds.add("d", [](void*, context&, std::span<const std::byte>) { return outcome::dead(); });
  options o = small_options();
  o.dead_in_memory = 5;
  o.drains = 1;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  std::vector<job_id> ids;
  for (int i = 0; i < 20; ++i) {
    const auto a = s->submit(q, kind, no_payload());
    ASSERT_TRUE(s->wait(a.ticket.id, test::patience));
    ids.push_back(a.ticket.id);
  }
  ASSERT_TRUE(eventually([&] { return s->find(ids[14])->state == job_state::ended; }));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(s->find(ids[i])->state, i < 15 ? job_state::ended : job_state::dead) << i;
  }
  EXPECT_EQ(s->cancel(ids[19]).error().code, errc::stale);
}

}  // namespace
}  // namespace pawl
