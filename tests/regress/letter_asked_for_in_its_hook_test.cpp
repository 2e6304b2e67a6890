// Who is told of a death may ask for the letter. Found in review: hooks and waiters were told before the
// letter was in the table, so a hook that asked for its own job's spun for ever, and a waiter until the
// hook had returned. Method: the on_end hook shows and requeues the dead job that it is told of.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>

#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::no_payload;

struct asking_hook {
  std::function<void(const job_change&)> at_death;
  std::atomic<int> left{0};  // hooks that have returned
  std::atomic<int> attempts{0};

  static void on_end(void* self, const job_change& c) {
    auto& w = *static_cast<asking_hook*>(self);
    if (c.state != job_state::dead) return;
    w.at_death(c);
    ++w.left;
  }
  // Dies at first, then completes.
  static outcome run(void* self, context&, std::span<const std::byte>) {
    return static_cast<asking_hook*>(self)->attempts++ == 0 ? outcome::dead() : outcome::done();
  }
};

options options_of(asking_hook& w) {
  options o = test::small_options();
  o.hooks = {.on_end = asking_hook::on_end, .user = &w};
  return o;
}

TEST(letter_asked_for_in_its_hook, is_there_and_can_be_requeued) {
  asking_hook w;
  registry kinds;
  const kind_ref kind = kinds.add("k", asking_hook::run, &w);
  std::atomic<scheduler*> shared{nullptr};
  std::atomic<bool> shown{false};
  std::atomic<bool> requeued{false};
  w.at_death = [&](const job_change& c) {
    scheduler& s = *shared.load();
    const auto letter = s.show_dead(c.id);
    shown = bool(letter);
    if (letter) requeued = bool(s.requeue(c.id, letter->version));
  };
  const auto s = test::open_or_exit(options_of(w), kinds);
  shared = s.get();
  const queue_ref q = test::queue_or_exit(*s, "q");
  const auto job = s->submit(q, kind, no_payload());
  ASSERT_TRUE(test::eventually([&] { return w.left == 1; })) << "the hook came to an end";
  EXPECT_TRUE(shown);
  EXPECT_TRUE(requeued);
  EXPECT_TRUE(test::eventually([&] { return s->read_counters().completed == 1; }));
  EXPECT_TRUE(test::eventually([&] { return s->find(job.ticket.id)->state == job_state::ended; }));
}

TEST(letter_asked_for_in_its_hook, is_not_there_where_none_are_kept) {
  asking_hook w;
  registry kinds;
  const kind_ref kind = kinds.add("k", asking_hook::run, &w);
  std::atomic<scheduler*> shared{nullptr};
  std::atomic<bool> is_unknown{false};
  w.at_death = [&](const job_change& c) {
    const auto letter = shared.load()->show_dead(c.id);
    is_unknown = !letter && letter.error().code == errc::not_found;
  };
  options o = options_of(w);
  o.dead_in_memory = 0;
  const auto s = test::open_or_exit(o, kinds);
  shared = s.get();
  ASSERT_TRUE(s->submit(test::queue_or_exit(*s, "q"), kind, no_payload()));
  ASSERT_TRUE(test::eventually([&] { return w.left == 1; })) << "the hook came to an end";
  EXPECT_TRUE(is_unknown);
}

TEST(letter_asked_for_in_its_hook, does_not_keep_a_waiter_waiting_for_the_hook) {
  // The hook stays until the waiter, told of the death, has requeued the job and that has run.
  asking_hook w;
  registry kinds;
  const kind_ref kind = kinds.add("k", asking_hook::run, &w);
  std::atomic<bool> let_out{false};
  w.at_death = [&](const job_change&) {
    let_out = test::eventually([&] { return w.attempts == 2; }, std::chrono::seconds(20));
  };
  const auto s = test::open_or_exit(options_of(w), kinds);
  const queue_ref q = test::queue_or_exit(*s, "q");
  ASSERT_TRUE(s->pause(q));
  const auto job = s->submit(q, kind, no_payload());
  std::thread resumer([&] { static_cast<void>(s->resume(q)); });
  const auto end = s->wait(job.ticket.id, test::patience);
  resumer.join();
  ASSERT_TRUE(end);
  EXPECT_TRUE(s->requeue(job.ticket.id, end->version));
  EXPECT_TRUE(test::eventually([&] { return w.left == 1; }));
  EXPECT_TRUE(let_out) << "the second attempt came while the hook was inside";
}

}  // namespace
}  // namespace pawl
