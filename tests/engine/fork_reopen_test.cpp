// A child of fork() is a process like any other: it may open a scheduler of its own. Method: the child
// opens one beside the one it inherited, which goes on refusing, runs jobs of all sorts in it, and
// leaves with the number of things that were wrong.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <vector>

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
using test::small_options;

struct inherited_one {
  scheduler* s = nullptr;
  queue_ref q;
  kind_ref kind;
  job_id id;

  [[nodiscard]] bool refuses() const {
    return s->submit(q, kind, no_payload()).reason == reject::forked &&
           s->find(id).error().code == errc::forked && s->cancel(id).error().code == errc::forked &&
           s->wait(id, test::patience).error().code == errc::forked &&
           s->queue("new").error().code == errc::forked &&
           s->stop(test::patience).error().code == errc::forked;
  }
};

// Opens, uses and destroys a scheduler. How many things were wrong.
int wrong_with_a_new_one(const inherited_one& old) {
  int wrong = 0;
  const auto expect = [&wrong](bool holds, const char* what) {
    if (holds) return;
    ++wrong;
    std::fprintf(stderr, "in the child: not so: %s\n", what);
  };
  const std::size_t threads_before = test::thread_count();
  registry kinds;
  const kind_ref plain = kinds.add("k", say_done);
  const kind_ref blocking = kinds.add("b", say_done, nullptr, {.blocking = true});
  {
    const auto s = open_or_exit(small_options(), kinds);
    const queue_ref q = queue_or_exit(*s, "q");
    expect(old.refuses(), "the inherited one refuses beside a new one");
    for (int i = 0; i < 200; ++i) {
      const auto a = s->submit(q, i % 10 == 0 ? blocking : plain, no_payload());
      expect(a && s->wait(a.ticket.id, test::patience), "a job runs");
    }
    const auto bulk = s->submit_bulk(q, plain, std::vector<job_spec>(1000));
    expect(bulk.accepted == 1000, "a bulk is taken");
    test::on_threads(2, [&](int) {
      for (int i = 0; i < 100; ++i) static_cast<void>(s->submit(q, plain, no_payload()));
    });
    expect(eventually([&] { return s->read_counters().completed == 1400; }), "all of them end");
    expect(s->submit(old.q, plain, no_payload()).reason == reject::unknown_queue,
           "a queue of the inherited one is none of the new one");
    expect(old.refuses(), "the inherited one still refuses");
    expect(bool(s->stop(test::patience)), "it stops");
  }
  expect(test::thread_count() == threads_before, "its threads have gone");
  expect(old.refuses(), "the inherited one refuses after the new one has gone");
  return wrong;
}

class fork_reopen : public ::testing::Test {
 protected:
  void SetUp() override {
    // TSan allows no thread after such a fork. ASan's allocator does not let go of its locks there, so a
    // child hangs if a thread of the parent was just allocating.
    if (test::sanitized) GTEST_SKIP() << "a sanitizer's run time does not survive such a fork";
    s = open_or_exit(small_options(), kinds);
    q = queue_or_exit(*s, "q");
    const auto a = s->submit(q, kind, no_payload());  // so that this thread has a context
    ASSERT_TRUE(a);
    old = {s.get(), q, kind, a.ticket.id};
  }
  void expect_the_parent_goes_on() const {
    const auto a = s->submit(q, kind, no_payload());
    ASSERT_TRUE(a);
    EXPECT_TRUE(s->wait(a.ticket.id, test::patience));
  }

  registry kinds;
  kind_ref kind = kinds.add("k", say_done);
  std::unique_ptr<scheduler> s;
  queue_ref q;
  inherited_one old;
};

TEST_F(fork_reopen, a_child_may_open_one_of_its_own_beside_the_inherited_one) {
  EXPECT_EQ(test::exit_code_of_child([&] { return wrong_with_a_new_one(old); }), 0);
  expect_the_parent_goes_on();
}

TEST_F(fork_reopen, a_child_may_open_one_after_it_destroyed_the_inherited_one) {
  EXPECT_EQ(test::exit_code_of_child([&] {
              s.reset();
              registry own;
              const kind_ref k = own.add("k", say_done);
              const auto opened = open_or_exit(small_options(), own);
              const queue_ref queue = queue_or_exit(*opened, "q");
              const auto a = opened->submit(queue, k, no_payload());
              return a && opened->wait(a.ticket.id, test::patience) ? 0 : 1;
            }),
            0);
  expect_the_parent_goes_on();
}

TEST_F(fork_reopen, a_child_of_a_child_may_do_so_again) {
  EXPECT_EQ(test::exit_code_of_child([&] {
              registry own;
              const kind_ref k = own.add("k", say_done);
              const auto opened = open_or_exit(small_options(), own);
              const queue_ref queue = queue_or_exit(*opened, "q");
              const auto a = opened->submit(queue, k, no_payload());
              const inherited_one older{opened.get(), queue, k, a.ticket.id};
              const int of_grandchild = test::exit_code_of_child(
                  [&] { return wrong_with_a_new_one(older) + wrong_with_a_new_one(old); });
              const auto b = opened->submit(queue, k, no_payload());
              const bool goes_on = b && opened->wait(b.ticket.id, test::patience);
              return of_grandchild + (goes_on ? 0 : 1);
            }),
            0);
  expect_the_parent_goes_on();
}

TEST_F(fork_reopen, a_child_of_a_handler_may_do_so_and_wait) {
  // The forking thread is a drain of the parent's scheduler; in the child it is nobody's.
  struct world {
    const inherited_one* old = nullptr;
    std::atomic<int> code{-2};
  } w;
  registry more;
  const kind_ref forks = more.add(
      "f",
      [](void* user, context&, std::span<const std::byte>) {
        world& all = *static_cast<world*>(user);
        all.code = test::exit_code_of_child([&] {
          // _exit: the child has no main() to return to.
          _exit(wrong_with_a_new_one(*all.old));
          return 0;
        });
        return outcome::done();
      },
      &w);
  w.old = &old;
  const auto forking = open_or_exit(small_options(), more);
  const queue_ref queue = queue_or_exit(*forking, "q");
  const auto a = forking->submit(queue, forks, no_payload());
  ASSERT_TRUE(a);
  EXPECT_TRUE(eventually([&] { return w.code != -2; }));
  EXPECT_EQ(w.code, 0);
  expect_the_parent_goes_on();
}

}  // namespace
}  // namespace pawl
