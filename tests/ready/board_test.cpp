// No start passes a gate that closed before it. Method: threads that start by the protocol, one that
// closes the gate and then counts; with the asymmetric barrier and without. All interleavings:
// tests/model/start_model.cpp.
#include "ready/board.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "ready/queue_gate.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::scaled;

TEST(board_line, says_what_it_starts_and_what_runs) {
  board_line line;
  EXPECT_FALSE(line.is_starting(0));
  line.begin_start(0, true);
  EXPECT_TRUE(line.is_starting(0));
  EXPECT_FALSE(line.is_starting(1));
  EXPECT_FALSE(line.end_start(job_id{9}, 100, UINT64_MAX, true)) << "no deadline";
  EXPECT_EQ(line.started_ns(), 100u);
  EXPECT_FALSE(line.is_starting(0));
  EXPECT_EQ(line.running(), job_id{9});
  line.clear_running();
  EXPECT_EQ(line.running(), job_id{});
  line.begin_start(4095, false);
  EXPECT_TRUE(line.is_starting(4095));
  line.give_up_start();
}

TEST(board_line, a_deadline_before_the_next_look_must_be_told) {
  for (const bool asymmetric : {false, true}) {
    board_line line;
    EXPECT_TRUE(line.end_start(job_id{9}, 100, 200, asymmetric)) << "nobody looks yet";
    line.watch(200);
    EXPECT_EQ(line.deadline_ns(), 200u);
    EXPECT_FALSE(line.end_start(job_id{9}, 110, 210, asymmetric)) << "seen at 200";
    EXPECT_TRUE(line.end_start(job_id{9}, 120, 199, asymmetric));
  }
}

void no_start_after_close(bool asymmetric) {
  const auto active = std::make_unique<active_set>();
  queue_gate gate(3);
  std::array<board_line, 3> lines;
  std::array<std::atomic<long>, 3> starts{};
  std::atomic<bool> stop{false};
  std::vector<std::thread> starters;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    starters.emplace_back([&, i] {
      while (!stop.load(std::memory_order_relaxed)) {
        lines[i].begin_start(3, asymmetric);
        if (gate.looks_open([] { return false; }))
          starts[i].fetch_add(1, std::memory_order_relaxed);
        lines[i].give_up_start();
      }
    });
  }
  const auto sum = [&] {
    long all = 0;
    for (const auto& s : starts) all += s.load(std::memory_order_relaxed);
    return all;
  };
  long last_open = 0;
  for (int round = 0; round < scaled(500); ++round) {
    gate.close(gate_reason::paused);
    if (asymmetric) membarrier_all_threads();
    for (const board_line& line : lines) wait_for_start(line, 3);
    const long before = sum();
    for (int i = 0; i < 300; ++i) cpu_pause();
    EXPECT_EQ(sum(), before) << "round " << round;
    gate.open(gate_reason::paused, *active);
    last_open = before;
    for (int i = 0; i < 300; ++i) cpu_pause();
  }
  EXPECT_TRUE(test::eventually([&] { return sum() > last_open; })) << "they do start when open";
  stop = true;
  for (std::thread& t : starters) t.join();
}

TEST(start_protocol, nothing_starts_after_close_with_membarrier) {
  if (!membarrier_register()) GTEST_SKIP() << "membarrier(2) is refused here";
  no_start_after_close(true);
}

TEST(start_protocol, nothing_starts_after_close_without_membarrier) {
  no_start_after_close(false);
}

}  // namespace
}  // namespace pawl
