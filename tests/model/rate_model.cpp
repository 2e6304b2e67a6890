// Starts taken ahead of a rate, beside threads that take one at a time, while time passes.
//
// What must hold: in no span of time more start than burst and rate allow, by the times at which they start;
// and a queue that was refused a start opens again, or a timer is set, whatever becomes of the starts that
// others hold. Method: a thread takes two starts ahead and uses the second one later; others take starts one
// at a time until they are refused, or undo one; the clock is moved by another thread. At rest every span is
// looked at. Seeded bugs: starts that are held without being taken ahead, or used after their span, and a
// refused queue that does not look again.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "explorer/explorer.hpp"
#include "ready/active_set.hpp"
#include "ready/permits.hpp"
#include "ready/queue_gate.hpp"

namespace pawl::model::rate_model {
namespace {

enum class bug : std::uint8_t {
  none,
  holds_what_it_took_singly,
  uses_after_the_span,
  does_not_look_again,
};

constexpr std::uint64_t interval = 10;
constexpr std::uint64_t span = 20;
constexpr std::uint32_t burst = 17;  // a quarter of it is the span and two starts
constexpr limits toy_rate{.rate = {100'000'000, std::chrono::seconds(1), burst}};

template <bool Undoes, bug Bug>
class span_scenario : public scenario {
 public:
  span_scenario() { rate_.set(toy_rate, 0); }
  [[nodiscard]] unsigned thread_count() const override { return 3; }

  void run(unsigned thread) override {
    switch (thread) {
      case 0:
        return take_ahead();
      case 1:
        return take_all();
      default:
        for (int i = 0; i < 2; ++i) now_.fetch_add(span, seq_cst);
    }
  }

  void at_rest() override {
    std::sort(starts_.begin(), starts_.end());
    for (std::size_t i = 0; i < starts_.size(); ++i) {
      for (std::size_t j = i + burst; j < starts_.size(); ++j) {
        require((j - i + 1 - burst) * interval <= starts_[j] - starts_[i], "a start too many");
      }
    }
  }

 private:
  void take_ahead() {
    permits::step made;
    const std::uint64_t now = now_.load(seq_cst);
    if (Bug == bug::holds_what_it_took_singly) {
      if (rate_.try_start(now, made) != 0 || rate_.try_start(now, made) != 0) return;
    } else if (!rate_.try_take_ahead(now, now + span, 2, made)) {
      return;
    }
    starts_.push_back(now);
    const std::uint64_t later = now_.load(seq_cst);
    if (Bug == bug::uses_after_the_span || later <= now + span) starts_.push_back(later);
  }
  void take_all() {
    permits::step made;
    if (Undoes) {
      if (rate_.try_start(now_.load(seq_cst), made) == 0) rate_.undo(made);
    }
    const std::uint64_t now = now_.load(seq_cst);
    while (rate_.try_start(now, made) == 0) starts_.push_back(now);
  }

  permits rate_;
  atomic<std::uint64_t> now_{1'000};
  std::vector<std::uint64_t> starts_;
};

// A queue whose rate lets one start: a thread counts a start that does not happen after all.
template <bug Bug>
class refused_scenario : public scenario {
 public:
  refused_scenario() { rate_.set({.rate = {1, std::chrono::hours(1), 1}}, 0); }
  [[nodiscard]] unsigned thread_count() const override { return 2; }

  void run(unsigned thread) override {
    permits::step made;
    if (thread == 0) {
      if (rate_.try_start(now_ns, made) == 0) rate_.undo(made);
      return;
    }
    if (rate_.try_start(now_ns, made) == 0) return;
    gate_.close(gate_reason::at_rate);
    if (Bug == bug::does_not_look_again) return;
    const std::uint64_t ask_at = rate_.starts_ready_at(now_ns, 1);
    if (ask_at == 0) {
      gate_.open(gate_reason::at_rate, active_);
    } else {
      has_timer_ = true;
    }
  }
  void at_rest() override {
    require(gate_.is_open() || has_timer_, "the queue stays closed and nobody will open it");
  }

 private:
  static constexpr std::uint64_t now_ns = 1'000'000'000;
  permits rate_;
  queue_gate gate_{0};
  active_set active_;
  bool has_timer_ = false;
};

// A rate is set twice while a thread starts what it may: one by the first rate, another one by the last. By the
// interval of the first and the burst of the last there would be room for a third.
class changing_scenario : public scenario {
 public:
  changing_scenario() { rate_.set({.rate = {100'000'000, std::chrono::seconds(1), 1}}, now_ns); }
  [[nodiscard]] unsigned thread_count() const override { return 2; }

  void run(unsigned thread) override {
    if (thread == 0) {
      rate_.set({.rate = {1'000'000, std::chrono::seconds(1), 1}}, now_ns);
      rate_.set({.rate = {1'000'000, std::chrono::seconds(1), 2}}, now_ns);
      return;
    }
    permits::step made;
    while (started_ < 6 && rate_.try_start(now_ns, made) == 0) ++started_;
  }
  void at_rest() override { require(started_ <= 2, "a start that no rate has let through"); }

 private:
  static constexpr std::uint64_t now_ns = 1'000'000'000;
  permits rate_;
  unsigned started_ = 0;
};

TEST(rate_model, no_start_goes_by_the_interval_of_one_rate_and_the_burst_of_another) {
  const report r = explore<changing_scenario>("rate: set twice");
  EXPECT_FALSE(r.failed) << r;
}

TEST(rate_model, a_start_that_is_held_is_not_one_too_many) {
  const report r = explore<span_scenario<false, bug::none>>("rate: taken ahead");
  EXPECT_FALSE(r.failed) << r;
}
TEST(rate_model, nor_is_one_beside_a_start_that_did_not_happen) {
  const report r = explore<span_scenario<true, bug::none>>("rate: taken ahead, one undone");
  EXPECT_FALSE(r.failed) << r;
}
TEST(rate_model, who_was_refused_for_a_start_that_did_not_happen_goes_on) {
  const report r = explore<refused_scenario<bug::none>>("rate: refused, then undone");
  EXPECT_FALSE(r.failed) << r;
}

TEST(rate_model, finds_who_holds_what_was_not_taken_ahead) {
  const report r = explore<span_scenario<false, bug::holds_what_it_took_singly>>(
      "rate, bug: not ahead", enumeration_only());
  EXPECT_NE(r.failure.find("a start too many"), std::string::npos) << r;
}
TEST(rate_model, finds_who_uses_a_start_after_its_span) {
  const report r = explore<span_scenario<false, bug::uses_after_the_span>>("rate, bug: too late",
                                                                           enumeration_only());
  EXPECT_NE(r.failure.find("a start too many"), std::string::npos) << r;
}
TEST(rate_model, finds_a_queue_that_is_closed_without_another_look) {
  const report r =
      explore<refused_scenario<bug::does_not_look_again>>("rate, bug: no look", enumeration_only());
  EXPECT_NE(r.failure.find("stays closed"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::rate_model
