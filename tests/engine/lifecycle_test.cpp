// From open() to the destructor, and what is left afterwards: nothing. Methods: ask the kernel for
// threads, descriptors and masks before and after; a table of every option out of its range.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "support/opened.hpp"
#include "support/process.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::door;
using test::eventually;
using test::no_payload;
using test::open_or_exit;
using test::queue_or_exit;
using test::say_done;
using test::scaled;
using test::small_options;

outcome wait_at_door(void* d, context&, std::span<const std::byte>) {
  static_cast<door*>(d)->wait();
  return outcome::done();
}

TEST(open, every_option_out_of_range_is_named) {
  struct row {
    std::string_view where;
    void (*spoil)(options&);
  };
  const row rows[] = {
      {"options.drains", [](options& o) { o.drains = 65; }},
      {"options.jobs_max", [](options& o) { o.jobs_max = 0; }},
      {"options.jobs_max", [](options& o) { o.jobs_max = 100'000'001; }},
      {"options.payload_bytes_max", [](options& o) { o.payload_bytes_max = (1u << 20) + 1; }},
      {"options.dead_in_memory", [](options& o) { o.dead_in_memory = 4'000'000'000u; }},
      {"options.blocking_threads_max", [](options& o) { o.blocking_threads_max = 0; }},
      {"options.blocking_threads_max", [](options& o) { o.blocking_threads_max = 4097; }},
      {"options.blocking_idle", [](options& o) { o.blocking_idle = -1ns; }},
      {"options.blocking_idle", [](options& o) { o.blocking_idle = duration::max(); }},
      {"options.spin", [](options& o) { o.spin = -1ns; }},
      {"options.spin", [](options& o) { o.spin = duration::max(); }},
      {"options.ageing", [](options& o) { o.ageing = -1ns; }},
      {"options.ageing", [](options& o) { o.ageing = duration::max(); }},
      {"options.stop_deadline", [](options& o) { o.stop_deadline = -1ns; }},
      {"options.stop_deadline", [](options& o) { o.stop_deadline = duration::max(); }},
  };
  std::thread([] {}).join();  // with the first thread a sanitizer starts one of its own
  const std::size_t threads = test::thread_count();
  for (const row& r : rows) {
    options o = small_options();
    r.spoil(o);
    const auto opened = scheduler::open(o, registry{});
    ASSERT_FALSE(opened) << r.where;
    EXPECT_EQ(opened.error().code, errc::invalid) << r.where;
    EXPECT_EQ(opened.error().where, r.where);
  }
  EXPECT_EQ(test::thread_count(), threads);
}

TEST(open, a_registry_with_a_bad_kind_is_refused) {
  const auto expect_refused = [](const registry& kinds) {
    EXPECT_FALSE(kinds.valid());
    const auto opened = scheduler::open(small_options(), kinds);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, errc::invalid);
  };
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("\xc3\xa4"),
                                 std::string("a\0b", 3), std::string(129, 'x')}) {
    registry kinds;
    EXPECT_EQ(kinds.add(bad, say_done).index, 0xffff);
    expect_refused(kinds);
  }
  registry twice;
  twice.add("mail.send/1", say_done);
  EXPECT_TRUE(twice.valid());
  twice.add("mail.send/1", say_done);
  expect_refused(twice);
  registry null;
  null.add("mail.send/1", nullptr);
  expect_refused(null);
  registry good;
  good.add(std::string(128, 'x'), say_done);
  EXPECT_TRUE(good.valid());
}

TEST(queue, names_and_options_are_checked_and_a_name_is_one_queue) {
  const auto s = open_or_exit(small_options(), registry{});
  for (const std::string& bad : {std::string(), std::string("a/b"), std::string(129, 'q')}) {
    EXPECT_EQ(s->queue(bad).error().where, "queue.name");
  }
  EXPECT_EQ(s->queue("q", {.jobs_max = 0}).error().where, "queue_options.jobs_max");
  EXPECT_EQ(s->queue("q", {.weight = 0}).error().where, "queue_options.weight");
  EXPECT_EQ(s->queue("q", {.weight = 1001}).error().where, "queue_options.weight");
  EXPECT_EQ(s->queue("q", {.block_for = -1s}).error().where, "queue_options.block_for");
  EXPECT_EQ(s->queue("q", {.when_full = static_cast<when_full>(9)}).error().where,
            "queue_options.when_full");
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 5});
  EXPECT_EQ(queue_or_exit(*s, "q", {.jobs_max = 7}), q);
  EXPECT_NE(queue_or_exit(*s, "Q"), q);
  EXPECT_EQ(s->health().queues[0].jobs_max, 7u) << "differing options are applied";
  EXPECT_EQ(s->set_options(q, {.weight = 0}).error().code, errc::invalid);
  EXPECT_EQ(s->set_options(queue_ref{}, {}).error().code, errc::not_found);
}

TEST(queue, there_are_four_thousand_and_ninety_six_at_most) {
  registry kinds;
  const kind_ref kind = kinds.add("k", say_done);
  const auto s = open_or_exit(small_options(), kinds);
  queue_ref last;
  for (int i = 0; i < 4096; ++i) last = queue_or_exit(*s, "q" + std::to_string(i));
  const auto more = s->queue("one-more");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, errc::full);
  const auto answer = s->submit(last, kind, no_payload());
  ASSERT_TRUE(answer);
  EXPECT_TRUE(s->wait(answer.ticket.id, test::patience)) << "the last one works";
}

TEST(lifecycle, open_and_close_a_thousand_times_leaves_nothing_behind) {
  // A few rounds first, for what the C library and TBB keep once.
  registry kinds;
  const kind_ref kind = kinds.add("k", say_done);
  const kind_ref blocking = kinds.add("b", say_done, nullptr, {.blocking = true});
  sigset_t mask_before;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_before);
  std::thread([] {}).join();  // with the first thread a sanitizer starts one of its own
  const std::size_t threads = test::thread_count();
  std::size_t descriptors = 0;
  std::size_t memory = 0;
  const int rounds = scaled(1000);
  for (int i = 0; i < rounds; ++i) {
    if (i == rounds / 10) {
      descriptors = test::descriptor_count();
      memory = test::resident_bytes();
    }
    const auto s = open_or_exit(small_options(), kinds);
    const queue_ref q = queue_or_exit(*s, "q");
    const auto a = s->submit(q, kind, no_payload());
    ASSERT_TRUE(a);
    if (i % 3 == 0) {
      const auto b = s->submit(q, blocking, no_payload());
      ASSERT_TRUE(b);
      ASSERT_TRUE(s->wait(b.ticket.id, test::patience));
    }
    if (i % 2 == 0) {
      ASSERT_TRUE(s->wait(a.ticket.id, test::patience));
    }
  }
  EXPECT_TRUE(eventually([&] { return test::thread_count() <= threads; }))
      << test::thread_count() << " threads after, " << threads << " before";
  EXPECT_EQ(test::descriptor_count(), descriptors);
  if (!test::sanitized) {
    EXPECT_LT(test::resident_bytes(), memory + (16u << 20));
  }
  sigset_t mask_after;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_after);
  for (int s = 1; s < SIGRTMAX; ++s) {
    EXPECT_EQ(sigismember(&mask_before, s), sigismember(&mask_after, s)) << "signal " << s;
  }
}

TEST(lifecycle, nothing_is_left_at_the_moment_the_destructor_returns) {
  // Drains and blocking threads are joined: /proc/self/task lists the same threads as before. The
  // kernel takes a joined thread off the list a moment after it woke the joiner.
  registry kinds;
  const kind_ref blocking = kinds.add("b", say_done, nullptr, {.blocking = true});
  std::thread([] {}).join();  // with the first thread a sanitizer starts one of its own
  const std::size_t threads = test::thread_count();
  {
    const auto s = open_or_exit(small_options(), kinds);
    const queue_ref q = queue_or_exit(*s, "q");
    const auto a = s->submit(q, blocking, no_payload());
    ASSERT_TRUE(s->wait(a.ticket.id, test::patience));
    EXPECT_GE(test::thread_count(), threads + 3);
  }
  EXPECT_TRUE(eventually([&] { return test::thread_count() <= threads; }, 2s));
}

TEST(lifecycle, threads_are_named_deaf_to_signals_and_hooked_once) {
  // The hooks and a handler look around on each thread.
  struct notes {
    std::mutex mutex;
    std::map<std::string, int> started;
    std::map<std::string, int> stopped;
    std::map<pthread_t, int> threads;
    int hearing = 0;
    int unhooked = 0;
  } seen;
  static constexpr auto name_here = [] {
    char name[64] = "";
    pthread_getname_np(pthread_self(), name, sizeof name);
    return std::string(name);
  };
  options o = small_options();
  o.drains = 3;
  o.blocking_threads_max = 2;
  o.threads.user = &seen;
  o.threads.on_start = [](void* user, thread_role role, unsigned index) {
    notes& n = *static_cast<notes*>(user);
    const std::lock_guard lock(n.mutex);
    ++n.started[name_here()];
    ++n.threads[pthread_self()];
    EXPECT_LT(index, role == thread_role::drain ? 3u : 2u);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    for (const int s : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM,
                        SIGCHLD, SIGTSTP, SIGPROF, SIGWINCH, SIGIO, SIGRTMIN, SIGRTMAX}) {
      if (sigismember(&mask, s) == 0) ++n.hearing;
    }
  };
  o.threads.on_stop = [](void* user, thread_role, unsigned) {
    notes& n = *static_cast<notes*>(user);
    const std::lock_guard lock(n.mutex);
    ++n.stopped[name_here()];
    --n.threads[pthread_self()];
  };
  registry kinds;
  const kind_ref kind = kinds.add("b",
                                  [](void* user, context&, std::span<const std::byte>) {
                                    notes& n = *static_cast<notes*>(user);
                                    const std::lock_guard lock(n.mutex);
                                    if (n.threads[pthread_self()] != 1) ++n.unhooked;
                                    return outcome::done();
                                  },
                                  &seen, {.blocking = true});
  {
    const auto s = open_or_exit(o, kinds);
    const queue_ref q = queue_or_exit(*s, "q");
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(s->submit(q, kind, no_payload()));
    ASSERT_TRUE(eventually([&] { return s->read_counters().completed == 20; }));
  }
  EXPECT_EQ(seen.hearing, 0);
  EXPECT_EQ(seen.unhooked, 0);
  EXPECT_EQ(seen.started, seen.stopped);
  EXPECT_GE(seen.started.size(), 4u);
  for (const auto& [name, count] : seen.started) {
    EXPECT_EQ(count, 1) << name;
    EXPECT_EQ(name.rfind("pawl-", 0), 0u) << name;
    EXPECT_LE(name.size(), 15u);
  }
  for (const auto& [thread, open] : seen.threads) EXPECT_EQ(open, 0);
}

TEST(lifecycle, without_dispatch_no_thread_exists_and_nothing_starts) {
  options o = small_options();
  o.dispatch = false;
  registry kinds;
  const kind_ref kind = kinds.add("k", say_done);
  std::thread([] {}).join();  // with the first thread a sanitizer starts one of its own
  const std::size_t threads = test::thread_count();
  const auto s = open_or_exit(o, kinds);
  EXPECT_EQ(test::thread_count(), threads);
  const queue_ref q = queue_or_exit(*s, "q");
  const auto a = s->submit(q, kind, no_payload());
  ASSERT_TRUE(a);
  ASSERT_TRUE(s->pause(q));
  ASSERT_TRUE(s->resume(q)) << "resume does not open what dispatch = false keeps closed";
  EXPECT_EQ(s->wait(a.ticket.id, 20ms).error().code, errc::timeout);
  EXPECT_EQ(s->find(a.ticket.id)->state, job_state::ready);
  EXPECT_EQ(s->read_counters().started, 0u);
  ASSERT_TRUE(s->cancel(a.ticket.id));
  EXPECT_TRUE(s->stop(1s));
  EXPECT_EQ(s->health().phase, phase::stopped);
}

TEST(stop, closes_the_intake_and_drops_what_has_not_started) {
  registry kinds;
  const kind_ref kind = kinds.add("k", say_done);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->pause(q));
  const auto a = s->submit(q, kind, no_payload());
  ASSERT_TRUE(a);
  ASSERT_TRUE(s->stop(test::patience));
  EXPECT_EQ(s->submit(q, kind, no_payload()).reason, reject::stopping);
  const job_spec spec[2];
  EXPECT_EQ(s->submit_bulk(q, kind, spec).reason, reject::stopping);
  EXPECT_EQ(s->queue("other").error().code, errc::stopping);
  EXPECT_EQ(s->pause(q).error().code, errc::stopping);
  EXPECT_EQ(s->resume(q).error().code, errc::stopping);
  EXPECT_EQ(s->set_options(q, {}).error().code, errc::stopping);
  EXPECT_EQ(s->find(a.ticket.id)->state, job_state::ready);
  EXPECT_EQ(s->wait(a.ticket.id, test::patience).error().code, errc::stopping);
  EXPECT_TRUE(s->stop(0ns)) << "again";
  EXPECT_EQ(s->health().phase, phase::stopped);
  const counters c = s->read_counters();
  EXPECT_EQ(c.accepted, 1u);
  EXPECT_EQ(c.started, 0u);
  EXPECT_EQ(c.rejected[static_cast<std::size_t>(reject::stopping)], 3u);
  EXPECT_EQ(c.submitted, 4u);
}

TEST(stop, returns_at_its_deadline_when_a_handler_is_stuck_and_may_be_called_again) {
  door stuck;
  registry kinds;
  const kind_ref kind = kinds.add("k", wait_at_door, &stuck);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  const auto a = s->submit(q, kind, no_payload());
  ASSERT_TRUE(stuck.wait_for_arrivals(1));
  std::thread waiter(
      [&] { EXPECT_EQ(s->wait(a.ticket.id, test::patience)->state, job_state::completed); });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(s->stop(30ms).error().code, errc::timeout);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
  EXPECT_EQ(s->health().phase, phase::stopping);
  EXPECT_EQ(s->find(a.ticket.id)->state, job_state::running);
  stuck.open();
  EXPECT_TRUE(s->stop(test::patience));
  waiter.join();
  EXPECT_EQ(s->read_counters().completed, 1u);
}

TEST(stop, tells_handlers_and_ends_waits) {
  // A handler sees stop_requested(); a wait for a job that will never start ends with `stopping`.
  registry kinds;
  std::atomic<bool> inside{false};
  const kind_ref kind = kinds.add(
      "k",
      [](void* flag, context& job, std::span<const std::byte>) {
        *static_cast<std::atomic<bool>*>(flag) = true;
        while (!job.stop_requested()) std::this_thread::sleep_for(1ms);
        return outcome::done();
      },
      &inside);
  options o = small_options();
  o.drains = 1;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->submit(q, kind, no_payload()));
  ASSERT_TRUE(eventually([&] { return inside.load(); }));
  const auto never = s->submit(q, kind, no_payload());
  std::thread waiter(
      [&] { EXPECT_EQ(s->wait(never.ticket.id, test::patience).error().code, errc::stopping); });
  EXPECT_TRUE(s->stop(test::patience));
  waiter.join();
}

TEST(stop, is_refused_inside_a_handler_and_wait_on_a_drain) {
  registry kinds;
  struct answers {
    std::atomic<errc> stop{errc::io};
    std::atomic<errc> wait{errc::io};
  } on_drain, on_blocking;
  const auto ask = [](void* user, context& job, std::span<const std::byte>) {
    answers& a = *static_cast<answers*>(user);
    if (const auto r = job.owner().stop(1s); !r) a.stop = r.error().code;
    if (const auto r = job.owner().wait(job.id(), 1ms); !r) a.wait = r.error().code;
    return outcome::done();
  };
  const kind_ref plain = kinds.add("k", ask, &on_drain);
  const kind_ref blocking = kinds.add("b", ask, &on_blocking, {.blocking = true});
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  for (const kind_ref k : {plain, blocking}) {
    ASSERT_TRUE(s->wait(s->submit(q, k, no_payload()).ticket.id, test::patience));
  }
  EXPECT_EQ(on_drain.stop, errc::invalid);
  EXPECT_EQ(on_blocking.stop, errc::invalid);
  EXPECT_EQ(on_drain.wait, errc::invalid);
  EXPECT_EQ(on_blocking.wait, errc::timeout) << "its own end: a long wait, but no drain is held";
}

TEST(destructor, leaves_a_stuck_handler_its_memory_and_says_so) {
  // In a child process, since what is left behind stays for ever. The handler goes on after the
  // destructor: it reads its payload, submits, and ends.
  EXPECT_EQ(
      test::exit_code_of_child([] {
        struct world {
          door stuck;
          std::atomic<int> reports{0};   // that something is left behind
          std::atomic<int> handlers{0};  // reports of who is inside
          std::atomic<bool> ended{false};
          std::atomic<bool> right{false};
        };
        static world w;
        registry kinds;
        const kind_ref kind = kinds.add(
            "k",
            [](void*, context& job, std::span<const std::byte> payload) {
              w.stuck.wait();
              const bool intact = payload.size() == 100 && payload[99] == std::byte{7};
              const auto again = job.owner().submit(job.queue(), job.kind(), payload);
              w.right = intact && again.reason == reject::stopping && job.stop_requested();
              w.ended = true;
              return outcome::done();
            },
            nullptr);
        options o = small_options();
        o.stop_deadline = 30ms;
        o.log.write = [](void*, const log_record& r) {
          if (r.event != "stop.stuck" || r.level != log_level::error) return;
          ++(r.job ? w.handlers : w.reports);
        };
        {
          const auto s = open_or_exit(o, kinds);
          std::vector<std::byte> payload(100, std::byte{7});
          static_cast<void>(
              s->submit(queue_or_exit(*s, "q"), kind, std::span<const std::byte>(payload)));
          if (!w.stuck.wait_for_arrivals(1)) _exit(2);
        }
        if (w.reports != 1 || w.handlers != 1) _exit(3);
        w.stuck.open();
        if (!eventually([&] { return w.ended.load(); })) _exit(4);
        std::this_thread::sleep_for(20ms);  // the thread leaves, into memory that must be there
        _exit(w.right ? 0 : 5);             // not exit(): a leak checker would object
        return 0;
      }),
      0);
}

TEST(static_destruction, a_scheduler_may_be_destroyed_by_a_static_destructor_or_atexit) {
  // In children that leave with exit(): with jobs running, waiting, and a context leased to the main
  // thread, whose thread-locals are gone by then.
  static const auto open_with_work = [] {
    registry kinds;
    const kind_ref kind = kinds.add(
        "k",
        [](void*, context&, std::span<const std::byte>) {
          std::this_thread::sleep_for(1ms);
          return outcome::done();
        },
        nullptr);
    const kind_ref blocking = kinds.add("b", say_done, nullptr, {.blocking = true});
    auto s = open_or_exit(small_options(), kinds);
    const queue_ref q = queue_or_exit(*s, "q");
    for (int i = 0; i < 50; ++i)
      static_cast<void>(s->submit(q, i % 2 ? kind : blocking, no_payload()));
    return s;
  };
  EXPECT_EQ(test::exit_code_of_child([] {
              static const auto s = open_with_work();
              return s == nullptr;
            }),
            0)
      << "static destructor";
  EXPECT_EQ(test::exit_code_of_child([] {
              static std::unique_ptr<scheduler> s;
              std::atexit([] { s.reset(); });
              s = open_with_work();
              return 0;
            }),
            0)
      << "atexit";
  EXPECT_EQ(test::exit_code_of_child([] {
              struct last_words {
                std::unique_ptr<scheduler> s;
                ~last_words() {
                  // Submits once more, when the main thread's own thread-locals are gone.
                  registry kinds;
                  if (const auto q = s->queue("late"); q) {
                    static_cast<void>(s->submit(*q, kind_ref{0}, no_payload()));
                  }
                }
              };
              static last_words w{open_with_work()};
              return 0;
            }),
            0)
      << "static destructor that submits";
}

}  // namespace
}  // namespace pawl
