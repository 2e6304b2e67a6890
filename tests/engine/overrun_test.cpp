// Handlers that take too long, and who is told: their stop tokens, the host by health() and the log, the
// drains that take their place. Methods: handlers held at doors while the test looks on.
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "job/id.hpp"
#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::door;
using test::eventually;
using test::no_payload;
using test::open_or_exit;
using test::queue_or_exit;
using test::small_options;

// Blocks until the token says stop. False: it did not, for as long as a test may take.
bool wait_for_stop(const std::stop_token& token) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  return !changed.wait_for(lock, token, test::patience, [] { return false; }) &&
         token.stop_requested();
}

// What the log said, from any thread.
struct log_notes {
  std::mutex mutex;
  std::vector<std::pair<std::string, std::uint64_t>> events;  // and the job
  std::vector<std::string> messages;

  log_sink sink() {
    return {[](void* self, const log_record& r) {
              log_notes& n = *static_cast<log_notes*>(self);
              const std::lock_guard lock(n.mutex);
              n.events.emplace_back(std::string(r.event), r.job.value);
              n.messages.emplace_back(r.message);
            },
            this};
  }
  bool has(const std::string& event, job_id job, const std::string& word = {}) {
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (events[i] == std::pair(event, job.value) && messages[i].find(word) != std::string::npos) {
        return true;
      }
    }
    return false;
  }
};

TEST(run_timeout, stops_the_token_and_what_is_returned_within_the_grace_counts) {
  // On a drain and on a blocking thread; the kind's timeout and the job's own.
  struct world {
    std::atomic<int> wrong{0};
    std::atomic<int> asked{0};
  } seen;
  const auto run = [](void* user, context& job, std::span<const std::byte>) {
    world& w = *static_cast<world*>(user);
    const auto begin = std::chrono::steady_clock::now();
    const std::stop_token token = job.stop_token();
    if (token.stop_requested() || job.timed_out()) ++w.wrong;
    if (!wait_for_stop(token)) ++w.wrong;
    // Its start was before, by as much as the machine kept the thread waiting.
    if (std::chrono::steady_clock::now() - begin < 10ms) ++w.wrong;
    if (!job.timed_out() || job.cancel_requested() || job.stop_requested()) ++w.wrong;
    if (!job.owner().find(job.id())->timed_out || job.owner().find(job.id())->overrun) ++w.wrong;
    ++w.asked;
    return outcome::done();
  };
  registry kinds;
  const kind_ref plain = kinds.add("plain", run, &seen, {.run_timeout = 20ms});
  const kind_ref blocking = kinds.add("b", run, &seen, {.blocking = true, .run_timeout = 20ms});
  const kind_ref patient = kinds.add("patient", run, &seen, {.run_timeout = 1h});
  const kind_ref endless = kinds.add("endless", run, &seen, {.run_timeout = 0s});
  options o = small_options();
  o.grace = 1h;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  std::vector<job_id> ids;
  for (int round = 0; round < 3; ++round) {
    for (const kind_ref k : {plain, blocking, patient, endless}) {
      const bool own = k == patient || k == endless;
      ids.push_back(
          s->submit(q, k, no_payload(), {.run_timeout = own ? duration(20ms) : duration(0)})
              .ticket.id);
    }
  }
  ASSERT_TRUE(eventually([&] { return s->read_counters().ended() == ids.size(); }));
  const counters c = s->read_counters();
  EXPECT_EQ(seen.wrong, 0);
  EXPECT_EQ(c.completed, ids.size()) << "it was within the grace";
  EXPECT_EQ(c.timed_out, ids.size());
  EXPECT_EQ(c.overrun, 0u);
  EXPECT_EQ(c.retried, 0u);
}

TEST(run_timeout, does_not_concern_the_next_job_of_the_thread) {
  // One drain; every job is short, and together they take many times the timeout.
  registry kinds;
  std::atomic<int> stopped{0};
  const kind_ref k = kinds.add("k",
                               [](void* user, context& job, std::span<const std::byte>) {
                                 const std::stop_token token = job.stop_token();
                                 std::this_thread::sleep_for(1ms);
                                 if (token.stop_requested() || job.timed_out())
                                   ++*static_cast<std::atomic<int>*>(user);
                                 return outcome::done();
                               },
                               &stopped, {.run_timeout = 1s});
  options o = small_options();
  o.drains = 1;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  for (int i = 0; i < 1500; ++i) ASSERT_TRUE(s->submit(q, k, no_payload()));
  ASSERT_TRUE(eventually([&] { return s->read_counters().completed == 1500; }));
  EXPECT_EQ(stopped, 0);
  EXPECT_EQ(s->read_counters().timed_out, 0u);
}

TEST(overrun, is_shown_replaced_and_counted_and_its_result_is_stale) {
  // All drains are held by handlers that overran; another job must run all the same.
  struct world {
    door stuck;
    std::atomic<int> attempts{0};
  } w;
  registry kinds;
  const kind_ref slow =
      kinds.add("slow",
                [](void* user, context& job, std::span<const std::byte>) {
                  world& all = *static_cast<world*>(user);
                  ++all.attempts;
                  if (job.attempt() == 1) all.stuck.wait();
                  return outcome::done();
                },
                &w, {.max_attempts = 2, .backoff = backoff::fixed(1ms), .run_timeout = 20ms});
  const kind_ref fast = kinds.add(
      "fast", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  log_notes log;
  options o = small_options();
  o.grace = 20ms;
  o.log = log.sink();
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  const job_id a = s->submit(q, slow, no_payload()).ticket.id;
  const job_id b = s->submit(q, slow, no_payload()).ticket.id;
  ASSERT_TRUE(w.stuck.wait_for_arrivals(2));
  const auto next = s->submit(q, fast, no_payload());
  ASSERT_TRUE(s->wait(next.ticket.id, test::patience)) << "nobody took the place of the stuck";
  ASSERT_TRUE(eventually([&] { return s->health().overruns == 2; }));
  for (const job_id id : {a, b}) {
    const job_status now = *s->find(id);
    EXPECT_EQ(now.state, job_state::running);
    EXPECT_TRUE(now.timed_out);
    EXPECT_TRUE(now.overrun);
    EXPECT_TRUE(log.has("handler.overrun", id));
    int lines = 0;
    for (const thread_health& t : s->health().threads) {
      if (t.running != id) continue;
      ++lines;
      EXPECT_TRUE(t.overrun);
      EXPECT_GE(t.running_for, 40ms);
    }
    EXPECT_EQ(lines, 1);
  }
  EXPECT_GE(s->health().replacements, 1u);
  EXPECT_LE(s->health().replacements, 2u);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(s->submit(q, fast, no_payload()));
  ASSERT_TRUE(eventually([&] { return s->read_counters().completed == 201; }));
  std::thread waiter([&] {
    const auto end = s->wait(a, test::patience);
    EXPECT_TRUE(end);
    EXPECT_EQ(end->state, job_state::completed);
    EXPECT_EQ(end->attempt, 2) << "its first attempt failed";
  });
  std::this_thread::sleep_for(20ms);  // it should wait before the end
  w.stuck.open();
  waiter.join();
  ASSERT_TRUE(eventually([&] { return s->read_counters().completed == 203; }));
  EXPECT_EQ(w.attempts, 4);
  const counters c = s->read_counters();
  EXPECT_EQ(c.overrun, 2u);
  EXPECT_EQ(c.timed_out, 2u);
  EXPECT_EQ(c.stale_results, 2u);
  EXPECT_EQ(c.retried, 2u);
  ASSERT_TRUE(eventually([&] { return s->health().overruns == 0; }));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(s->submit(q, fast, no_payload()));
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == 403; }));
}

// While it lives the system has no thread for anybody: none may have such a stack.
class no_threads {
 public:
  no_threads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t endless;
    pthread_attr_init(&endless);
    pthread_attr_setstacksize(&endless, std::size_t{1} << 47);
    EXPECT_EQ(pthread_setattr_default_np(&endless), 0);
    pthread_attr_destroy(&endless);
  }
  ~no_threads() {
    EXPECT_EQ(pthread_setattr_default_np(&before_), 0);
    pthread_attr_destroy(&before_);
  }
  no_threads(const no_threads&) = delete;
  no_threads& operator=(const no_threads&) = delete;

 private:
  pthread_attr_t before_{};
};

TEST(overrun, is_replaced_later_if_there_was_no_thread_at_first) {
  door stuck;
  registry kinds;
  const kind_ref slow = kinds.add("slow",
                                  [](void* user, context&, std::span<const std::byte>) {
                                    static_cast<door*>(user)->wait();
                                    return outcome::done();
                                  },
                                  &stuck, {.run_timeout = 20ms});
  const kind_ref fast = kinds.add("fast", test::say_done);
  log_notes log;
  options o = small_options();
  o.drains = 1;
  o.grace = 20ms;
  o.log = log.sink();
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  {
    const no_threads now;
    ASSERT_TRUE(s->submit(q, slow, no_payload()));
    ASSERT_TRUE(stuck.wait_for_arrivals(1));
    ASSERT_TRUE(eventually([&] { return log.has("drain.no_thread", {}); }));
    EXPECT_EQ(s->health().replacements, 0u);
  }
  const auto next = s->submit(q, fast, no_payload());
  EXPECT_TRUE(s->wait(next.ticket.id, test::patience)) << "nobody tried again";
  stuck.open();
}

TEST(overrun, that_is_death_takes_the_job_at_once_and_leaves_slot_and_payload_to_the_handler) {
  struct world {
    door stuck;
    std::atomic<int> intact{0};
    std::atomic<int> calls{0};
  } w;
  const auto run = [](void* user, context& job, std::span<const std::byte> payload) {
    world& all = *static_cast<world*>(user);
    ++all.calls;
    if (job.attempt() == 1 && all.calls <= 2) all.stuck.wait();
    bool same = payload.size() == 2000;
    for (const std::byte b : payload) same = same && b == std::byte{7};
    if (same) ++all.intact;
    return outcome::done();
  };
  registry kinds;
  const kind_ref slow = kinds.add("slow", run, &w, {.max_attempts = 1, .run_timeout = 20ms});
  const kind_ref blocking =
      kinds.add("blocking", run, &w, {.blocking = true, .max_attempts = 1, .run_timeout = 20ms});
  const kind_ref other = kinds.add(
      "other", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  log_notes log;
  options o = small_options();
  o.grace = 20ms;
  o.on_overrun = on_overrun::dead;
  o.log = log.sink();
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 3000});
  const std::vector<std::byte> payload(2000, std::byte{7});
  const std::span<const std::byte> bytes(payload);
  std::vector<job_id> ids;
  for (const kind_ref k : {slow, blocking}) ids.push_back(s->submit(q, k, bytes).ticket.id);
  for (const job_id id : ids) {
    const auto end = s->wait(id, test::patience);
    ASSERT_TRUE(end);
    if (end->state != job_state::ended) {
      EXPECT_EQ(end->state, job_state::dead);
      EXPECT_EQ(end->cause, dead_cause::timeout);
    }
    ASSERT_TRUE(eventually([&] { return static_cast<bool>(s->show_dead(id)); }));
    const auto letter = s->show_dead(id);
    EXPECT_EQ(letter->status.cause, dead_cause::timeout);
    ASSERT_EQ(letter->errors.size(), 1u);
    EXPECT_EQ(letter->errors[0].kind, error_timeout);
    EXPECT_EQ(s->requeue(id, letter->version).error().code, errc::busy);
    EXPECT_EQ(s->requeue(id, letter->version + 1).error().code, errc::stale);
  }
  EXPECT_EQ(s->health().overruns, 2u);
  // Their room is free, their slots are not.
  std::set<std::uint32_t> slots;
  const std::vector<std::byte> noise(2000, std::byte{9});
  ASSERT_TRUE(s->pause(q));
  for (int i = 0; i < 3000; ++i) {
    const auto a = s->submit(q, other, std::span<const std::byte>(noise));
    ASSERT_TRUE(a) << name(a.reason);
    slots.insert(id_slot(a.ticket.id));
  }
  for (const job_id id : ids) EXPECT_EQ(slots.count(id_slot(id)), 0u);
  ASSERT_TRUE(s->resume(q));
  // One letter goes while its handler is inside.
  ASSERT_TRUE(eventually([&] { return s->read_counters().completed == 3000; }));
  EXPECT_EQ(*s->purge_dead({.queue = q, .kind = blocking, .cause = {}, .died_before = {}}), 1u);
  EXPECT_EQ(s->show_dead(ids[1]).error().code, errc::not_found);
  EXPECT_FALSE(s->requeue(ids[1], 1));
  w.stuck.open();
  ASSERT_TRUE(eventually([&] { return s->read_counters().stale_results == 2; }));
  EXPECT_EQ(w.intact, 2);
  ASSERT_TRUE(eventually([&] { return s->find(ids[1])->state == job_state::ended; }));
  EXPECT_EQ(s->find(ids[0])->state, job_state::dead);
  EXPECT_TRUE(eventually([&] { return log.has("handler.late", ids[0]); }));
  // The slot is its own a moment after that was said.
  ASSERT_TRUE(eventually([&] { return bool(s->requeue(ids[0], s->find(ids[0])->version)); }));
  const auto end = s->wait(ids[0], test::patience);
  ASSERT_TRUE(end);
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == 3001; }));
  EXPECT_EQ(w.intact, 3) << "the payload is still its own";
  const counters c = s->read_counters();
  EXPECT_EQ(c.dead[static_cast<std::size_t>(dead_cause::timeout)], 2u);
  EXPECT_EQ(c.accepted + c.requeued, c.ended());
}

TEST(stop_token, is_stopped_by_cancel_and_by_stop_also_when_asked_for_late) {
  struct world {
    std::atomic<int> inside{0};
    std::atomic<int> callbacks{0};
    std::atomic<int> wrong{0};
    std::atomic<bool> late{false};
  } w;
  const auto run = [](void* user, context& job, std::span<const std::byte>) {
    world& all = *static_cast<world*>(user);
    if (all.late) {
      ++all.inside;
      while (!job.cancel_requested() && !job.stop_requested()) std::this_thread::sleep_for(1ms);
      if (!job.stop_token().stop_requested()) ++all.wrong;
      return job.cancel_requested() ? outcome::cancelled() : outcome::interrupted();
    }
    const std::stop_token token = job.stop_token();
    std::atomic<bool> called{false};
    const std::stop_callback on_stop(token, [&] {
      ++all.callbacks;
      called = true;
    });
    ++all.inside;
    if (!eventually([&] { return called.load(); })) ++all.wrong;
    if (job.timed_out()) ++all.wrong;
    return job.cancel_requested() ? outcome::cancelled() : outcome::interrupted();
  };
  for (const bool late : {false, true}) {
    registry kinds;
    const kind_ref kind_list[] = {kinds.add("plain", run, &w),
                                  kinds.add("blocking", run, &w, {.blocking = true})};
    w.late = late;
    w.inside = 0;
    w.callbacks = 0;
    options o = small_options();
    o.drains = 3;  // two are held inside, and one hands the blocking jobs over
    const auto s = open_or_exit(o, kinds);
    const queue_ref q = queue_or_exit(*s, "q");
    std::vector<job_id> ids;
    for (int i = 0; i < 4; ++i) {
      ids.push_back(s->submit(q, kind_list[i % 2], no_payload()).ticket.id);
    }
    ASSERT_TRUE(eventually([&] { return w.inside == 4; }));
    ASSERT_TRUE(s->cancel(ids[0]));
    ASSERT_TRUE(s->cancel(ids[1]));
    ASSERT_TRUE(eventually([&] { return s->read_counters().cancelled == 2; }));
    EXPECT_EQ(s->read_counters().started, 4u);
    EXPECT_FALSE(s->find(ids[2])->cancel_requested);
    EXPECT_TRUE(s->stop(test::patience));
    EXPECT_EQ(w.callbacks, late ? 0 : 4);
    EXPECT_EQ(w.wrong, 0);
    // Interrupted by the stop: they wait, and would have been made again.
    for (const job_id id : {ids[2], ids[3]}) {
      EXPECT_EQ(s->find(id)->state, job_state::ready);
      EXPECT_EQ(s->find(id)->attempt, 0);
    }
  }
}

TEST(stop_token, of_one_attempt_is_nothing_to_the_next) {
  // The job is retried: its second token is fresh, though the first was stopped.
  registry kinds;
  std::atomic<int> wrong{0};
  const kind_ref k = kinds.add("k",
                               [](void* user, context& job, std::span<const std::byte>) {
                                 std::atomic<int>& bad = *static_cast<std::atomic<int>*>(user);
                                 const std::stop_token token = job.stop_token();
                                 if (token.stop_requested() || job.timed_out()) ++bad;
                                 if (job.attempt() == 3) return outcome::done();
                                 if (!wait_for_stop(token)) ++bad;
                                 return outcome::fail();
                               },
                               &wrong, {.backoff = backoff::fixed(1ms), .run_timeout = 10ms});
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(s->submit(q, k, no_payload()));
  ASSERT_TRUE(eventually([&] { return s->read_counters().completed == 20; }));
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(s->read_counters().timed_out, 40u);
}

TEST(stop, returns_by_its_deadline_and_says_who_is_inside) {
  // A drain's handler that overran, a blocking one, and jobs that are due later.
  door stuck;
  const auto run = [](void* d, context&, std::span<const std::byte>) {
    static_cast<door*>(d)->wait();
    return outcome::done();
  };
  registry kinds;
  const kind_ref slow = kinds.add("slow/1", run, &stuck, {.run_timeout = 5ms});
  const kind_ref blocking = kinds.add("blocking/1", run, &stuck, {.blocking = true});
  log_notes log;
  options o = small_options();
  o.grace = 5ms;
  o.log = log.sink();
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  const job_id a = s->submit(q, slow, no_payload()).ticket.id;
  const job_id b = s->submit(q, blocking, no_payload()).ticket.id;
  const job_id later = s->submit(q, slow, no_payload(), {.after = 20ms}).ticket.id;
  ASSERT_TRUE(stuck.wait_for_arrivals(2));
  ASSERT_TRUE(eventually([&] { return s->health().overruns == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  const status stopped = s->stop(50ms);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, test::patience / 2);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, errc::timeout);
  EXPECT_TRUE(log.has("stop.stuck", a, "slow/1"));
  EXPECT_TRUE(log.has("stop.stuck", b, "blocking/1"));
  std::this_thread::sleep_for(30ms);
  const job_state waits = s->find(later)->state;
  EXPECT_TRUE(waits == job_state::scheduled || waits == job_state::ready ||
              waits == job_state::running)
      << name(waits);
  stuck.open();
  EXPECT_TRUE(s->stop(test::patience));
  EXPECT_EQ(s->read_counters().ended() + (s->find(later)->state == job_state::ended ? 0 : 1) +
                (s->find(a)->state == job_state::ended ? 0 : 1),
            3u);
}

}  // namespace
}  // namespace pawl
