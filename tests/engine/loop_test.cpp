// The host's own loops as executor. Method: threads that poll() the descriptor of a loop and call
// run_some() when it is readable, and nothing else; so a wake-up that is lost is a test that hangs.
#include "pawl/loop.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/process.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::eventually;
using test::no_payload;
using test::on_threads;
using test::queue_or_exit;
using test::scaled;
using test::value_of;

constexpr duration no_limit = duration::max();

options external_options(unsigned loops = 2) {
  options o = test::small_options();
  o.executor = executor::external;
  o.drains = loops;
  return o;
}

bool is_readable(const loop& l, std::chrono::milliseconds limit = 0ms) {
  pollfd p{l.notify_fd(), POLLIN, 0};
  return ::poll(&p, 1, static_cast<int>(limit.count())) == 1;
}

std::unique_ptr<loop> loop_or_exit(scheduler& s) {
  auto made = s.make_loop();
  if (!made) {
    std::fprintf(stderr, "make_loop: %s\n", std::string(name(made.error().code)).c_str());
    std::abort();
  }
  return std::move(*made);
}

// A visit that must be allowed.
run_result visit(loop& l, std::size_t jobs_max = SIZE_MAX, duration budget = no_limit) {
  const auto r = l.run_some(jobs_max, budget);
  EXPECT_TRUE(r) << name(r.error().code);
  return r ? *r : run_result{};
}

// What a host does: waits for the descriptor and comes when it is readable, until `done` says so.
template <class F>
void serve(loop& l, F done, std::size_t jobs_max = SIZE_MAX, duration budget = no_limit) {
  while (!done()) {
    if (!is_readable(l, std::chrono::duration_cast<std::chrono::milliseconds>(test::patience))) {
      ADD_FAILURE() << "the descriptor was not readable for " << test::patience.count() << " s";
      return;
    }
    const auto r = l.run_some(jobs_max, budget);
    if (!r) return;
  }
}

class loops : public ::testing::Test {
 protected:
  loops() {
    const auto note = [](void* self, context&, std::span<const std::byte> payload) {
      auto& t = *static_cast<loops*>(self);
      t.order.push_back(value_of<int>(payload));
      return outcome::done();
    };
    noted = kinds.add("noted", note, this);
    const auto count = [](void* self, context&, std::span<const std::byte>) {
      static_cast<loops*>(self)->ran.fetch_add(1);
      return outcome::done();
    };
    counted = kinds.add("counted", count, this);
    blocking = kinds.add("blocking", count, this, {.blocking = true});
  }
  void open(unsigned count = 2) {
    s = test::open_or_exit(external_options(count), kinds);
    q = queue_or_exit(*s, "q");
  }
  void submit_noted(int first, int count) {
    for (int i = first; i < first + count; ++i) ASSERT_TRUE(s->submit(q, noted, bytes_of(i)));
  }
  void expect_in_order(int count) {
    ASSERT_EQ(order.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
  }

  registry kinds;
  kind_ref noted;
  kind_ref counted;
  kind_ref blocking;
  std::vector<int> order;  // of what one loop ran
  std::atomic<int> ran{0};
  std::unique_ptr<scheduler> s;
  queue_ref q;
};

TEST_F(loops, nothing_runs_but_in_run_some_and_no_drain_exists) {
  open();
  for (const std::string& thread : test::thread_names()) {
    EXPECT_NE(thread.substr(0, 6), "pawl-d") << thread;
  }
  submit_noted(0, 10);
  const auto l = loop_or_exit(*s);
  EXPECT_TRUE(is_readable(*l)) << "there was work before there was a loop";
  EXPECT_TRUE(order.empty());
  const run_result r = visit(*l);
  EXPECT_EQ(r.ran, 10u);
  EXPECT_FALSE(r.more);
  EXPECT_FALSE(r.next_due.has_value());
  EXPECT_FALSE(is_readable(*l));
  expect_in_order(10);
}

TEST_F(loops, never_more_than_jobs_max_and_more_makes_readable) {
  open(1);
  const auto l = loop_or_exit(*s);
  submit_noted(0, 1000);
  std::size_t total = 0;
  for (std::size_t most = 0; total < 1000; most = (most + 1) % 300) {
    const run_result r = visit(*l, most);
    EXPECT_EQ(r.ran, std::min(most, 1000 - total)) << "visit of " << most;
    total += r.ran;
    EXPECT_TRUE(r.more || total == 1000);
    EXPECT_EQ(is_readable(*l), r.more);
  }
  EXPECT_FALSE(visit(*l).more);
  EXPECT_FALSE(is_readable(*l));
  expect_in_order(1000);
}

TEST_F(loops, a_spent_budget_puts_back_what_was_claimed_in_order) {
  // Each visit starts one job, since its budget is over at once, and puts back the rest of its batch.
  open(1);
  const auto l = loop_or_exit(*s);
  submit_noted(0, 300);
  for (int i = 0; i < 200; ++i) {
    const run_result r = visit(*l, SIZE_MAX, 0ns);
    EXPECT_EQ(r.ran, 1u);
    EXPECT_TRUE(r.more);
    EXPECT_TRUE(is_readable(*l));
  }
  submit_noted(300, 100);
  EXPECT_EQ(visit(*l).ran, 200u);
  expect_in_order(400);
}

TEST_F(loops, a_budget_ends_a_visit_between_two_handlers) {
  const auto nap = [](void*, context&, std::span<const std::byte>) {
    std::this_thread::sleep_for(2ms);
    return outcome::done();
  };
  const kind_ref slow = kinds.add("slow", nap);
  open(1);
  const auto l = loop_or_exit(*s);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(s->submit(q, slow, no_payload()));
  const run_result r = visit(*l, SIZE_MAX, 5ms);
  EXPECT_GE(r.ran, 1u);
  EXPECT_LE(r.ran, 3u);  // the third starts before 5 ms at the latest, the fourth after 6
  EXPECT_TRUE(r.more);
}

TEST_F(loops, no_wake_up_is_lost) {
  // Single submits, each when its predecessor has run: the loop goes to rest between any two.
  open(1);
  const auto l = loop_or_exit(*s);
  const int jobs = scaled(100'000);
  std::thread host([&] { serve(*l, [&] { return ran.load() == jobs; }); });
  for (int i = 0; i < jobs && !HasFailure(); ++i) {
    ASSERT_TRUE(s->submit(q, counted, no_payload()));
    // Every other one without waiting, so that submits also meet a loop on its way to rest.
    while (i % 2 == 0 && ran.load() <= i && !HasFailure()) std::this_thread::sleep_for(0ns);
  }
  host.join();
  EXPECT_EQ(ran.load(), jobs);
}

TEST_F(loops, two_loops_under_load_lose_nothing) {
  open(2);
  const auto a = loop_or_exit(*s);
  const auto b = loop_or_exit(*s);
  const int each = scaled(100'000);
  std::atomic<bool> over{false};
  on_threads(4, [&](int thread) {
    if (thread < 2) {
      // Small visits, so that batches are put back and passed on all the time.
      serve(
          thread == 0 ? *a : *b, [&] { return over.load(); }, 16, thread == 0 ? 5us : no_limit);
      return;
    }
    for (int i = 0; i < each; ++i) {
      const kind_ref kind = i % 1000 == 0 ? blocking : counted;
      while (!s->submit(q, kind, no_payload(), {.priority = static_cast<priority>(i % 8)})) {
        std::this_thread::sleep_for(100us);  // full
      }
    }
    if (thread == 2) {
      EXPECT_TRUE(eventually([&] { return ran.load() == 2 * each; })) << ran.load();
      over = true;
      // Both must come to see it.
      while (s->read_counters().completed < static_cast<std::uint64_t>(2 * each)) {
        std::this_thread::sleep_for(100us);
      }
      for (int i = 0; i < 2; ++i) static_cast<void>(s->stop(test::patience));
    }
  });
  EXPECT_EQ(ran.load(), 2 * each);
}

TEST_F(loops, a_loop_takes_from_the_batch_of_a_loop_that_is_held) {
  struct shared {
    test::door held;
  } w;
  const auto hold = [](void* user, context&, std::span<const std::byte>) {
    static_cast<shared*>(user)->held.wait();
    return outcome::done();
  };
  const kind_ref holder = kinds.add("holder", hold, &w);
  open(2);
  const auto a = loop_or_exit(*s);
  const auto b = loop_or_exit(*s);
  static_cast<void>(visit(*b));  // to rest
  ASSERT_TRUE(s->submit(q, holder, no_payload()));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(s->submit(q, counted, no_payload()));
  std::thread host([&] { static_cast<void>(visit(*a)); });
  ASSERT_TRUE(w.held.wait_for_arrivals(1));
  serve(*b, [&] { return ran.load() == 20; });
  EXPECT_EQ(ran.load(), 20);
  const auto refused = a->run_some(1, no_limit);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::busy);
  w.held.open();
  host.join();
}

TEST_F(loops, what_comes_due_makes_the_descriptor_readable) {
  open(1);
  const auto l = loop_or_exit(*s);
  static_cast<void>(visit(*l));
  ASSERT_TRUE(s->submit(q, counted, no_payload(), {.after = 30ms}));
  ASSERT_TRUE(s->submit(q, counted, no_payload(), {.after = 60ms}));
  serve(*l, [&] { return ran.load() == 2; });
  EXPECT_EQ(ran.load(), 2);
  ASSERT_TRUE(s->submit(q, counted, no_payload(), {.after = 1h}));
  const run_result r = visit(*l);
  ASSERT_TRUE(r.next_due.has_value());
  EXPECT_LE(*r.next_due, 1h);
}

TEST_F(loops, a_queue_that_is_resumed_makes_the_descriptor_readable) {
  open(1);
  const auto l = loop_or_exit(*s);
  ASSERT_TRUE(s->pause(q));
  submit_noted(0, 100);
  EXPECT_EQ(visit(*l).ran, 0u);
  EXPECT_FALSE(is_readable(*l));
  ASSERT_TRUE(s->resume(q));
  EXPECT_TRUE(is_readable(*l));
  EXPECT_EQ(visit(*l, 50).ran, 50u);
  ASSERT_TRUE(s->pause(q));
  const run_result r = visit(*l);
  EXPECT_EQ(r.ran, 0u);
  EXPECT_FALSE(r.more);
  ASSERT_TRUE(s->resume(q));
  serve(*l, [&] { return order.size() == 100; });
  expect_in_order(100);
}

TEST_F(loops, an_idle_loop_is_not_woken) {
  open(2);
  const auto a = loop_or_exit(*s);
  const auto b = loop_or_exit(*s);
  static_cast<void>(visit(*a));
  static_cast<void>(visit(*b));
  EXPECT_EQ(s->health().drains_asleep, 2u);
  EXPECT_FALSE(is_readable(*a, 50ms));
  ASSERT_TRUE(s->submit(q, counted, no_payload()));
  EXPECT_NE(is_readable(*a), is_readable(*b)) << "one job wakes one loop";
}

TEST_F(loops, inside_a_handler_run_some_and_wait_are_refused_and_submit_is_not) {
  struct shared {
    loop* l = nullptr;
    errc run_some{};
    errc wait{};
    bool submitted = false;
  } w;
  const auto nest = [](void* user, context& job, std::span<const std::byte>) {
    auto& all = *static_cast<shared*>(user);
    all.run_some = all.l->run_some(1, no_limit).error().code;
    all.wait = job.owner().wait(job.id(), 1s).error().code;
    if (job.attempt() == 1) {
      all.submitted = static_cast<bool>(job.owner().submit(job.queue(), kind_ref{1}, no_payload()));
    }
    return outcome::done();
  };
  const kind_ref nesting = kinds.add("nesting", nest, &w);
  open(1);
  const auto l = loop_or_exit(*s);
  w.l = l.get();
  ASSERT_TRUE(s->submit(q, nesting, no_payload()));
  EXPECT_EQ(visit(*l).ran, 2u);
  EXPECT_EQ(w.run_some, errc::invalid);
  EXPECT_EQ(w.wait, errc::invalid);
  EXPECT_TRUE(w.submitted);
  EXPECT_EQ(ran.load(), 1);
  // Outside it may wait, though then nobody runs the job.
  const auto a = s->submit(q, counted, no_payload());
  EXPECT_EQ(s->wait(a.ticket.id, 10ms).error().code, errc::timeout);
}

TEST_F(loops, stop_waits_for_the_handler_on_a_loop_and_starts_no_other) {
  struct shared {
    test::door held;
    std::atomic<bool> saw_stop{false};
  } w;
  const auto hold = [](void* user, context& job, std::span<const std::byte>) {
    auto& all = *static_cast<shared*>(user);
    all.held.wait();
    while (!job.stop_requested()) std::this_thread::sleep_for(100us);
    all.saw_stop = true;
    return outcome::done();
  };
  const kind_ref holder = kinds.add("holder", hold, &w);
  open(2);
  const auto a = loop_or_exit(*s);
  const auto idle = loop_or_exit(*s);
  static_cast<void>(visit(*idle));
  ASSERT_TRUE(s->submit(q, holder, no_payload()));
  submit_noted(0, 100);  // of the same batch
  std::thread host([&] { static_cast<void>(visit(*a)); });
  ASSERT_TRUE(w.held.wait_for_arrivals(1));
  EXPECT_EQ(s->stop(1ms).error().code, errc::timeout);
  EXPECT_EQ(s->health().phase, phase::stopping);
  w.held.open();
  EXPECT_TRUE(s->stop(test::patience));
  EXPECT_EQ(s->health().phase, phase::stopped);
  host.join();
  EXPECT_TRUE(w.saw_stop.load());
  EXPECT_TRUE(order.empty());
  for (loop* l : {a.get(), idle.get()}) {
    EXPECT_TRUE(is_readable(*l)) << "the host must come to see that it is over";
    EXPECT_EQ(l->run_some(1, no_limit).error().code, errc::stopping);
    EXPECT_TRUE(is_readable(*l));
  }
  EXPECT_EQ(s->make_loop().error().code, errc::stopping);
}

TEST_F(loops, a_handler_on_a_loop_is_told_that_it_is_late) {
  const auto dawdle = [](void*, context& job, std::span<const std::byte>) {
    const auto until = std::chrono::steady_clock::now() + test::patience;
    while (!job.timed_out() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(100us);
    }
    return job.timed_out() ? outcome::done() : outcome::dead();
  };
  const kind_ref late = kinds.add("late", dawdle, nullptr, {.run_timeout = 1ms});
  open(1);
  const auto l = loop_or_exit(*s);
  ASSERT_TRUE(s->submit(q, late, no_payload()));
  EXPECT_EQ(visit(*l).ran, 1u);
  EXPECT_EQ(s->read_counters().timed_out, 1u);
  EXPECT_EQ(s->read_counters().completed, 1u);
}

TEST_F(loops, a_parallel_kind_runs_on_the_thread_of_the_loop) {
  const auto note = [](void* user, context&, std::span<const std::byte>) {
    *static_cast<std::thread::id*>(user) = std::this_thread::get_id();
    return outcome::done();
  };
  std::thread::id where;
  const kind_ref parallel = kinds.add("parallel", note, &where, {.parallel = true});
  open(1);
  const auto l = loop_or_exit(*s);
  ASSERT_TRUE(s->submit(q, parallel, no_payload()));
  EXPECT_EQ(visit(*l).ran, 1u);
  EXPECT_EQ(where, std::this_thread::get_id());
}

TEST_F(loops, a_loop_that_outlives_its_scheduler_is_inert) {
  open(1);
  const auto l = loop_or_exit(*s);
  submit_noted(0, 10);
  s.reset();
  EXPECT_TRUE(is_readable(*l));
  EXPECT_EQ(l->run_some(1, no_limit).error().code, errc::stopping);
  EXPECT_TRUE(order.empty());
}

TEST_F(loops, a_scheduler_may_be_destroyed_while_its_loop_is_served) {
  for (int round = 0; round < scaled(200); ++round) {
    open(1);
    auto l = loop_or_exit(*s);
    std::thread host([&] {
      serve(*l, [] { return false; });  // until it is refused
      l.reset();
    });
    for (int i = 0; i < round; ++i) ASSERT_TRUE(s->submit(q, counted, no_payload()));
    s.reset();
    host.join();
  }
}

TEST_F(loops, a_loop_that_ends_passes_on_what_it_was_woken_for) {
  open(2);
  auto a = loop_or_exit(*s);
  auto b = loop_or_exit(*s);
  static_cast<void>(visit(*a));
  static_cast<void>(visit(*b));
  ASSERT_TRUE(s->submit(q, counted, no_payload()));
  auto& woken = is_readable(*a) ? a : b;
  auto& other = is_readable(*a) ? b : a;
  woken.reset();
  EXPECT_TRUE(is_readable(*other));
  EXPECT_EQ(visit(*other).ran, 1u);
}

TEST_F(loops, are_made_and_destroyed_a_thousand_times) {
  open(2);
  static_cast<void>(visit(*loop_or_exit(*s)));
  const std::size_t before = test::descriptor_count();
  for (int i = 0; i < 1000; ++i) {
    const auto l = loop_or_exit(*s);
    ASSERT_TRUE(s->submit(q, counted, no_payload()));
    ASSERT_EQ(visit(*l).ran, 1u) << i;
  }
  EXPECT_EQ(test::descriptor_count(), before);
  EXPECT_EQ(s->health().drains, 0u);
  // The same from two threads, each with a loop of its own for as long as it runs one job.
  ran = 0;
  on_threads(2, [&](int) {
    for (int i = 0; i < scaled(500); ++i) {
      const auto l = loop_or_exit(*s);
      ASSERT_TRUE(s->submit(q, counted, no_payload()));
      static_cast<void>(visit(*l));
    }
  });
  const auto l = loop_or_exit(*s);
  static_cast<void>(visit(*l));
  EXPECT_EQ(ran.load(), 2 * scaled(500));
}

TEST_F(loops, as_many_as_drains_and_health_lists_them) {
  open(2);
  auto a = loop_or_exit(*s);
  const auto b = loop_or_exit(*s);
  EXPECT_EQ(s->make_loop().error().code, errc::full);
  const auto listed = [&] {
    unsigned n = 0;
    for (const thread_health& t : s->health().threads) n += t.role == thread_role::loop ? 1 : 0;
    return n;
  };
  EXPECT_EQ(listed(), 2u);
  EXPECT_EQ(s->health().drains, 2u);
  a.reset();
  EXPECT_EQ(listed(), 1u);
  EXPECT_TRUE(s->make_loop());
}

TEST_F(loops, only_external_schedulers_have_them) {
  s = test::open_or_exit(test::small_options(), kinds);
  EXPECT_EQ(s->make_loop().error().code, errc::invalid);
  options o = test::small_options();
  o.executor = executor::stepped;
  const auto refused = scheduler::open(o, kinds);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().where, "options.executor");
}

TEST_F(loops, the_child_of_a_fork_is_refused) {
  open(1);
  auto l = loop_or_exit(*s);
  submit_noted(0, 10);
  EXPECT_EQ(test::exit_code_of_child([&] {
              const auto r = l->run_some(1, no_limit);
              if (r || r.error().code != errc::forked) return 1;
              if (s->make_loop().error().code != errc::forked) return 2;
              l.reset();
              s.reset();
              return 0;
            }),
            0);
  EXPECT_EQ(visit(*l).ran, 10u);
  expect_in_order(10);
}

}  // namespace
}  // namespace pawl
