// Threads that pass numbers round and publish each step; a collector that makes cuts meanwhile. A cut
// that has a step has all before it: step n of a chain happened before step n + 1, whoever made it.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "persistence/ring_memory.hpp"
#include "support/scale.hpp"

namespace pawl {
namespace {

constexpr std::size_t owners = 2;
constexpr std::uint64_t rounds = test::sanitized ? 300 : 2'000;
constexpr std::uint64_t turn = 64;  // steps that an owner makes before the other one

struct collected {
  std::uint64_t cuts = 0;
  std::uint64_t steps = 0;
  std::uint64_t holes = 0;  // cuts that lack a step before one they have
};

// `steps` is a multiple of a round. `all_tags`: the seeded bug, a collector that looks at no tags.
collected pass_round(std::uint64_t steps, bool all_tags) {
  std::vector<std::unique_ptr<thread_ring>> rings;
  for (std::size_t i = 0; i < owners; ++i) {
    rings.push_back(
        std::make_unique<thread_ring>(ring_memory(std::move(*mirrored_memory::make(64u << 10)))));
  }
  cut_count cut(1);
  std::atomic<std::uint64_t> next{0};  // the first step of the turn that is to be made
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < owners; ++i) {
    threads.emplace_back([&, i] {
      for (std::uint64_t first = i * turn; first < steps; first += owners * turn) {
        while (next.load() != first) std::this_thread::yield();
        for (std::uint64_t step = first; step < first + turn; ++step) {
          while (!rings[i]->has_room(8)) std::this_thread::yield();
          byte_writer(rings[i]->room(8)).u64(step);
          rings[i]->publish(8, cut);
        }
        next.exchange(first + turn);
      }
    });
  }
  collected c;
  while (c.steps < steps) {
    const std::uint64_t last = cut.begin();
    std::uint64_t largest = 0;
    for (const auto& ring : rings) {
      ring->take(all_tags ? ~std::uint64_t{0} : last, [&](byte_span bytes) {
        largest = std::max(largest, byte_reader(bytes).u64() + 1);
        ++c.steps;
      });
      ring->give_back();
    }
    if (largest > c.steps) ++c.holes;
    ++c.cuts;
  }
  for (std::thread& t : threads) t.join();
  return c;
}

TEST(log_ring_stress, a_cut_has_no_holes) {
  collected c;
  // A collector that looks at no tags shows in most rounds, and not in each.
  for (int round = 0; round < (test::sanitized ? 2 : 20) && c.holes == 0; ++round) {
    c = pass_round(rounds * owners * turn, false);
  }
  std::printf("%llu steps in %llu cuts\n", static_cast<unsigned long long>(c.steps),
              static_cast<unsigned long long>(c.cuts));
  EXPECT_EQ(c.holes, 0u);
  EXPECT_GT(c.cuts, 10u);
}

// What the test is worth: one that looks at no tags is found.
TEST(log_ring_stress, finds_a_collector_that_looks_at_no_tags) {
  collected c;
  for (int round = 0; round < 50 && c.holes == 0; ++round) {
    c = pass_round(rounds * owners * turn, true);
  }
  EXPECT_GT(c.holes, 0u);
}

}  // namespace
}  // namespace pawl
