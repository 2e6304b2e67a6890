// A child of fork() has nothing of the scheduler. Method: fork at all sorts of moments; in the child
// every verb must refuse, and exit() and the destructor must end; the parent goes on.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "support/opened.hpp"
#include "support/process.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::eventually;
using test::no_payload;
using test::open_or_exit;
using test::queue_or_exit;
using test::say_done;
using test::scaled;
using test::small_options;

// How many verbs did not refuse as they should, plus 100 for wrong reports.
int verbs_that_work(scheduler& s, queue_ref q, kind_ref kind, job_id id) {
  int wrong = 0;
  const auto expect_forked = [&wrong](const auto& r) {
    if (r || r.error().code != errc::forked) ++wrong;
  };
  expect_forked(s.queue("q"));
  expect_forked(s.find(id));
  expect_forked(s.wait(id, std::chrono::seconds(10)));
  expect_forked(s.cancel(id));
  expect_forked(s.pause(q));
  expect_forked(s.resume(q));
  expect_forked(s.set_options(q, {}));
  expect_forked(s.stop(std::chrono::seconds(10)));
  if (s.submit(q, kind, no_payload()).reason != reject::forked) ++wrong;
  const job_spec specs[3];
  const auto bulk = s.submit_bulk(q, kind, specs);
  if (bulk.reason != reject::forked || bulk.accepted != 0) ++wrong;
  static_cast<void>(s.health());
  if (s.read_counters().accepted != 0) wrong += 100;
  return wrong;
}

TEST(fork, the_child_is_refused_and_leaves_and_the_parent_goes_on) {
  registry kinds;
  const kind_ref kind = kinds.add("k", say_done);
  auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  const job_id id = s->submit(q, kind, no_payload()).ticket.id;
  EXPECT_EQ(test::exit_code_of_child([&] { return verbs_that_work(*s, q, kind, id); }), 0);
  EXPECT_EQ(test::exit_code_of_child([&] {
              s.reset();  // the destructor in the child does nothing
              return 0;
            }),
            0);
  for (int i = 0; i < 100; ++i) {
    const auto a = s->submit(q, kind, no_payload());
    ASSERT_TRUE(a);
    ASSERT_TRUE(s->wait(a.ticket.id, test::patience));
  }
}

TEST(fork, under_load_every_child_ends) {
  // Threads submit, ask and come and go while the main thread, which holds a context of its own,
  // forks: locks may be held by threads that the child does not have.
  if (test::under_asan) GTEST_SKIP() << "its allocator keeps its locks over a fork";
  registry kinds;
  const kind_ref kind = kinds.add("k", say_done);
  const kind_ref blocking = kinds.add("b", say_done, nullptr, {.blocking = true});
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->submit(q, kind, no_payload()));
  std::atomic<bool> stop{false};
  std::vector<std::thread> load;
  load.emplace_back([&] {
    while (!stop.load()) static_cast<void>(s->read_counters());
  });
  load.emplace_back([&] {
    while (!stop.load()) {
      static_cast<void>(s->health());
      std::thread([&] { static_cast<void>(s->submit(q, kind, no_payload())); }).join();
    }
  });
  load.emplace_back([&] {
    while (!stop.load()) {
      if (const auto a = s->submit(q, blocking, no_payload()); a) {
        static_cast<void>(s->wait(a.ticket.id, std::chrono::milliseconds(1)));
      }
    }
  });
  for (int i = 0; i < scaled(300) && !HasFailure(); ++i) {
    const auto body = [&] { return verbs_that_work(*s, q, kind, job_id{1}); };
    EXPECT_EQ(test::exit_code_of_child(body, 30), 0) << "fork " << i;
  }
  stop = true;
  for (std::thread& t : load) t.join();
  EXPECT_TRUE(s->stop(test::patience));
}

TEST(fork, inside_a_handler_the_child_is_refused_too) {
  struct world {
    scheduler* s = nullptr;
    std::atomic<int> code{-2};
  } w;
  registry kinds;
  const kind_ref kind =
      kinds.add("k",
                [](void* user, context& job, std::span<const std::byte>) {
                  world& all = *static_cast<world*>(user);
                  all.code = test::exit_code_of_child([&] {
                    // _exit: the child has no main() to return to.
                    _exit(verbs_that_work(job.owner(), job.queue(), job.kind(), job.id()));
                    return 0;
                  });
                  return outcome::done();
                },
                &w, {.blocking = true});
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->wait(s->submit(q, kind, no_payload()).ticket.id, std::chrono::minutes(2)));
  EXPECT_TRUE(eventually([&] { return w.code == 0; }));
}

}  // namespace
}  // namespace pawl
