// A sweep beside drains loses no job and leaves its queue open. Method: threads submit to one open
// queue and cancel most of it again, so that it is swept many times while drains pop from it; each
// thread has a band of its own, or all share one. Then every accepted job has ended, and the next one
// runs.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::no_payload;

void sweep_beside_drains(unsigned drains, bool own_bands) {
  registry kinds;
  const kind_ref kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  options o = test::small_options();
  o.drains = drains;
  const auto s = test::open_or_exit(o, kinds);
  const queue_ref q = test::queue_or_exit(*s, "q", {.jobs_max = 50'000});
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> cancelled{0};
  test::on_threads(2, [&](int thread) {
    // Of each bulk the first few live; the drains are behind, so most cancels come in time.
    constexpr std::size_t each = 200;
    constexpr std::size_t survivors = 5;
    std::vector<job_spec> specs(each);
    for (job_spec& spec : specs) spec.options.priority = priority(own_bands ? 2 + 3 * thread : 3);
    std::vector<job_id> ids(each);
    for (int round = 0; round < test::scaled(1000); ++round) {
      const auto a = s->submit_bulk(q, kind, specs, ids);
      accepted += a.accepted;
      std::uint64_t ended_here = 0;
      for (std::size_t i = a.accepted; i > survivors; --i) {
        if (s->cancel(ids[i - 1])) ++ended_here;  // or asked: then the handler is not interested
      }
      cancelled += ended_here;
    }
  });
  ASSERT_TRUE(test::eventually([&] { return s->read_counters().ended() == accepted; },
                               std::chrono::seconds(10)))
      << accepted - s->read_counters().ended() << " jobs were lost";
  EXPECT_TRUE(test::eventually([&] { return s->health().queues[0].jobs <= 100; }));
  for (const int band : {2, 3, 5}) {
    const auto a = s->submit(q, kind, no_payload(), {.priority = priority(band)});
    ASSERT_TRUE(a);
    EXPECT_TRUE(s->wait(a.ticket.id, std::chrono::seconds(10))) << "the queue is closed";
  }
  const counters c = s->read_counters();
  EXPECT_LE(c.cancelled, cancelled.load());
  std::printf("%llu accepted, %llu cancelled\n", static_cast<unsigned long long>(c.accepted),
              static_cast<unsigned long long>(c.cancelled));
  if (!test::sanitized) {
    EXPECT_GT(c.cancelled, 20'000u) << "hardly anything was swept";
  }
}

TEST(sweeping_race, one_band_one_drain) {
  sweep_beside_drains(1, false);
}

TEST(sweeping_race, two_bands_two_drains) {
  sweep_beside_drains(2, true);
}

}  // namespace
}  // namespace pawl
