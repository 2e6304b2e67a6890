// Queues of one priority share handler time by weight. Method: weights 1 and 4, handlers of 20 us, one
// drain. When the heavy queue is through, the light one has had about a quarter of that. A handler that is
// off its processor is charged for it, so the test has the machine to itself, and the margins are wide.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>

#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::open_or_exit;
using test::queue_or_exit;
using test::small_options;

TEST(weights, queues_of_one_priority_share_handler_time_by_weight) {
  struct counts {
    std::atomic<int> light{0};
    std::atomic<int> heavy{0};
    std::atomic<int> light_at_end{0};
  } c;
  const int jobs = 2000;
  registry kinds;
  static constexpr auto spin = [] {
    const auto until = std::chrono::steady_clock::now() + 20us;
    while (std::chrono::steady_clock::now() < until) {
    }
  };
  const kind_ref light = kinds.add(
      "light",
      [](void* user, context&, std::span<const std::byte>) {
        spin();
        ++static_cast<counts*>(user)->light;
        return outcome::done();
      },
      &c);
  struct heavy_world {
    counts* c;
    int jobs;
  } w{&c, jobs};
  const kind_ref heavy = kinds.add(
      "heavy",
      [](void* user, context&, std::span<const std::byte>) {
        const heavy_world& h = *static_cast<heavy_world*>(user);
        spin();
        if (++h.c->heavy == h.jobs) h.c->light_at_end = h.c->light.load();
        return outcome::done();
      },
      &w);
  options o = small_options();
  o.drains = 1;
  const auto s = open_or_exit(o, kinds);
  const queue_ref a = queue_or_exit(*s, "light", {.weight = 1});
  const queue_ref b = queue_or_exit(*s, "heavy", {.weight = 4});
  ASSERT_TRUE(s->pause(a));
  ASSERT_TRUE(s->pause(b));
  for (int i = 0; i < jobs; ++i) {
    ASSERT_TRUE(s->submit(a, light, test::no_payload()));
    ASSERT_TRUE(s->submit(b, heavy, test::no_payload()));
  }
  ASSERT_TRUE(s->resume(a));
  ASSERT_TRUE(s->resume(b));
  ASSERT_TRUE(eventually([&] { return c.heavy == jobs; }));
  std::printf("%d light for %d heavy\n", c.light_at_end.load(), jobs);
  EXPECT_GT(c.light_at_end, jobs / 10);
  EXPECT_LT(c.light_at_end, jobs / 2);
}

}  // namespace
}  // namespace pawl
