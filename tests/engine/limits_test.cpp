// Limits under threads. Method: drains, the pool and submitters at work while limits change and scopes
// pause; handlers count who is inside. At the end everything is open, and everything must have run.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::eventually;
using test::open_or_exit;
using test::queue_or_exit;

struct inside_count {
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  void enter() {
    const int n = now.fetch_add(1) + 1;
    int seen = most.load();
    while (n > seen && !most.compare_exchange_weak(seen, n)) {
    }
  }
  void leave() { now.fetch_sub(1); }
};

struct counted_world {
  inside_count of_kind[2];
  inside_count of_queue[2];
  inside_count of_tenant[3];
  std::atomic<std::uint64_t> ran{0};
};

struct place {
  std::uint8_t kind;
  std::uint8_t queue;
  std::uint8_t tenant;
  std::uint8_t unused = 0;
};

outcome count(void* user, context&, std::span<const std::byte> payload) {
  auto& w = *static_cast<counted_world*>(user);
  const auto p = test::value_of<place>(payload);
  w.of_kind[p.kind].enter();
  w.of_queue[p.queue].enter();
  w.of_tenant[p.tenant].enter();
  for (int i = 0; i < 20; ++i) w.ran.load();
  w.of_tenant[p.tenant].leave();
  w.of_queue[p.queue].leave();
  w.of_kind[p.kind].leave();
  ++w.ran;
  return outcome::done();
}

TEST(limits, are_kept_by_drains_and_pool_and_forget_nothing) {
  counted_world w;
  registry kinds;
  const kind_ref plain = kinds.add("plain", count, &w, {.limits = {.concurrency = 2}});
  const kind_ref blocking =
      kinds.add("blocking", count, &w, {.blocking = true, .limits = {.concurrency = 3}});
  options o = test::small_options();
  o.drains = 4;
  o.jobs_max = 100'000;
  const auto s = open_or_exit(o, kinds);
  const queue_ref queues[] = {queue_or_exit(*s, "a", {.limits = {.concurrency = 3}}),
                              queue_or_exit(*s, "b")};
  const tenant_ref tenants[] = {{},
                                *s->tenant("t", {.limits = {.concurrency = 1}}),
                                *s->tenant("u", {.limits = {.concurrency = 2}})};
  const int each = test::scaled(30'000);
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    test::random_source random(test::fresh_seed());
    while (!stop.load()) {
      const scope scopes[] = {scope::all(), queues[0],  queues[1], plain,
                              blocking,     tenants[1], tenants[2]};
      const scope at = scopes[test::below<std::size_t>(random, std::size(scopes))];
      EXPECT_TRUE(s->pause(at));
      EXPECT_TRUE(s->resume(at));
      EXPECT_TRUE(s->hold(at, std::chrono::microseconds(50)));
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  test::on_threads(2, [&](int t) {
    test::random_source random(test::fresh_seed() + static_cast<std::uint64_t>(t));
    for (int i = 0; i < each; ++i) {
      const place p{static_cast<std::uint8_t>(test::one_in(random, 10)),
                    static_cast<std::uint8_t>(test::below<unsigned>(random, 2)),
                    static_cast<std::uint8_t>(test::below<unsigned>(random, 3))};
      ASSERT_TRUE(s->submit(queues[p.queue], p.kind == 0 ? plain : blocking, test::bytes_of(p),
                            {.tenant = tenants[p.tenant]}));
    }
  });
  stop = true;
  changer.join();
  EXPECT_TRUE(eventually([&] { return w.ran == static_cast<std::uint64_t>(2 * each); }));
  EXPECT_LE(w.of_kind[0].most, 2);
  EXPECT_LE(w.of_kind[1].most, 3);
  EXPECT_LE(w.of_queue[0].most, 3);
  EXPECT_LE(w.of_tenant[1].most, 1);
  EXPECT_LE(w.of_tenant[2].most, 2);
}

TEST(limits, of_all_sorts_that_are_far_away_may_change_while_jobs_pass_them_by_the_batch) {
  std::atomic<std::uint64_t> ran{0};
  constexpr rate_limit far{1'000'000'000, std::chrono::seconds(1), 1'000'000};
  const limits all{.concurrency = 64, .rate = far};
  registry kinds;
  const kind_ref kind = kinds.add("k",
                                  [](void* user, context&, std::span<const std::byte>) {
                                    ++*static_cast<std::atomic<std::uint64_t>*>(user);
                                    return outcome::done();
                                  },
                                  &ran, {.limits = all, .breaker = {.window = 100}});
  options o = test::small_options();
  o.drains = 3;
  o.jobs_max = 1'000'000;
  o.histograms = true;
  o.start_rate = far;
  const auto s = open_or_exit(o, kinds);
  const queue_ref queue = queue_or_exit(*s, "q", {.limits = all});
  const tenant_ref tenant = *s->tenant("t", {.limits = all});
  const std::uint64_t each = 200 * static_cast<std::uint64_t>(test::scaled(1'000));
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    test::random_source random(test::fresh_seed());
    const scope scopes[] = {queue, kind, tenant};
    while (!stop.load()) {
      const scope at = scopes[test::below<std::size_t>(random, std::size(scopes))];
      if (test::one_in(random, 2)) {
        limits other = all;
        if (test::one_in(random, 2)) other.rate.burst = 1000;
        if (test::one_in(random, 2)) other.concurrency = 0;
        EXPECT_TRUE(s->set_limits(at, other));
        continue;
      }
      EXPECT_TRUE(s->pause(at));
      // What has started is on the board, though its handler may not have been entered yet.
      EXPECT_TRUE(eventually([&] { return s->read_metrics().kinds.at(0).running == 0; }));
      const std::uint64_t before = ran;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      EXPECT_EQ(ran, before) << "a start after pause() returned";
      EXPECT_TRUE(s->resume(at));
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  test::on_threads(2, [&](int) {
    const std::vector<job_spec> batch(200, job_spec{test::no_payload(), {.tenant = tenant}});
    for (std::uint64_t i = 0; i < each; i += batch.size()) {
      ASSERT_TRUE(s->submit_bulk(queue, kind, batch));
    }
  });
  stop = true;
  changer.join();
  EXPECT_TRUE(eventually([&] { return ran == 2 * each; }));
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == 2 * each; }));
  EXPECT_EQ(s->read_metrics().total.started, 2 * each);
}

TEST(limits, a_rate_under_threads_has_no_span_with_too_many) {
  struct stamps {
    std::atomic<std::size_t> count{0};
    std::array<std::atomic<std::int64_t>, 4096> at{};
  } all;
  registry kinds;
  const kind_ref kind = kinds.add(
      "k",
      [](void* user, context&, std::span<const std::byte>) {
        auto& w = *static_cast<stamps*>(user);
        timespec t{};
        clock_gettime(CLOCK_BOOTTIME, &t);
        w.at[w.count.fetch_add(1)] = t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
        return outcome::done();
      },
      &all);
  options o = test::small_options();
  o.drains = 3;
  const auto s = open_or_exit(o, kinds);
  const rate_limit rate{.starts = 4000, .per = std::chrono::seconds(1), .burst = 20};
  const queue_ref queue = queue_or_exit(*s, "q", {.limits = {.rate = rate}});
  constexpr std::size_t jobs = 1000;
  for (std::size_t i = 0; i < jobs; ++i) ASSERT_TRUE(s->submit(queue, kind, {}));
  ASSERT_TRUE(eventually([&] { return all.count == jobs; }));
  // A stamp is taken after the start it is of, at worst much later, so only the whole can be held
  // against the bound here; the simulation holds every span against it.
  std::int64_t first = INT64_MAX;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < jobs; ++i) {
    first = std::min(first, all.at[i].load());
    last = std::max(last, all.at[i].load());
  }
  EXPECT_GE(last - first, std::int64_t{(jobs - 20 - 40)} * 250'000);
}

}  // namespace
}  // namespace pawl
