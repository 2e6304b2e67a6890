// A bulk that ends early gives back the room it took for the rest. Found in review: the rest stayed
// with the submitting thread, and others were told that a queue with one job was full.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "support/opened.hpp"

namespace pawl {
namespace {

TEST(cut_bulk, leaves_its_room_to_others) {
  registry kinds;
  const kind_ref kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  const auto s = test::open_or_exit(test::small_options(), kinds);
  const queue_ref q = test::queue_or_exit(*s, "q", {.jobs_max = 100});
  ASSERT_TRUE(s->pause(q));
  const std::vector<std::byte> large((1u << 20) + 1);
  std::vector<job_spec> specs(100);
  specs[1].payload = large;
  const auto cut = s->submit_bulk(q, kind, specs);
  EXPECT_EQ(cut.accepted, 1u);
  EXPECT_EQ(cut.reason, reject::too_large);
  EXPECT_EQ(s->health().queues[0].jobs, 1u);
  std::thread([&] {
    for (int i = 0; i < 99; ++i) {
      const auto a = s->submit(q, kind, test::no_payload());
      ASSERT_TRUE(a) << i << ": " << name(a.reason);
    }
    EXPECT_EQ(s->submit(q, kind, test::no_payload()).reason, reject::queue_full);
  }).join();
}

}  // namespace
}  // namespace pawl
