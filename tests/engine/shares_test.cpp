// A queue that its tenants share, with threads. Method: submitters, drains and pool threads at work while
// tenants are paused, limited and weighed anew, jobs are cancelled, retried and delayed and wait in lanes;
// at the end everything is open, and every job has ended once. Then what the manual says of options.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
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
using test::below;
using test::eventually;
using test::no_payload;
using test::one_in;
using test::open_or_exit;
using test::queue_or_exit;

constexpr unsigned tenants = 6;

struct crowd_of_tenants {
  std::array<std::atomic<int>, tenants> inside{};
  std::array<std::atomic<int>, tenants> limit{};  // 0: none, for long enough that nobody is inside
  std::atomic<int> too_many{0};
  std::atomic<std::uint64_t> started{0};

  static outcome run(void* user, context&, std::span<const std::byte> payload) {
    auto& c = *static_cast<crowd_of_tenants*>(user);
    const auto tenant = test::value_of<std::uint32_t>(payload);
    const int now = c.inside[tenant].fetch_add(1) + 1;
    const int limit = c.limit[tenant].load();
    if (limit != 0 && now > limit) ++c.too_many;
    // By the number of the start: what yields must not do so for ever.
    const std::uint64_t dice = ++c.started * 0x9e3779b97f4a7c15u >> 58;
    const auto until = std::chrono::steady_clock::now() + (dice == 63 ? 200us : 0us);
    while (std::chrono::steady_clock::now() < until) {
    }
    c.inside[tenant].fetch_sub(1);
    return dice == 0   ? outcome::dead()
           : dice <= 4 ? outcome::fail()
           : dice == 5 ? outcome::snooze(100us)
           : dice == 6 ? outcome::yield()
                       : outcome::done();
  }
};

TEST(shares_stress, with_pauses_limits_weights_lanes_and_cancels_every_job_ends_once) {
  crowd_of_tenants world;
  registry kinds;
  const kind_options quickly{.max_attempts = 2, .backoff = backoff::fixed(100us)};
  const kind_ref plain = kinds.add("plain", crowd_of_tenants::run, &world, quickly);
  kind_options on_pool = quickly;
  on_pool.blocking = true;
  const kind_ref blocking = kinds.add("blocking", crowd_of_tenants::run, &world, on_pool);
  options o = test::small_options();
  o.drains = 4;
  o.jobs_max = 200'000;
  o.pushbacks_max = 2;
  o.dead_in_memory = 100;
  const auto s = open_or_exit(o, kinds);
  const queue_ref queue = queue_or_exit(*s, "q", {.order = queue_order::tenants});
  std::vector<tenant_ref> refs;
  for (unsigned i = 0; i < tenants; ++i) {
    // Of two of them never more than two run, whatever else changes.
    world.limit[i] = i < 2 ? 2 : 0;
    refs.push_back(
        *s->tenant("t" + std::to_string(i), {.limits = {.concurrency = i < 2 ? 2u : 0u}}));
  }
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    test::random_source random(test::fresh_seed());
    while (!stop.load()) {
      const auto i = below<unsigned>(random, tenants);
      EXPECT_TRUE(s->pause(refs[i]));
      EXPECT_TRUE(s->resume(refs[i]));
      EXPECT_TRUE(s->hold(refs[i], 50us));
      tenant_options how{.weight = 1 + below<unsigned>(random, 1'000)};
      if (i < 2) how.limits.concurrency = 2;
      if (i == 3 && one_in(random, 3)) how.limits.rate = {1'000, 10ms, 20};
      EXPECT_TRUE(s->tenant("t" + std::to_string(i), how));
      if (one_in(random, 4)) {
        EXPECT_TRUE(s->pause(queue));
        EXPECT_TRUE(s->resume(queue));
      }
      std::this_thread::sleep_for(200us);
    }
  });
  const int each = test::scaled(30'000);
  test::on_threads(3, [&](int t) {
    test::random_source random(test::fresh_seed() + static_cast<std::uint64_t>(t));
    std::vector<job_id> mine;
    for (int i = 0; i < each; ++i) {
      // The first one floods.
      const auto of = one_in(random, 2) ? 0 : below<std::uint32_t>(random, tenants);
      job_options how{.tenant = refs[of]};
      if (one_in(random, 20)) how.lane = of == 0 ? "a" : "b";
      if (one_in(random, 20)) how.expires = 300us;
      if (one_in(random, 20)) how.after = 300us;
      if (one_in(random, 10)) how.priority = priority::high;
      const submit_answer a =
          s->submit(queue, one_in(random, 30) ? blocking : plain, test::bytes_of(of), how);
      ASSERT_TRUE(a) << name(a.reason);
      mine.push_back(a.ticket.id);
      if (one_in(random, 8)) static_cast<void>(s->cancel(mine[below(random, mine.size())]));
    }
  });
  stop = true;
  changer.join();
  EXPECT_TRUE(s->tenant("t3", {}));
  EXPECT_TRUE(eventually([&] {
    const counters c = s->read_counters();
    return c.accepted == c.ended();
  }));
  EXPECT_EQ(world.too_many, 0);
  EXPECT_EQ(s->read_counters().started, world.started);
  EXPECT_EQ(s->health().jobs, 0u);
}

// A flood is there before everybody else. Real threads on a machine that has other things to do, so no more
// than that the others do not wait for its end; the simulation has the numbers.
TEST(shares_stress, a_flood_leaves_the_others_their_part) {
  struct state {
    std::array<std::atomic<std::uint64_t>, 3> ran{};
    std::atomic<std::uint64_t> flood{0};  // had run when the last of the heavier one ran
  } seen;
  registry kinds;
  const kind_ref kind = kinds.add(
      "k",
      [](void* user, context&, std::span<const std::byte> payload) {
        const auto until = std::chrono::steady_clock::now() + 20us;
        while (std::chrono::steady_clock::now() < until) {
        }
        auto& s = *static_cast<state*>(user);
        const auto of = test::value_of<std::uint32_t>(payload);
        if (++s.ran[of] == 2'000 && of == 2) s.flood = s.ran[0].load();
        return outcome::done();
      },
      &seen);
  const auto s = open_or_exit(test::small_options(), kinds);
  const queue_ref queue = queue_or_exit(*s, "q", {.order = queue_order::tenants});
  std::vector<tenant_ref> refs;
  for (unsigned i = 0; i < 3; ++i) {
    refs.push_back(*s->tenant("t" + std::to_string(i), {.weight = i == 2 ? 2u : 1u}));
  }
  ASSERT_TRUE(s->pause(queue));
  for (std::uint32_t t = 0; t < 3; ++t) {
    for (int i = 0; i < (t == 0 ? 20'000 : 2'000); ++i) {
      ASSERT_TRUE(s->submit(queue, kind, test::bytes_of(t), {.tenant = refs[t]}));
    }
  }
  ASSERT_TRUE(s->resume(queue));
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == 24'000; }));
  EXPECT_GT(seen.flood.load(), 100u);
  EXPECT_LT(seen.flood.load(), 10'000u);
}

TEST(shares, of_a_tenant_have_a_weight_of_1_to_1000) {
  registry kinds;
  kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  const auto s = open_or_exit(test::small_options(), kinds);
  for (const unsigned weight : {0u, 1'001u, ~0u}) {
    const auto t = s->tenant("t", {.weight = weight});
    ASSERT_FALSE(t);
    EXPECT_EQ(t.error().code, errc::invalid);
    EXPECT_EQ(t.error().where, "tenant_options.weight");
  }
  EXPECT_TRUE(s->tenant("t", {.weight = 1'000}));
  EXPECT_TRUE(s->tenant("t", {.weight = 1}));
  EXPECT_FALSE(s->queue("q", {.when_full = when_full::shed, .order = queue_order::tenants}))
      << "what is last is not known";
}

TEST(shares, are_kept_by_the_test_scheduler) {
  struct state {
    std::array<unsigned, 2> ran{};
    unsigned long_ones = 0;  // when 25 ms had gone to short ones
  } seen;
  registry kinds;
  const kind_ref kind = kinds.add(
      "k",
      [](void* user, context& job, std::span<const std::byte> payload) {
        const auto t = test::value_of<std::uint32_t>(payload);
        testing::test_scheduler::of(job)->advance(t == 0 ? 10us : 1ms);
        auto& s = *static_cast<state*>(user);
        ++s.ran[t];
        if (s.ran[0] == 2'500) s.long_ones = s.ran[1];
        return outcome::done();
      },
      &seen);
  const auto t = std::move(*testing::test_scheduler::open({}, kinds));
  scheduler& s = **t;
  const queue_ref queue = *s.queue("q", {.order = queue_order::tenants});
  const std::array<tenant_ref, 2> refs{*s.tenant("short", {.weight = 1}),
                                       *s.tenant("long", {.weight = 4})};
  for (std::uint32_t i = 0; i < 2; ++i) {
    for (int n = 0; n < 5'000; ++n) {
      ASSERT_TRUE(s.submit(queue, kind, test::bytes_of(i), {.tenant = refs[i]}));
    }
  }
  EXPECT_EQ(t->run_until_idle(1h), 10'000u);
  EXPECT_NEAR(seen.long_ones, 100, 3) << "of 1 ms";
}

}  // namespace
}  // namespace pawl
