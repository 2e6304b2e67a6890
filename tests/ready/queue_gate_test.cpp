// A queue that may start jobs and has some is active. Methods: random steps on one thread with the
// invariant checked after each; threads that push, pick, close and open, with nothing left at the
// end. All interleavings at toy size: tests/model/gate_model.cpp.
#include "ready/queue_gate.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "ready/ready_queue.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::below;
using test::scaled;

constexpr std::array reasons{gate_reason::paused, gate_reason::stopping, gate_reason::no_dispatch};

TEST(queue_gate, an_open_queue_with_jobs_is_active_after_every_step) {
  // The bands are plain numbers; a picker only looks at queues that the active set names.
  test::random_source random(test::fresh_seed());
  constexpr unsigned queue = 77;
  const auto active = std::make_unique<active_set>();
  queue_gate gate(queue);
  std::array<int, priority_count> jobs{};
  std::uint32_t closed = 0;
  const auto is_active = [&](unsigned band) { return active->next(band, queue) == queue; };
  for (int step = 0; step < scaled(100'000); ++step) {
    const auto band = below<unsigned>(random, priority_count);
    const gate_reason reason = reasons[below<std::size_t>(random, reasons.size())];
    const auto bit = static_cast<std::uint32_t>(reason);
    switch (below<int>(random, 6)) {
      case 0:
        ++jobs[band];
        gate.announce(band, *active);
        break;
      case 1:
        ASSERT_EQ(gate.close(reason), (closed & bit) == 0);
        closed |= bit;
        break;
      case 2: {
        closed &= ~bit;
        const bool told = gate.open(reason, *active);
        if (closed != 0) {
          ASSERT_FALSE(told);
        }
        break;
      }
      default:  // pick
        if (!is_active(band)) break;
        if (!gate.is_open()) {
          ASSERT_FALSE(gate.retire_closed(band, *active));
          ASSERT_FALSE(is_active(band)) << "a closed queue is not polled";
        } else if (jobs[band] > 0) {
          --jobs[band];
        } else {
          ASSERT_FALSE(gate.retire_empty(band, *active, [&] { return jobs[band] > 0; }));
          ASSERT_FALSE(is_active(band));
        }
        break;
    }
    ASSERT_EQ(gate.is_open(), closed == 0);
    ASSERT_EQ(gate.looks_open([] { return false; }), closed == 0);
    ASSERT_EQ(gate.is_closed_for(reason), (closed & bit) != 0);
    for (unsigned b = 0; b < priority_count; ++b) {
      if (jobs[b] > 0 && closed == 0) {
        ASSERT_TRUE(is_active(b)) << "step " << step;
      }
    }
  }
}

TEST(queue_gate, retiring_looks_again_and_arms_the_queue_when_something_came) {
  const auto active = std::make_unique<active_set>();
  queue_gate gate(5);
  gate.announce(2, *active);
  ASSERT_TRUE(gate.retire_empty(2, *active, [] { return true; }));
  EXPECT_EQ(active->next(2, 0), 5u);
}

TEST(queue_gate, nothing_is_left_behind_by_threads_that_push_pick_close_and_open) {
  // Two pushers, two pickers, one thread that closes and opens. After a last open() every job is
  // found through the active set.
  const int jobs = scaled(100'000);
  const auto active = std::make_unique<active_set>();
  ready_queue queue(9, "q", queue_options{});
  std::atomic<int> taken{0};
  std::atomic<bool> pushed_all{false};
  std::atomic<bool> wrong{false};
  std::vector<std::thread> pushers;
  for (unsigned p = 0; p < 2; ++p) {
    pushers.emplace_back([&] {
      std::vector<band::producer> tokens;
      for (unsigned b = 0; b < 2; ++b) tokens.push_back(queue.band_of(b).make_producer());
      for (int i = 0; i < jobs; ++i) {
        const unsigned b = static_cast<unsigned>(i) % 2;
        queue.band_of(b).push(tokens[b], 1);
        queue.gate().announce(b, *active);
      }
    });
  }
  std::vector<std::thread> pickers;
  for (unsigned p = 0; p < 2; ++p) {
    pickers.emplace_back([&] {
      std::vector<band::consumer> tokens;
      for (unsigned b = 0; b < 2; ++b) tokens.push_back(queue.band_of(b).make_consumer());
      std::array<std::uint64_t, 8> places{};
      while (taken.load() < 2 * jobs && !wrong.load()) {
        bool nothing = true;
        for (unsigned b = 0; b < 2; ++b) {
          if (active->next(b, 0) != 9) continue;
          nothing = false;
          if (!queue.gate().is_open()) {
            queue.gate().retire_closed(b, *active);
            continue;
          }
          const std::size_t n = queue.band_of(b).pop(tokens[b], places);
          taken += static_cast<int>(n);
          if (n == 0) queue.gate().retire_empty(b, *active, [&] { return queue.band_has_jobs(b); });
        }
        if (nothing) std::this_thread::sleep_for(std::chrono::microseconds(10));
      }
    });
  }
  std::thread closer([&] {
    while (!pushed_all.load()) {
      queue.gate().close(gate_reason::paused);
      for (int i = 0; i < 50; ++i) cpu_pause();
      queue.gate().open(gate_reason::paused, *active);
      for (int i = 0; i < 200; ++i) cpu_pause();
    }
  });
  for (std::thread& t : pushers) t.join();
  pushed_all = true;
  closer.join();
  EXPECT_TRUE(test::eventually([&] { return taken.load() == 2 * jobs; }));
  wrong = taken.load() != 2 * jobs;
  for (std::thread& t : pickers) t.join();
}

}  // namespace
}  // namespace pawl
