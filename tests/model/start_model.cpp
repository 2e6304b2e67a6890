// Gate and board: after the gate was closed and wait_for_start() has returned for every line, no
// job of the queue starts until the gate is opened again.
//
// What must hold: just that, for both ways to order the starter's store before its look at the
// gate: by the closer's membarrier, and by an exchange of the starter.
// Method: starters make starts as a drain does (line, gate, word, line), a closer closes, waits and
// says so. Seeded bugs leave out one of the two orders.
#include <gtest/gtest.h>

#include <array>

#include "explorer/explorer.hpp"
#include "job/word.hpp"
#include "ready/active_set.hpp"
#include "ready/board.hpp"
#include "ready/queue_gate.hpp"

namespace pawl::model::start_model {
namespace {

inline constexpr unsigned queue = 0;

struct shape {
  bool starter_asymmetric = true;
  bool closer_asymmetric = true;
  unsigned starters = 2;
  unsigned starts_each = 1;
  bool reopens = false;
};

template <shape Shape>
class start_scenario : public scenario {
 public:
  start_scenario() {
    for (word_cell& cell : words_) versions_[&cell - words_] = transition_to_ready(cell).version();
  }
  [[nodiscard]] unsigned thread_count() const override { return Shape.starters + 1; }

  void run(unsigned thread) override {
    if (thread == Shape.starters) {
      close();
      return;
    }
    for (unsigned i = 0; i < Shape.starts_each; ++i) {
      start(lines_[thread], thread * Shape.starts_each + i);
    }
  }

 private:
  static constexpr unsigned jobs = Shape.starters * Shape.starts_each;

  void start(board_line& line, unsigned job) {
    line.begin_start(queue, Shape.starter_asymmetric);
    job_word word;
    std::uint64_t brought = 0;
    const bool starts = gate_.looks_open([] {
      return false;
    }) && transition_to_running(words_[job], versions_[job], ~std::uint64_t{0}, word, brought);
    // Nobody came in between the swap of the word and this line.
    if (starts) {
      note("starts job", job);
      require(!closed_, "a job starts after the gate was closed and starts were waited for");
    }
    if (starts) {
      static_cast<void>(line.end_start(job_id{job + 1}, 0, UINT64_MAX, Shape.starter_asymmetric));
    } else {
      line.give_up_start();
    }
  }

  void close() {
    close_and_wait();
    note("closed");
    if (!Shape.reopens) return;
    closed_ = false;
    gate_.open(gate_reason::paused, active_);
    close_and_wait();
    note("closed again");
  }

  void close_and_wait() {
    gate_.close(gate_reason::paused);
    if (Shape.closer_asymmetric) membarrier_all_threads();
    for (const board_line& line : lines_) wait_for_start(line, queue);
    closed_ = true;
  }

  queue_gate gate_{queue};
  active_set active_;
  std::array<board_line, Shape.starters> lines_;
  word_cell words_[jobs];
  std::uint64_t versions_[jobs];
  bool closed_ = false;
};

constexpr shape by_membarrier{};
constexpr shape by_exchange{.starter_asymmetric = false, .closer_asymmetric = false};
constexpr shape one_after_another{.starters = 1, .starts_each = 2, .reopens = true};
constexpr shape exchanges{.starter_asymmetric = false,
                          .closer_asymmetric = false,
                          .starters = 1,
                          .starts_each = 2,
                          .reopens = true};
constexpr shape no_barrier_at_all{.closer_asymmetric = false};

TEST(start_model, membarrier_lets_no_start_slip) {
  const report r = explore<start_scenario<by_membarrier>>("start: membarrier, 2 starters");
  EXPECT_FALSE(r.failed) << r;
}
TEST(start_model, exchange_lets_no_start_slip) {
  const report r = explore<start_scenario<by_exchange>>("start: exchange, 2 starters");
  EXPECT_FALSE(r.failed) << r;
}
TEST(start_model, membarrier_close_open_close) {
  const report r = explore<start_scenario<one_after_another>>("start: membarrier, closed twice");
  EXPECT_FALSE(r.failed) << r;
}
TEST(start_model, exchange_close_open_close) {
  const report r = explore<start_scenario<exchanges>>("start: exchange, closed twice");
  EXPECT_FALSE(r.failed) << r;
}
TEST(start_model, finds_that_nobody_orders_the_start) {
  const report r =
      explore<start_scenario<no_barrier_at_all>>("start, bug: neither barrier", enumeration_only());
  EXPECT_NE(r.failure.find("starts after the gate"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::start_model
