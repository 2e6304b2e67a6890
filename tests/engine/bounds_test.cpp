// Every limit holds, says so, and recovers. Method: queues are paused so that nothing moves unless
// the test says so; bounds are met from both sides.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include "pawl/testing.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::no_payload;
using test::on_threads;
using test::open_or_exit;
using test::queue_or_exit;
using test::say_done;
using test::scaled;
using test::small_options;

class bounds : public ::testing::Test {
 protected:
  void open(const options& o) { s = open_or_exit(o, kinds); }
  submit_answer submit(queue_ref q, priority p = priority::normal) {
    return s->submit(q, kind, no_payload(), {.priority = p});
  }

  registry kinds;
  kind_ref kind = kinds.add("k", say_done);
  std::unique_ptr<scheduler> s;
};

TEST_F(bounds, a_small_bound_is_exact_and_room_comes_back_with_each_end) {
  open(small_options());
  for (const std::uint64_t bound : {1u, 2u, 7u, 300u, 8191u}) {
    const queue_ref q = queue_or_exit(*s, "q" + std::to_string(bound), {.jobs_max = bound});
    ASSERT_TRUE(s->pause(q));
    std::vector<job_id> ids;
    for (std::uint64_t i = 0; i < bound; ++i) {
      const auto a = submit(q);
      ASSERT_TRUE(a) << i;
      ids.push_back(a.ticket.id);
    }
    const auto refused = submit(q);
    EXPECT_EQ(refused.reason, reject::queue_full);
    EXPECT_FALSE(refused.ticket.id);
    ASSERT_TRUE(s->cancel(ids[bound / 2]));
    const auto next = submit(q);
    EXPECT_TRUE(next) << "one cancelled, room for one";
    EXPECT_EQ(submit(q).reason, reject::queue_full);
    const std::vector<job_spec> specs(3);
    ASSERT_TRUE(s->cancel(next.ticket.id));
    const auto bulk = s->submit_bulk(q, kind, specs);
    EXPECT_EQ(bulk.accepted, 1u);
    EXPECT_EQ(bulk.reason, reject::queue_full);
    ASSERT_TRUE(s->resume(q));
  }
}

TEST_F(bounds, room_is_there_when_the_end_has_been_told) {
  // A bound of 1: submit, be told of the end, submit, many times.
  std::atomic<std::uint64_t> told{0};
  options o = small_options();
  o.hooks = {.on_end =
                 [](void* user, const job_change& c) {
                   static_cast<std::atomic<std::uint64_t>*>(user)->store(c.id.value);
                 },
             .user = &told};
  open(o);
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 1});
  for (int i = 0; i < scaled(5000); ++i) {
    const auto a = submit(q);
    ASSERT_TRUE(a) << "round " << i << ": " << name(a.reason);
    while (told.load() != a.ticket.id.value) std::this_thread::yield();
  }
}

TEST_F(bounds, room_is_there_when_a_wait_that_came_before_the_end_returns) {
  const auto t = *testing::test_scheduler::open(small_options(), kinds, 1);
  const queue_ref q = queue_or_exit(**t, "q", {.jobs_max = 1});
  for (int i = 0; i < 100; ++i) {
    const auto a = (*t)->submit(q, kind, no_payload());
    ASSERT_TRUE(a) << "round " << i << ": " << name(a.reason);
    const auto end = (*t)->wait(a.ticket.id, 1s);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->state, job_state::completed);
  }
}

TEST_F(bounds, a_bound_is_never_exceeded_by_threads) {
  // Handlers count who is alive; four threads submit, singly and in bulk, to a bound of 5.
  struct alive_count {
    std::atomic<int> now{0};
    std::atomic<int> most{0};
  } alive;
  registry counting;
  const kind_ref k = counting.add(
      "k",
      [](void* user, context&, std::span<const std::byte>) {
        static_cast<alive_count*>(user)->now.fetch_sub(1);
        return outcome::done();
      },
      &alive);
  const auto sched = open_or_exit(small_options(), counting);
  const queue_ref q = queue_or_exit(*sched, "q", {.jobs_max = 5});
  on_threads(4, [&](int thread) {
    for (int i = 0; i < scaled(4000); ++i) {
      std::size_t accepted = 0;
      if (thread % 2 == 0) {
        if (sched->submit(q, k, no_payload())) accepted = 1;
      } else {
        const std::vector<job_spec> specs(3);
        accepted = sched->submit_bulk(q, k, specs).accepted;
      }
      // An upper bound: what is accepted and has not been seen by its handler.
      const auto n = static_cast<int>(accepted);
      const int now = alive.now.fetch_add(n) + n;
      int seen = alive.most.load();
      while (now > seen && !alive.most.compare_exchange_weak(seen, now)) {
      }
      ASSERT_LE(sched->health().queues[0].jobs, 5u);
    }
  });
  ASSERT_TRUE(eventually([&] { return alive.now.load() == 0; }));
  const counters c = sched->read_counters();
  EXPECT_EQ(c.submitted, c.accepted + c.rejected[static_cast<std::size_t>(reject::queue_full)]);
  std::printf("at most %d alive\n", alive.most.load());
}

TEST_F(bounds, a_blocking_submit_gives_up_at_its_deadline) {
  open(small_options());
  const queue_ref q =
      queue_or_exit(*s, "q", {.jobs_max = 2, .when_full = when_full::block, .block_for = 40ms});
  ASSERT_TRUE(s->pause(q));
  ASSERT_TRUE(submit(q));
  ASSERT_TRUE(submit(q));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(submit(q).reason, reject::queue_full);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 40ms);
  EXPECT_EQ(s->read_counters().rejected[static_cast<std::size_t>(reject::queue_full)], 1u)
      << "counted once";
}

TEST_F(bounds, a_blocking_submit_goes_on_as_soon_as_there_is_room) {
  // Four threads push through a bound of 3 far more than fits; nobody may give up.
  open(small_options());
  const queue_ref q = queue_or_exit(
      *s, "q", {.jobs_max = 3, .when_full = when_full::block, .block_for = test::patience});
  const int each = scaled(2000);
  std::atomic<int> refused{0};
  on_threads(4, [&](int thread) {
    for (int i = 0; i < each; ++i) {
      if (thread == 0) {
        const std::vector<job_spec> specs(10);
        const auto a = s->submit_bulk(q, kind, specs);
        if (!a || a.accepted != 10) ++refused;
      } else if (!submit(q)) {
        ++refused;
      }
    }
  });
  EXPECT_EQ(refused, 0);
  EXPECT_TRUE(eventually(
      [&] { return s->read_counters().completed == static_cast<std::uint64_t>(13 * each); }));
}

TEST_F(bounds, a_blocked_submit_ends_when_the_scheduler_stops) {
  open(small_options());
  const queue_ref q = queue_or_exit(
      *s, "q", {.jobs_max = 1, .when_full = when_full::block, .block_for = test::patience});
  ASSERT_TRUE(s->pause(q));
  ASSERT_TRUE(submit(q));
  std::thread blocked([&] { EXPECT_EQ(submit(q).reason, reject::stopping); });
  std::this_thread::sleep_for(20ms);
  EXPECT_TRUE(s->stop(test::patience));
  blocked.join();
}

TEST_F(bounds, a_submit_from_inside_a_handler_never_blocks) {
  // On a drain and on a blocking thread, to a full queue that blocks for a minute.
  struct result_of {
    queue_ref full;
    kind_ref kind;
    std::atomic<int> right{0};
  } r;
  const auto body = [](void* user, context& job, std::span<const std::byte>) {
    result_of& out = *static_cast<result_of*>(user);
    const auto begin = std::chrono::steady_clock::now();
    const bool refused =
        job.owner().submit(out.full, out.kind, no_payload()).reason == reject::queue_full;
    if (refused && std::chrono::steady_clock::now() - begin < 30s) ++out.right;
    return outcome::done();
  };
  const kind_ref on_drain = kinds.add("d", body, &r);
  const kind_ref on_blocking = kinds.add("b", body, &r, {.blocking = true});
  open(small_options());
  r.kind = kind;
  r.full = queue_or_exit(
      *s, "full", {.jobs_max = 1, .when_full = when_full::block, .block_for = test::patience});
  ASSERT_TRUE(s->pause(r.full));
  ASSERT_TRUE(submit(r.full));
  const queue_ref q = queue_or_exit(*s, "q");
  for (const kind_ref k : {on_drain, on_blocking}) {
    ASSERT_TRUE(s->wait(s->submit(q, k, no_payload()).ticket.id, test::patience));
  }
  EXPECT_EQ(r.right, 2);
}

TEST_F(bounds, shed_ends_the_oldest_of_the_lowest_band_and_none_above_the_new_job) {
  // Random priorities into a paused queue, beside a model: per band a list in submit order.
  test::random_source random(test::fresh_seed());
  open(small_options());
  constexpr std::size_t bound = 10;
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = bound, .when_full = when_full::shed});
  ASSERT_TRUE(s->pause(q));
  std::map<unsigned, std::vector<job_id>> model;
  std::size_t alive = 0;
  std::uint64_t shed = 0;
  for (int i = 0; i < scaled(3000); ++i) {
    const unsigned band = test::below<unsigned>(random, priority_count);
    const auto a = submit(q, static_cast<priority>(band));
    if (alive < bound) {
      ASSERT_TRUE(a);
      ++alive;
    } else {
      const unsigned lowest = model.rbegin()->first;
      ASSERT_EQ(static_cast<bool>(a), band <= lowest) << "band " << band << ", lowest " << lowest;
      if (!a) {
        ASSERT_EQ(a.reason, reject::queue_full);
        continue;
      }
      const job_id victim = model[lowest].front();
      const auto found = s->find(victim);
      ASSERT_TRUE(found);
      ASSERT_EQ(found->state, job_state::dead);
      ASSERT_EQ(found->cause, dead_cause::shed);
      model[lowest].erase(model[lowest].begin());
      if (model[lowest].empty()) model.erase(lowest);
      ++shed;
    }
    model[band].push_back(a.ticket.id);
    for (const auto& [b, ids] : model) {
      for (const job_id id : ids) ASSERT_EQ(s->find(id)->state, job_state::ready);
    }
  }
  EXPECT_EQ(s->read_counters().dead[static_cast<std::size_t>(dead_cause::shed)], shed);
  EXPECT_GT(shed, 0u);
}

TEST_F(bounds, shed_in_a_bulk_sheds_its_own_older_jobs_like_single_submits_would) {
  open(small_options());
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 10, .when_full = when_full::shed});
  ASSERT_TRUE(s->pause(q));
  const std::vector<job_spec> specs(25);
  std::vector<job_id> ids(25);
  const auto a = s->submit_bulk(q, kind, specs, ids);
  ASSERT_TRUE(a);
  EXPECT_EQ(a.accepted, 25u);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(s->find(ids[i])->state, i < 15 ? job_state::dead : job_state::ready) << i;
  }
}

TEST_F(bounds, a_waiter_of_a_shed_job_is_told) {
  open(small_options());
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 1, .when_full = when_full::shed});
  ASSERT_TRUE(s->pause(q));
  const auto first = submit(q);
  std::thread waiter([&] {
    const auto ended = s->wait(first.ticket.id, test::patience);
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->state, job_state::dead);
    EXPECT_EQ(ended->cause, dead_cause::shed);
  });
  ASSERT_TRUE(submit(q));
  waiter.join();
}

TEST_F(bounds, the_scheduler_as_a_whole_is_bounded_too) {
  options o = small_options();
  o.jobs_max = 10;
  open(o);
  const queue_ref a = queue_or_exit(*s, "a");
  const queue_ref b = queue_or_exit(*s, "b");
  ASSERT_TRUE(s->pause(a));
  ASSERT_TRUE(s->pause(b));
  std::vector<job_id> ids;
  for (int i = 0; i < 10; ++i) {
    const auto answer = submit(i % 2 == 0 ? a : b);
    ASSERT_TRUE(answer) << i;
    ids.push_back(answer.ticket.id);
  }
  EXPECT_EQ(submit(a).reason, reject::scheduler_full);
  EXPECT_EQ(submit(b).reason, reject::scheduler_full);
  EXPECT_EQ(s->health().jobs, 10u);
  ASSERT_TRUE(s->cancel(ids[0]));
  EXPECT_TRUE(submit(b)) << "a job of one queue makes room for one of another";
}

TEST_F(bounds, raising_a_bound_lets_jobs_in_and_lowering_it_ends_none) {
  open(small_options());
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 2});
  ASSERT_TRUE(s->pause(q));
  ASSERT_TRUE(submit(q));
  ASSERT_TRUE(submit(q));
  ASSERT_FALSE(submit(q));
  ASSERT_TRUE(s->set_options(q, {.jobs_max = 4}));
  ASSERT_TRUE(submit(q));
  ASSERT_TRUE(submit(q));
  ASSERT_FALSE(submit(q));
  ASSERT_TRUE(s->set_options(q, {.jobs_max = 1}));
  EXPECT_EQ(s->health().queues[0].jobs, 4u);
  EXPECT_FALSE(submit(q));
  ASSERT_TRUE(s->resume(q));
  ASSERT_TRUE(eventually([&] { return s->health().queues[0].jobs == 0; }));
  EXPECT_EQ(s->read_counters().completed, 4u);
  EXPECT_TRUE(submit(q));
}

TEST(payload, every_size_up_to_the_limit_arrives_intact) {
  // Sizes around the inline border and the borders of the size classes, 1 MiB, and one more.
  struct checker {
    std::atomic<int> wrong{0};
    static std::byte at(std::size_t i, std::size_t size) {
      return static_cast<std::byte>(i * 7 + size);
    }
  } check;
  registry kinds;
  const kind_ref kind = kinds.add(
      "k",
      [](void* user, context&, std::span<const std::byte> payload) {
        for (std::size_t i = 0; i < payload.size(); ++i) {
          if (payload[i] != checker::at(i, payload.size())) ++static_cast<checker*>(user)->wrong;
        }
        return outcome::done();
      },
      &check);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  std::vector<std::size_t> sizes{0, 1, 2, 63, 64, 65, 119, 120, 121, 1u << 20, (1u << 20) - 1};
  for (std::size_t block = 256; block < (1u << 20); block *= 2) {
    for (const std::size_t size : {block - 9, block - 8, block - 7, block, block + 1}) {
      sizes.push_back(size);
    }
  }
  for (const std::size_t size : sizes) {
    std::vector<std::byte> payload(size);
    for (std::size_t i = 0; i < size; ++i) payload[i] = checker::at(i, size);
    const auto a = s->submit(q, kind, std::span<const std::byte>(payload));
    ASSERT_TRUE(a) << size << ": " << name(a.reason);
    std::fill(payload.begin(), payload.end(), std::byte{0xee});  // it was copied
  }
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == sizes.size(); }));
  EXPECT_EQ(check.wrong, 0);
  const std::vector<std::byte> large((1u << 20) + 1);
  EXPECT_EQ(s->submit(q, kind, std::span<const std::byte>(large)).reason, reject::too_large);
  const job_spec specs[] = {{}, {large, {}}, {}};
  const auto bulk = s->submit_bulk(q, kind, specs);
  EXPECT_EQ(bulk.accepted, 1u);
  EXPECT_EQ(bulk.reason, reject::too_large);
}

TEST(payload, memory_that_is_used_up_is_said_and_comes_back) {
  registry kinds;
  const kind_ref kind = kinds.add("k", say_done);
  options o = small_options();
  o.payload_memory_bytes_max = 1u << 20;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 5000});  // small: no room is set aside
  const std::vector<std::byte> payload(1000, std::byte{3});
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(s->pause(q));
    std::uint64_t accepted = 0;
    submit_answer a;
    while ((a = s->submit(q, kind, std::span<const std::byte>(payload)))) ++accepted;
    EXPECT_EQ(a.reason, reject::memory);
    EXPECT_EQ(accepted, 1024u);
    EXPECT_LE(s->health().payload_memory_bytes, 1u << 20);
    EXPECT_TRUE(s->submit(q, kind, no_payload())) << "small ones need none of it";
    EXPECT_EQ(s->health().queues[0].jobs, accepted + 1) << "nothing of a rejected job remains";
    ASSERT_TRUE(s->resume(q));
    ASSERT_TRUE(eventually([&] { return s->health().queues[0].jobs == 0; }));
  }
}

TEST_F(bounds, handlers_that_fill_their_own_queue_are_refused_and_nothing_hangs) {
  // Each job submits two more until the queue is full.
  registry chain;
  const kind_ref k = chain.add("k", [](void*, context& job, std::span<const std::byte>) {
    for (int i = 0; i < 2; ++i) {
      static_cast<void>(job.owner().submit(job.queue(), job.kind(), no_payload()));
    }
    return outcome::done();
  });
  const auto sched = open_or_exit(small_options(), chain);
  const queue_ref q = queue_or_exit(*sched, "q", {.jobs_max = 100});
  ASSERT_TRUE(sched->submit(q, k, no_payload()));
  EXPECT_TRUE(eventually([&] {
    return sched->read_counters().completed > static_cast<std::uint64_t>(scaled(50'000));
  }));
  EXPECT_LE(sched->health().queues[0].jobs, 100u);
  EXPECT_TRUE(sched->stop(test::patience));
}

}  // namespace
}  // namespace pawl
