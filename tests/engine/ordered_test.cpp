// Ordered queues with threads. Method: everything is submitted to a paused queue, then resumed, and the order
// of the handlers is compared with a sort; then threads that submit, cancel and pause at the same time,
// of whose jobs none may be lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "pawl/testing.hpp"
#include "policy/ordering.hpp"
#include "sim/stepped_world.hpp"
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
using test::scaled;
using test::small_options;
using test::value_of;

// Numbers of jobs in the order of their handlers.
struct number_log {
  std::mutex mutex;
  std::vector<std::uint64_t> numbers;
  std::chrono::nanoseconds takes{0};

  static outcome note(void* self, context&, std::span<const std::byte> payload) {
    auto& log = *static_cast<number_log*>(self);
    std::unique_lock lock(log.mutex);
    log.numbers.push_back(value_of<std::uint64_t>(payload));
    const auto until = std::chrono::steady_clock::now() + log.takes;
    lock.unlock();
    while (log.takes.count() != 0 && std::chrono::steady_clock::now() < until) {
    }
    return outcome::done();
  }
};

// The ranks 0 to count - 1 in a random order, submitted one by one and in bulk.
void submit_shuffled(scheduler& s, queue_ref q, kind_ref kind, queue_order order,
                     std::uint64_t count) {
  test::random_source random(test::fresh_seed());
  std::vector<std::uint64_t> ranks(count);
  for (std::uint64_t i = 0; i < count; ++i) ranks[i] = i;
  std::shuffle(ranks.begin(), ranks.end(), random);
  const auto options_of = [order](std::uint64_t rank) {
    job_options how;
    const auto number = static_cast<std::int64_t>(rank);
    if (order == queue_order::deadline) how.deadline = 1h + number * 1s;
    if (order == queue_order::exact_priority) how.exact_priority = number - 1000;
    return how;
  };
  std::vector<job_spec> specs;
  std::size_t done = 0;
  while (done < count) {
    if (one_in(random, 2)) {
      ASSERT_TRUE(s.submit(q, kind, bytes_of(ranks[done]), options_of(ranks[done])));
      ++done;
      continue;
    }
    const std::size_t many = std::min<std::size_t>(count - done, 1 + below(random, 700));
    specs.clear();
    for (std::size_t i = done; i < done + many; ++i) {
      specs.push_back({bytes_of(ranks[i]), options_of(ranks[i])});
    }
    ASSERT_TRUE(s.submit_bulk(q, kind, specs));
    done += many;
  }
}

class ordered : public ::testing::TestWithParam<queue_order> {
 protected:
  // The numbers of `count` jobs as `drains` ran them.
  void run(unsigned drains, std::uint64_t count) {
    registry kinds;
    const kind_ref kind = kinds.add("k", number_log::note, &log);
    options o = small_options();
    o.drains = drains;
    const auto s = open_or_exit(o, kinds);
    const queue_ref q = queue_or_exit(*s, "q", {.order = GetParam()});
    ASSERT_TRUE(s->pause(q));
    submit_shuffled(*s, q, kind, GetParam(), count);
    ASSERT_TRUE(s->resume(q));
    ASSERT_TRUE(eventually([&] { return s->read_counters().completed == count; }));
    ASSERT_EQ(log.numbers.size(), count);
  }
  number_log log;
};
INSTANTIATE_TEST_SUITE_P(orders, ordered,
                         ::testing::Values(queue_order::deadline, queue_order::exact_priority));

TEST_P(ordered, one_drain_starts_in_the_exact_order) {
  run(1, static_cast<std::uint64_t>(scaled(20'000)));
  EXPECT_TRUE(std::is_sorted(log.numbers.begin(), log.numbers.end()));
}

TEST_P(ordered, drains_overtake_at_most_what_the_others_hold) {
  constexpr unsigned drains = 3;
  const auto count = static_cast<std::uint64_t>(scaled(20'000));
  log.takes = 2us;
  run(drains, count);
  // With each start: how many of a smaller rank have not started yet?
  std::vector<bool> started(count, false);
  std::uint64_t all_below = 0;  // have started
  std::uint64_t most = 0;
  for (const std::uint64_t rank : log.numbers) {
    std::uint64_t missing = 0;
    for (std::uint64_t r = all_below; r < rank; ++r) missing += started[r] ? 0 : 1;
    most = std::max(most, missing);
    started[rank] = true;
    while (all_below < count && started[all_below]) ++all_below;
  }
  std::printf("overtook %llu at most\n", static_cast<unsigned long long>(most));
  EXPECT_LE(most, (drains - 1) * ordered_batch_max);
}

TEST_P(ordered, nothing_is_lost_among_submitters_cancellers_and_pauses) {
  struct counts {
    std::vector<std::atomic<int>> calls;
    std::vector<std::atomic<int>> done;
    explicit counts(std::size_t n) : calls(n), done(n) {}
  };
  constexpr int submitters = 3;
  const auto each = static_cast<std::size_t>(scaled(20'000));
  counts c(submitters * each);
  registry kinds;
  const auto run = [](void* self, context&, std::span<const std::byte> payload) {
    auto& all = *static_cast<counts*>(self);
    const auto number = value_of<std::uint64_t>(payload);
    const bool first = all.calls[number]++ == 0;
    if (first && number % 17 == 0) return outcome::retry(20us);
    if (first && number % 19 == 0) return outcome::yield();
    ++all.done[number];
    return outcome::done();
  };
  const kind_ref kind = kinds.add("k", run, &c);
  const kind_ref blocking = kinds.add("b", run, &c, {.blocking = true});
  options o = small_options();
  o.blocking_threads_max = 3;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q", {.order = GetParam()});
  std::atomic<int> left{submitters};
  std::atomic<std::uint64_t> cancelled{0};
  std::mutex mutex;
  std::vector<job_id> ids;
  const std::uint64_t seed = test::fresh_seed();
  on_threads(submitters + 2, [&](int thread) {
    test::random_source random(seed + static_cast<std::uint64_t>(thread));
    if (thread == submitters) {
      while (left.load() != 0) {
        ASSERT_TRUE(s->pause(q));
        std::this_thread::sleep_for(50us);
        ASSERT_TRUE(s->resume(q));
        std::this_thread::sleep_for(200us);
      }
      return;
    }
    if (thread == submitters + 1) {
      while (left.load() != 0) {
        job_id id;
        {
          const std::lock_guard lock(mutex);
          if (!ids.empty()) {
            id = ids.back();
            ids.pop_back();
          }
        }
        if (id && s->cancel(id)) ++cancelled;
        std::this_thread::yield();
      }
      return;
    }
    std::vector<std::uint64_t> numbers;
    std::vector<job_spec> specs;
    for (std::size_t i = 0; i < each;) {
      const std::size_t many = std::min<std::size_t>(each - i, 1 + below(random, 300));
      numbers.clear();
      specs.clear();
      for (std::size_t n = 0; n < many; ++n) {
        numbers.push_back(static_cast<std::uint64_t>(thread) * each + i + n);
      }
      for (const std::uint64_t& n : numbers) {
        job_options how;
        how.deadline = duration(below<std::int64_t>(random, 2'000'000));
        how.exact_priority = below<std::int64_t>(random, 100);
        if (one_in(random, 20)) how.after = duration(below<std::int64_t>(random, 500'000));
        specs.push_back({bytes_of(n), how});
      }
      std::vector<job_id> accepted(many);
      ASSERT_TRUE(s->submit_bulk(q, one_in(random, 10) ? blocking : kind, specs, accepted));
      if (one_in(random, 3)) {
        const std::lock_guard lock(mutex);
        ids.push_back(accepted[below<std::size_t>(random, many)]);
      }
      i += many;
    }
    --left;
  });
  const std::uint64_t all = submitters * each;
  ASSERT_TRUE(eventually([&] { return s->read_counters().ended() == all; }));
  const counters n = s->read_counters();
  EXPECT_EQ(n.accepted, all);
  EXPECT_EQ(n.completed + n.cancelled, all);
  std::uint64_t done = 0;
  for (const auto& d : c.done) {
    ASSERT_LE(d.load(), 1);
    done += static_cast<std::uint64_t>(d.load());
  }
  EXPECT_EQ(done, n.completed);
}

TEST_P(ordered, a_scheduler_that_ends_with_jobs_inside_drops_them) {
  registry kinds;
  const kind_ref kind = kinds.add("k", number_log::note, &log);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q", {.order = GetParam()});
  ASSERT_TRUE(s->pause(q));
  submit_shuffled(*s, q, kind, GetParam(), 1000);
  ASSERT_TRUE(s->stop(10s));
  EXPECT_TRUE(log.numbers.empty());
}

TEST_P(ordered, the_test_scheduler_keeps_the_order_with_one_drain) {
  registry kinds;
  const kind_ref kind = kinds.add("k", number_log::note, &log);
  options o;
  o.drains = 1;
  auto t = testing::test_scheduler::open(o, kinds);
  ASSERT_TRUE(t);
  scheduler& s = **(*t);
  const queue_ref q = queue_or_exit(s, "q", {.order = GetParam()});
  submit_shuffled(s, q, kind, GetParam(), 300);
  EXPECT_EQ((*t)->run_ready(), 300u);
  EXPECT_TRUE(std::is_sorted(log.numbers.begin(), log.numbers.end()));
}

TEST(ordered_queue, has_one_order_for_ever) {
  registry kinds;
  kinds.add("k", number_log::note, nullptr);
  const auto s = open_or_exit(small_options(), kinds);
  const auto refusal = [](const auto& r) {
    EXPECT_FALSE(r);
    if (r) return std::string("none");
    return std::string(name(r.error().code)) + ' ' + std::string(r.error().where);
  };
  const queue_ref by_deadline = queue_or_exit(*s, "d", {.order = queue_order::deadline});
  const queue_ref plain = queue_or_exit(*s, "f");
  const std::string other = "invalid queue_options.order";
  EXPECT_EQ(refusal(s->queue("d")), other);
  EXPECT_EQ(refusal(s->queue("d", {.order = queue_order::exact_priority})), other);
  EXPECT_EQ(refusal(s->queue("f", {.order = queue_order::deadline})), other);
  EXPECT_EQ(refusal(s->set_options(by_deadline, {.weight = 2})), other);
  EXPECT_EQ(refusal(s->set_options(plain, {.order = queue_order::deadline})), other);
  EXPECT_EQ(refusal(s->queue("x", {.order = static_cast<queue_order>(9)})), other);
  EXPECT_EQ(refusal(s->queue("x", {.when_full = when_full::shed, .order = queue_order::deadline})),
            "invalid queue_options.when_full");
  EXPECT_TRUE(s->set_options(by_deadline, {.weight = 2, .order = queue_order::deadline}));
  EXPECT_EQ(queue_or_exit(*s, "d", {.order = queue_order::deadline}), by_deadline);
}

TEST(ordered_queue, takes_a_deadline_within_a_century_only) {
  test::stepped_world w;
  const kind_ref k = w.kind("k");
  w.open();
  for (const queue_order order : {queue_order::fifo, queue_order::deadline}) {
    const queue_ref q = w.queue("q" + std::to_string(static_cast<int>(order)), {.order = order});
    EXPECT_EQ(w.try_submit(q, k, {.deadline = duration(-1)}).reason, reject::bad_option);
    EXPECT_EQ(w.try_submit(q, k, {.deadline = 24h * 36526}).reason, reject::bad_option);
    EXPECT_TRUE(w.try_submit(q, k, {.deadline = 24h * 36525, .exact_priority = INT64_MIN}));
  }
  w.settle();
  EXPECT_EQ(w.e->read_counters().completed, 2u);
}

TEST(ordered_queue, keeps_its_order_in_the_blocking_pool) {
  // One thread of the pool, stepped. A fifo queue has its turns in between, and a cancel leaves a place.
  test::stepped_world w;
  std::vector<std::uint64_t> order;
  w.act = [&](context& job) {
    order.push_back(job.id().value);
    return outcome::done();
  };
  const kind_ref k = w.kind("k", {.blocking = true});
  w.open();
  const queue_ref q = w.queue("q", {.order = queue_order::exact_priority});
  const queue_ref plain = w.queue("f");
  const auto hand_over = [&] {
    while (w.e->step_drain(0)) {
    }
  };
  const auto id = [&](queue_ref to, std::int64_t number) {
    const job_id made = w.submit(to, k, {.exact_priority = number});
    hand_over();
    return made.value;
  };
  const std::uint64_t second = id(q, 2);
  const std::uint64_t other = id(plain, 0);
  const std::uint64_t third = id(q, 3);
  const std::uint64_t gone = id(q, 0);
  const std::uint64_t first = id(q, 1);
  const std::uint64_t second_too = id(q, 2);
  ASSERT_TRUE(w.e->cancel(w.context_of_host(), job_id{gone}));
  while (w.e->step_blocking()) {
  }
  // The stand-in of the second stood first in the list; the cancelled one took the turn of the third.
  EXPECT_EQ(order, (std::vector{other, first, second, second_too, third}));
  order.clear();
  // Paused while they are in the pool: they go back, and come again with those that came meanwhile.
  const std::uint64_t fourth = id(q, 4);
  const std::uint64_t sixth = id(q, 6);
  ASSERT_TRUE(w.e->pause(w.context_of_host(), q, {}));
  while (w.e->step_blocking()) {
  }
  const std::uint64_t fifth = id(q, 5);
  EXPECT_TRUE(order.empty());
  ASSERT_TRUE(w.e->resume(w.context_of_host(), q));
  w.settle();
  EXPECT_EQ(order, (std::vector{fourth, fifth, sixth}));
  EXPECT_EQ(w.e->health().jobs, 0u);
}

TEST(ordered_queue, takes_stale_places_out_of_the_blocking_pool) {
  test::stepped_world w;
  w.wanted.jobs_max = 100'000;
  w.check_counts = false;
  std::vector<std::uint64_t> order;
  w.act = [&](context& job) {
    order.push_back(job.id().value);
    return outcome::done();
  };
  const kind_ref k = w.kind("k", {.blocking = true});
  w.open();
  const queue_ref q = w.queue("q", {.order = queue_order::exact_priority});
  std::vector<std::uint64_t> expected;
  for (std::int64_t i = 0; i < 20'000; ++i) {
    const job_id id = w.submit(q, k, {.exact_priority = -i});
    while (w.e->step_drain(0)) {
    }
    if (i % 200 == 0) {
      expected.insert(expected.begin(), id.value);
    } else {
      ASSERT_TRUE(w.e->cancel(w.context_of_host(), id));
    }
  }
  std::size_t steps = 0;
  while (w.e->step_blocking()) ++steps;
  EXPECT_EQ(order, expected);
  EXPECT_LE(steps, 2 * (4096u + expected.size())) << "the others had been taken out";
}

}  // namespace
}  // namespace pawl
