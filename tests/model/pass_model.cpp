// Passes: a start that looks at one word instead of all gates does not slip past one that has closed.
//
// What must hold: after a kind was closed and starts were waited for, none of it starts; and a thread that
// has a permit from the job before gives it back when others wait for one. Method: a starter makes starts
// by the steps of engine/runner.cpp and gating.cpp: line, word, pass or looks at the gate, a new pass; a
// closer closes, counts, waits and says so. Seeded bugs change the order on either side.
#include <gtest/gtest.h>

#include "base/membarrier.hpp"
#include "explorer/explorer.hpp"
#include "ready/board.hpp"
#include "ready/start_pass.hpp"

namespace pawl::model::pass_model {
namespace {

enum class bug : std::uint8_t {
  none,
  closer_does_not_count,
  closer_counts_first,
  starter_reads_the_count_last,
  starter_keeps_its_pass,
};

template <bug Bug>
class pass_scenario : public scenario {
 public:
  [[nodiscard]] unsigned thread_count() const override { return 2; }

  void run(unsigned thread) override {
    if (thread == 1) return close();
    for (unsigned i = 0; i < 3; ++i) start();
  }

 private:
  static constexpr std::uint64_t scopes = 7;

  void start() {
    line_.begin_start(0, true);
    const std::uint64_t changes = changes_.load(seq_cst);
    if (may_start(changes)) {
      require(!closed_, "a job starts after its kind was closed and starts were waited for");
      static_cast<void>(line_.end_start(job_id{1}, 0, UINT64_MAX, true));
    } else {
      line_.give_up_start();
    }
  }
  bool may_start(std::uint64_t changes) {
    if (pass_.lets(scopes, Bug == bug::starter_keeps_its_pass ? given_ : changes, held_, 0))
      return true;
    pass_.close();
    if (!gate_.lets_all_pass()) return false;
    given_ = Bug == bug::starter_reads_the_count_last ? changes_.load(seq_cst) : changes;
    pass_.give(scopes, given_, &gate_, nullptr, false);
    return true;
  }

  void close() {
    if (Bug == bug::closer_counts_first) changes_.fetch_add(1, seq_cst);
    gate_.put(start_gate::paused);
    if (Bug != bug::closer_counts_first && Bug != bug::closer_does_not_count) {
      changes_.fetch_add(1, seq_cst);
    }
    membarrier_all_threads();
    wait_for_start(line_);
    closed_ = true;
  }

  start_gate gate_{1};
  atomic<std::uint64_t> changes_{0};
  start_pass pass_;
  held_starts held_;
  std::uint64_t given_ = 0;
  board_line line_;
  bool closed_ = false;
};

// A kind that lets one run at a time: a thread that has the permit, and one that waits.
template <bool LooksAtTheLine>
class waiting_scenario : public scenario {
 public:
  waiting_scenario() {
    gate_.set_limits({.concurrency = 1}, 0);
    require(gate_.try_enter(), "the first permit");
    pass_.give(scopes, 0, &gate_, nullptr, false);
  }
  [[nodiscard]] unsigned thread_count() const override { return 2; }
  void run(unsigned thread) override {
    if (thread == 1) {
      gate_.note_joining();
      joined_.store(true, seq_cst);
      return;
    }
    for (unsigned i = 0; i < 2; ++i) {
      const bool somebody_waits = joined_.load(seq_cst);
      const bool starts = LooksAtTheLine ? pass_.lets(scopes, 0, held_, 0) : true;
      require(!starts || !somebody_waits, "a job starts before those that wait");
      if (!starts) return;
    }
  }

 private:
  static constexpr std::uint64_t scopes = 7;
  start_gate gate_{1};
  start_pass pass_;
  held_starts held_;
  atomic<bool> joined_{false};
};

TEST(pass_model, no_start_slips_past_a_kind_that_closed) {
  const report r = explore<pass_scenario<bug::none>>("pass: 3 starts, a pause");
  EXPECT_FALSE(r.failed) << r;
}
TEST(pass_model, who_waits_is_seen) {
  const report r = explore<waiting_scenario<true>>("pass: somebody waits");
  EXPECT_FALSE(r.failed) << r;
}

TEST(pass_model, finds_who_closes_and_does_not_count) {
  const report r =
      explore<pass_scenario<bug::closer_does_not_count>>("pass, bug: no count", enumeration_only());
  EXPECT_NE(r.failure.find("after its kind was closed"), std::string::npos) << r;
}
TEST(pass_model, finds_who_counts_before_it_closes) {
  const report r = explore<pass_scenario<bug::closer_counts_first>>("pass, bug: count, then close",
                                                                    enumeration_only());
  EXPECT_NE(r.failure.find("after its kind was closed"), std::string::npos) << r;
}
TEST(pass_model, finds_who_reads_the_count_after_the_looks) {
  const report r = explore<pass_scenario<bug::starter_reads_the_count_last>>(
      "pass, bug: look, then read", enumeration_only());
  EXPECT_NE(r.failure.find("after its kind was closed"), std::string::npos) << r;
}
TEST(pass_model, finds_who_keeps_its_pass) {
  const report r = explore<pass_scenario<bug::starter_keeps_its_pass>>("pass, bug: no compare",
                                                                       enumeration_only());
  EXPECT_NE(r.failure.find("after its kind was closed"), std::string::npos) << r;
}
TEST(pass_model, finds_who_does_not_look_at_the_line) {
  const report r =
      explore<waiting_scenario<false>>("pass, bug: no look at the line", enumeration_only());
  EXPECT_NE(r.failure.find("before those that wait"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::pass_model
