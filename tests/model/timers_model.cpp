// The sleep of the timer thread: nobody's entry is overslept.
//
// What must hold: when everybody is at rest the timer thread is armed for no later than the earliest
// entry, in the inbox or in the wheel, and than the watchdog's next look; nothing due is left. Who
// takes the news is in order after all whose news they are.
// Method: adders, drains that pass and turn the wheel, a start that the watchdog is told of, one who
// sets the wall clock, by which an entry comes sooner, and the timer thread as in engine.cpp. Time
// stands still: what is due later is never reached, so what the timer thread sleeps until is there to
// be looked at. The wheel is a list, plain data that [held] must order; the inbox is a lane for each
// thread. Seeded bugs replace one step each.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "base/futex.hpp"
#include "engine/timer_sleep.hpp"
#include "explorer/explorer.hpp"

namespace pawl::model::timers_model {
namespace {

inline constexpr std::uint64_t never = UINT64_MAX;
inline constexpr std::uint64_t now = 1;

// A wake before the sleep ends the next one, as with an eventfd; so does setting the wall clock.
class toy_alarm {
 public:
  void wake() noexcept { ring(1); }
  void clock_was_set() noexcept { ring(2); }
  // True: the wall clock was set.
  bool sleep() noexcept {
    while (signal_.load(seq_cst) == 0) futex_wait(signal_, 0);
    return (signal_.exchange(0, seq_cst) & 2) != 0;
  }

 private:
  void ring(std::uint32_t why) noexcept {
    signal_.fetch_or(why, seq_cst);
    futex_wake_one(signal_);
  }

  atomic<std::uint32_t> signal_{0};
};

// One producer; one consumer at a time.
class toy_inbox {
 public:
  void push(unsigned entry) noexcept {
    const std::uint32_t tail = tail_.load(relaxed);
    entries_[tail] = entry;
    tail_.store(tail + 1, release);
  }
  bool try_pop(unsigned& entry) noexcept {
    if (tail_.load(acquire) == head_) return false;
    entry = entries_[head_];
    head_ = head_ + 1;
    return true;
  }

 private:
  atomic<std::uint32_t> tail_{0};
  plain<std::uint32_t> head_{0};
  plain<unsigned> entries_[4];
};

enum class bug : std::uint8_t {
  none,
  clears_after_the_pop,
  looks_before_it_tells,
  arms_without_a_second_look,
  lets_go_without_a_look,
  leaves_news_in_silence,
  leaves_news_by_a_store,
  tells_by_a_store,
  arms_by_a_store,
  publishes_by_a_store,
  forgets_that_the_clock_was_set,
  lends_a_hand_in_silence,
};

// The protocol once more, with one step wrong.
template <bug Bug>
class bent_sleep {
 public:
  explicit bent_sleep(toy_alarm* wakes) noexcept : wakes_(*wakes) {}

  void tell(std::uint64_t due_ns) noexcept {
    if (Bug == bug::looks_before_it_tells) wake_for(due_ns);
    if (Bug == bug::tells_by_a_store) {
      waiting_.store(true, release);
    } else {
      waiting_.exchange(true, seq_cst);
    }
    if (Bug != bug::looks_before_it_tells) wake_for(due_ns);
  }
  void wake_for(std::uint64_t due_ns) noexcept {
    std::uint64_t armed = armed_.load(seq_cst);
    if (due_ns < armed && armed_.compare_exchange_strong(armed, 0, seq_cst)) wakes_.wake();
  }
  bool try_hold() noexcept { return !held_.exchange(true, acquire); }
  void take_news() noexcept { waiting_.exchange(false, seq_cst); }
  void leave_news() noexcept {
    if (Bug == bug::leaves_news_by_a_store) {
      waiting_.store(true, seq_cst);
    } else {
      waiting_.exchange(true, seq_cst);
    }
    left_ = Bug != bug::leaves_news_in_silence;
  }
  void let_go(std::uint64_t next_ns) noexcept {
    const bool left = left_;
    left_ = false;
    if (left) next_ns = 0;
    next_.store(next_ns, Bug == bug::publishes_by_a_store ? release : seq_cst);
    held_.store(false, release);
    if (Bug != bug::lets_go_without_a_look) wake_for(next_ns);
  }
  template <class Other>
  std::uint64_t prepare_to_sleep(Other other_ns) noexcept {
    const auto next = [&] { return std::min(next_.load(seq_cst), other_ns()); };
    const std::uint64_t until = next();
    armed_.store(until, Bug == bug::arms_by_a_store ? release : seq_cst);
    if (!waiting_.load(seq_cst) && (Bug == bug::arms_without_a_second_look || next() >= until)) {
      return until;
    }
    armed_.store(0, seq_cst);
    return 0;
  }
  void woken() noexcept { armed_.store(0, seq_cst); }
  [[nodiscard]] bool has_news() const noexcept { return waiting_.load(relaxed); }
  [[nodiscard]] bool is_due(std::uint64_t t) const noexcept { return next_.load(relaxed) <= t; }
  [[nodiscard]] std::uint64_t next_ns() const noexcept {
    return waiting_.load(seq_cst) ? 0 : next_.load(seq_cst);
  }

 private:
  toy_alarm& wakes_;
  atomic<bool> held_{false};
  plain<bool> left_{false};
  atomic<std::uint64_t> next_{never};
  atomic<std::uint64_t> armed_{0};
  atomic<bool> waiting_{false};
};

struct shape {
  unsigned adders = 1;
  unsigned adds_each = 1;
  std::array<std::uint64_t, 4> dues = {10, 20, 10, 20};  // entry a * adds_each + i is adder a's
  unsigned drains = 1;
  unsigned steps_each = 1;
  unsigned starters = 0;
  std::uint64_t deadline = 5;      // of the starter
  std::uint64_t in_wheel = never;  // an entry that is there from the beginning
  std::uint64_t moves_to = never;  // when the clock has been set, with this due time to the inbox
  bool sets_clock = false;         // meanwhile; else before all
  unsigned pops_max = 4;           // of a step
  bool lends_a_hand = false;       // who adds empties the inbox himself
};

template <shape Shape, class Sleep, bug Bug = bug::none>
class timers_scenario : public scenario {
 public:
  timers_scenario() {
    for (unsigned e = 0; e < added; ++e) due_[e] = Shape.dues[e];
    due_[added] = Shape.in_wheel;
    is_in_wheel_[added] = Shape.in_wheel != never;
    is_clock_set_.store(Shape.moves_to != never && !Shape.sets_clock, seq_cst);
    sleep_.try_hold();
    sleep_.let_go(Shape.in_wheel);
  }
  [[nodiscard]] unsigned thread_count() const override { return timer + 1; }
  [[nodiscard]] bool may_sleep(unsigned thread) const override { return thread == timer; }

  void run(unsigned thread) override {
    if (thread < Shape.adders) {
      for (unsigned i = 0; i < Shape.adds_each; ++i) add(thread, thread * Shape.adds_each + i);
      if (Shape.lends_a_hand) lend_a_hand();
    } else if (thread < Shape.adders + Shape.drains) {
      for (unsigned i = 0; i < Shape.steps_each; ++i) {
        if (sleep_.has_news() || sleep_.is_due(now)) step(thread);
      }
    } else if (thread < setter) {
      expect(Shape.deadline);
    } else if (thread < timer) {
      is_clock_set_.store(true, seq_cst);
      alarm_.clock_was_set();
    } else {
      run_timer();
    }
  }

  void at_rest() override {
    for (unsigned e = 0; e < entries; ++e) {
      require(is_fired_[e] || due_[e] > now, "an entry that is due is left");
      require(is_fired_[e] || asleep_until_ <= due_[e], "the timer thread oversleeps an entry");
    }
    require(asleep_until_ <= Shape.moves_to, "the timer thread oversleeps the wall clock");
    require(asleep_until_ <= watched_.load(relaxed), "the timer thread oversleeps the watchdog");
  }

 private:
  static constexpr unsigned added = Shape.adders * Shape.adds_each;
  static constexpr unsigned entries = added + 1;
  static constexpr unsigned setter = Shape.adders + Shape.drains + Shape.starters;
  static constexpr unsigned timer = setter + Shape.sets_clock;

  void add(unsigned self, unsigned entry) {
    pushed_[entry] = 1;
    inboxes_[self].push(entry);
    sleep_.tell(due_[entry]);
    is_told_[entry] = true;
  }

  // timers::step().
  bool step(unsigned self) {
    if (!sleep_.try_hold()) return false;
    const bool had_news = sleep_.has_news();
    const bool was_due = sleep_.is_due(now);
    if (had_news) empty_inbox();
    const bool moves = !has_seen_clock_ && is_clock_set_.load(relaxed);
    if (moves) has_seen_clock_ = true;
    std::uint64_t next = never;
    for (unsigned e = 0; e < entries; ++e) {
      if (!is_in_wheel_[e]) continue;
      if (due_[e] <= now) {
        is_in_wheel_[e] = false;
        require(!is_fired_[e], "an entry fires twice");
        is_fired_[e] = true;
      } else if (moves && e == added) {
        is_in_wheel_[e] = false;
        due_[e] = Shape.moves_to;
        inboxes_[self].push(e);
        sleep_.leave_news();
      } else {
        next = std::min(next, due_[e]);
      }
    }
    sleep_.let_go(next);
    return had_news || was_due;
  }

  // timers::lend_a_hand(): what is due is left to whoever steps next.
  void lend_a_hand() {
    if (!sleep_.try_hold()) return;
    for (int i = 0; i < 2 && sleep_.has_news(); ++i) empty_inbox();
    sleep_.let_go(Bug == bug::lends_a_hand_in_silence ? never : 0);
  }

  void empty_inbox() {
    // Whose news they are, as far as anybody can say so.
    const std::array<bool, entries> told = is_told_;
    if (Bug != bug::clears_after_the_pop) {
      sleep_.take_news();
      for (unsigned e = 0; e < added; ++e) {
        if (told[e]) require(pushed_[e] == 1, "news of nothing");
      }
    }
    unsigned left = Shape.pops_max;
    for (toy_inbox& inbox : inboxes_) {
      unsigned entry = 0;
      while (left > 0 && inbox.try_pop(entry)) {
        require(entry < entries && !is_in_wheel_[entry], "an entry that nobody brought");
        is_in_wheel_[entry] = true;
        --left;
      }
    }
    if (Bug == bug::clears_after_the_pop) sleep_.take_news();
    if (left == 0) sleep_.leave_news();
  }

  // watchdog::expect().
  void expect(std::uint64_t deadline) {
    std::uint64_t next = watched_.load(seq_cst);
    while (deadline < next && !watched_.compare_exchange_weak(next, deadline, seq_cst)) {
    }
    sleep_.wake_for(deadline);
  }

  // engine::run_timer().
  void run_timer() {
    for (;;) {
      if (step(timer) && sleep_.next_ns() <= now) continue;
      const std::uint64_t until =
          sleep_.prepare_to_sleep([this] { return watched_.load(seq_cst); });
      if (until > now) {
        asleep_until_ = until;
        const bool was_set = alarm_.sleep();
        asleep_until_ = 0;
        // The step may be refused, and who holds the wheel may have looked at the clock before.
        if (was_set && Bug != bug::forgets_that_the_clock_was_set) sleep_.tell(0);
      } else {
        cpu_pause();  // somebody else is at it, or has left something
      }
      sleep_.woken();
    }
  }

  toy_alarm alarm_;
  Sleep sleep_{&alarm_};
  toy_inbox inboxes_[timer + 1];  // one a thread
  plain<unsigned> pushed_[entries];
  plain<bool> is_in_wheel_[entries];
  plain<bool> has_seen_clock_{false};
  atomic<bool> is_clock_set_{false};
  atomic<std::uint64_t> watched_{never};
  // Nobody's memory.
  std::uint64_t due_[entries];
  std::array<bool, entries> is_told_{};
  bool is_fired_[entries] = {};
  std::uint64_t asleep_until_ = 0;
};

using real_sleep = timer_sleep<toy_alarm>;
template <shape Shape>
using real = timers_scenario<Shape, real_sleep>;
template <shape Shape, bug Bug>
using bent = timers_scenario<Shape, bent_sleep<Bug>, Bug>;

constexpr shape one_adder{};
constexpr shape two_entries{.adds_each = 2, .dues = {20, 10}};
constexpr shape two_adders{.adders = 2, .dues = {20, 10}, .in_wheel = 15};
constexpr shape due_already{.adders = 2, .dues = {10, 0}, .in_wheel = 15};
constexpr shape full_inbox{.adders = 2, .dues = {20, 10}, .in_wheel = 15, .pops_max = 1};
constexpr shape clock_set{.dues = {20}, .in_wheel = 15, .moves_to = 5};
constexpr shape clock_set_meanwhile{
    .dues = {20}, .in_wheel = 15, .moves_to = 5, .sets_clock = true};
constexpr shape watched_start{.starters = 1, .in_wheel = 15};
constexpr shape two_drains{.drains = 2, .in_wheel = 15};
constexpr shape helping_adder{.adds_each = 2, .dues = {20, 10}, .lends_a_hand = true};
constexpr shape helping_adders{
    .adders = 2, .dues = {20, 0}, .drains = 0, .in_wheel = 15, .pops_max = 1, .lends_a_hand = true};
constexpr shape passes_twice{.adds_each = 2, .dues = {20, 10}, .steps_each = 2, .pops_max = 1};

void expect_all_well(const report& r) {
  EXPECT_FALSE(r.failed) << r;
}

TEST(timers_model, an_adder_is_not_overslept) {
  expect_all_well(explore<real<one_adder>>("timers: 1 adder, 1 drain"));
}
TEST(timers_model, two_entries_of_one_adder) {
  expect_all_well(explore<real<two_entries>>("timers: 1 adder of 2, 1 drain"));
}
TEST(timers_model, two_adders_are_not_overslept) {
  expect_all_well(explore<real<two_adders>>("timers: 2 adders, 1 drain"));
}
TEST(timers_model, what_is_due_already_fires) {
  expect_all_well(explore<real<due_already>>("timers: 2 adders, one is late"));
}
TEST(timers_model, what_is_left_in_the_inbox_is_not_overslept) {
  expect_all_well(explore<real<full_inbox>>("timers: 2 adders, a full inbox"));
}
TEST(timers_model, a_drain_that_passes_twice) {
  expect_all_well(explore<real<passes_twice>>("timers: a full inbox, 2 passes"));
}
TEST(timers_model, what_a_turn_moves_is_not_overslept) {
  expect_all_well(explore<real<clock_set>>("timers: the wall clock is set"));
}
TEST(timers_model, the_wall_clock_is_not_overslept) {
  expect_all_well(explore<real<clock_set_meanwhile>>("timers: the wall clock is set meanwhile"));
}
TEST(timers_model, the_watchdog_is_not_overslept) {
  expect_all_well(explore<real<watched_start>>("timers: a watched start"));
}
TEST(timers_model, two_drains_pass) {
  expect_all_well(explore<real<two_drains>>("timers: 2 drains"));
}
TEST(timers_model, an_adder_who_lends_a_hand_is_not_overslept) {
  expect_all_well(explore<real<helping_adder>>("timers: 1 adder lends a hand, 1 drain"));
}
TEST(timers_model, two_adders_who_lend_a_hand_are_not_overslept) {
  expect_all_well(explore<real<helping_adders>>("timers: 2 adders lend a hand"));
}

template <shape Shape, bug Bug>
void expect_found(const std::string& name, const char* what) {
  const report r = explore<bent<Shape, Bug>>("timers, bug: " + name, enumeration_only());
  EXPECT_NE(r.failure.find(what), std::string::npos) << r;
}

TEST(timers_model, finds_a_flag_cleared_after_the_pop) {
  expect_found<two_entries, bug::clears_after_the_pop>("cleared after the pop", "oversleeps");
}
TEST(timers_model, finds_a_look_before_the_flag) {
  expect_found<one_adder, bug::looks_before_it_tells>("looks, then tells", "oversleeps");
}
TEST(timers_model, finds_a_missing_second_look) {
  expect_found<one_adder, bug::arms_without_a_second_look>("no second look", "oversleeps");
}
TEST(timers_model, finds_a_holder_that_does_not_look) {
  expect_found<one_adder, bug::lets_go_without_a_look>("published in silence", "oversleeps");
}
TEST(timers_model, finds_news_left_in_silence) {
  expect_found<full_inbox, bug::leaves_news_in_silence>("left in silence", "oversleeps");
}
TEST(timers_model, finds_a_moved_entry_left_in_silence) {
  expect_found<clock_set, bug::leaves_news_in_silence>("moved in silence", "oversleeps");
}
TEST(timers_model, finds_news_that_are_in_no_order) {
  expect_found<passes_twice, bug::leaves_news_by_a_store>("left by a store", "data race");
}
TEST(timers_model, finds_a_wall_clock_forgotten) {
  expect_found<clock_set_meanwhile, bug::forgets_that_the_clock_was_set>("clock forgotten",
                                                                         "oversleeps");
}
TEST(timers_model, finds_a_hand_lent_in_silence) {
  expect_found<helping_adder, bug::lends_a_hand_in_silence>("hand lent in silence", "oversleeps");
}
TEST(timers_model, finds_a_store_of_the_flag) {
  expect_found<one_adder, bug::tells_by_a_store>("tells by a store", "oversleeps");
}
TEST(timers_model, finds_a_store_of_the_time_armed) {
  expect_found<one_adder, bug::arms_by_a_store>("arms by a store", "oversleeps");
}
TEST(timers_model, finds_a_store_of_the_next_time) {
  expect_found<one_adder, bug::publishes_by_a_store>("publishes by a store", "oversleeps");
}

}  // namespace
}  // namespace pawl::model::timers_model
