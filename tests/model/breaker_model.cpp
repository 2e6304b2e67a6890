// A breaker that may be tried again: no more trials than the rule says, and nobody is left waiting.
//
// What must hold: at rest every job was started once, or waits for a breaker that has opened again, and a
// timer is set; while it is half open no more trials are out than may be. Method: the breaker is open and
// its time is over. Threads start a job each by the steps of engine/gating.cpp and breaking.cpp: try, or
// join the line under the lock after one more look; tell what became of it, then look at the line. Another
// one gives it a new rule (engine/breaker_verbs.cpp), by which it is not to be open for longer. The mutex is
// a toy, the line an array. Seeded bugs leave out one step each.
#include <gtest/gtest.h>

#include "explorer/explorer.hpp"
#include "ready/breaker.hpp"
#include "toy_mutex.hpp"

namespace pawl::model::breaker_model {
namespace {

enum class bug : std::uint8_t {
  none,
  does_not_look_again,
  joins_after_the_look,
  ends_without_a_look,
  sets_no_timer,
  takes_a_trial_in_two_steps,
  changes_without_a_look,
};

enum class new_rule : std::uint8_t { none, taken_away, one_trial, opens_briefly };

struct shape {
  unsigned jobs = 2;
  unsigned trials = 1;
  unsigned failing = 0;    // jobs whose attempts fail, as bits
  unsigned pointless = 0;  // and that do not count
  new_rule changes = new_rule::none;
  bool is_closed = false;  // to begin with
};

template <shape Shape, bug Bug>
class breaker_scenario : public scenario {
 public:
  breaker_scenario() {
    if (Shape.is_closed) return;
    breaker::attempt a;
    static_cast<void>(breaker_.try_start(0, a));
    static_cast<void>(breaker_.end(a.epoch, {.counts = true, .failed = true}, 0));
  }
  [[nodiscard]] unsigned thread_count() const override {
    return Shape.jobs + (Shape.changes != new_rule::none ? 1 : 0);
  }

  void run(unsigned thread) override {
    if (thread < Shape.jobs) return go(thread);
    static_cast<void>(breaker_.set_rule(rule_after(), now_ns));
    if (Bug != bug::changes_without_a_look && says_waiting_.load(seq_cst) != 0) admit();
  }

  void at_rest() override {
    if (breaker_.ask_at(now_ns) != 0) {
      const auto latest = now_ns + static_cast<std::uint64_t>(rule_after().open_for.count());
      require(breaker_.ask_at(now_ns) < latest + 65'536, "open for longer than its rule says");
      require(waiting_ == 0 || has_timer_, "jobs wait for the time and there is no timer");
    } else {
      require(waiting_ == 0, "a job waits and nobody will look");
    }
    for (unsigned i = 0; i < Shape.jobs; ++i) {
      bool waits = false;
      for (unsigned j = 0; j < waiting_; ++j) waits = waits || line_[j] == i;
      require(started_[i] + (waits ? 1 : 0) == 1, "neither started once nor in the line");
    }
  }

 private:
  static constexpr std::uint64_t now_ns = 1'000'000'000;
  static constexpr breaker_rule rule{.window = 1,
                                     .attempts_min = 1,
                                     .open_for = std::chrono::milliseconds(1),
                                     .trials = Shape.trials};
  static constexpr breaker_rule rule_after() {
    breaker_rule r = rule;
    if (Shape.changes == new_rule::taken_away) r.window = 0;
    if (Shape.changes == new_rule::one_trial) r.trials = 1;
    if (Shape.changes == new_rule::opens_briefly) r.open_for = std::chrono::microseconds(100);
    return r;
  }

  void go(unsigned job) {
    breaker::attempt a;
    while (!starts(a)) {
      if (joins(job)) return;
    }
    attempt(job, a.epoch);
  }

  bool starts(breaker::attempt& a) {
    if (Bug == bug::takes_a_trial_in_two_steps) {
      const bool may = breaker_.starts_ready(now_ns, 1) != 0;
      if (may) static_cast<void>(breaker_.try_start(now_ns, a));
      return may;
    }
    return breaker_.try_start(now_ns, a);
  }

  // False: the way has become free.
  bool joins(unsigned job) {
    lock_.lock();
    if (Bug != bug::joins_after_the_look) says_waiting_.fetch_add(1, seq_cst);
    const bool is_free = Bug != bug::does_not_look_again && breaker_.starts_ready(now_ns, 1) != 0;
    if (Bug == bug::joins_after_the_look) says_waiting_.fetch_add(1, seq_cst);
    if (is_free) {
      says_waiting_.fetch_sub(1, seq_cst);
    } else {
      line_[waiting_] = job;
      waiting_ = waiting_ + 1;
      if (breaker_.ask_at(now_ns) != 0) has_timer_ = true;
    }
    lock_.unlock();
    return !is_free;
  }

  void attempt(unsigned job, std::uint16_t epoch) {
    const bool is_trial = breaker_.state(now_ns) == breaker_state::half_open;
    // Those of an old rule may be out when the new one begins anew.
    const unsigned most =
        Shape.trials + (Shape.changes == new_rule::none ? 0 : rule_after().trials);
    if (is_trial) require(++out_ <= most, "too many trials");
    static_cast<void>(inside_.load(relaxed));  // others may come in between
    ++started_[job];
    if (is_trial) --out_;
    const auto change = breaker_.end(
        epoch,
        {.counts = (Shape.pointless >> job & 1) == 0, .failed = (Shape.failing >> job & 1) != 0},
        now_ns);
    if (Bug == bug::ends_without_a_look || change == breaker::change::none) return;
    if (says_waiting_.load(seq_cst) != 0) admit();
  }

  void admit() {
    unsigned admitted[Shape.jobs];
    unsigned count = 0;
    lock_.lock();
    while (waiting_ != 0 && breaker_.starts_ready(now_ns, count + 1) == count + 1) {
      admitted[count++] = line_[0];
      waiting_ = waiting_ - 1;
      for (unsigned i = 0; i < waiting_; ++i) line_[i] = line_[i + 1];
      says_waiting_.fetch_sub(1, seq_cst);
    }
    if (Bug != bug::sets_no_timer && waiting_ != 0 && breaker_.ask_at(now_ns) != 0) {
      has_timer_ = true;
    }
    lock_.unlock();
    for (unsigned i = 0; i < count; ++i) go(admitted[i]);
  }

  breaker breaker_{rule};
  toy_mutex lock_;
  atomic<unsigned> says_waiting_{0};
  plain<unsigned> waiting_{0};
  unsigned line_[Shape.jobs + 1] = {};
  bool has_timer_ = false;
  atomic<unsigned> inside_{0};
  unsigned out_ = 0;
  unsigned started_[Shape.jobs] = {};
};

constexpr shape two{};
constexpr shape three{.jobs = 3};
constexpr shape three_of_two{.jobs = 3, .trials = 2};
constexpr shape first_fails{.failing = 1};
constexpr shape all_fail{.jobs = 3, .failing = 7};
constexpr shape pointless{.pointless = 3};
constexpr shape taken_away{.changes = new_rule::taken_away};
constexpr shape taken_away_as_it_fails{.failing = 3, .changes = new_rule::taken_away};
constexpr shape fewer_trials{.trials = 2, .changes = new_rule::one_trial};
constexpr shape opens_briefly{.jobs = 1, .failing = 1, .changes = new_rule::opens_briefly};
constexpr shape closed_opens_briefly{
    .jobs = 1, .failing = 1, .changes = new_rule::opens_briefly, .is_closed = true};

TEST(breaker_model, a_trial_lets_the_other_through) {
  const report r = explore<breaker_scenario<two, bug::none>>("breaker: 2 jobs, 1 trial");
  EXPECT_FALSE(r.failed) << r;
}
TEST(breaker_model, a_trial_lets_the_others_through) {
  const report r = explore<breaker_scenario<three, bug::none>>("breaker: 3 jobs, 1 trial");
  EXPECT_FALSE(r.failed) << r;
}
TEST(breaker_model, two_trials) {
  const report r = explore<breaker_scenario<three_of_two, bug::none>>("breaker: 3 jobs, 2 trials");
  EXPECT_FALSE(r.failed) << r;
}
TEST(breaker_model, a_trial_that_fails) {
  const report r = explore<breaker_scenario<first_fails, bug::none>>("breaker: one fails");
  EXPECT_FALSE(r.failed) << r;
}
TEST(breaker_model, trials_that_fail) {
  const report r = explore<breaker_scenario<all_fail, bug::none>>("breaker: all fail");
  EXPECT_FALSE(r.failed) << r;
}
TEST(breaker_model, trials_that_do_not_count) {
  const report r = explore<breaker_scenario<pointless, bug::none>>("breaker: none counts");
  EXPECT_FALSE(r.failed) << r;
}

TEST(breaker_model, one_that_is_taken_away) {
  const report r = explore<breaker_scenario<taken_away, bug::none>>("breaker: taken away",
                                                                    effort_for_a_large_one());
  EXPECT_FALSE(r.failed) << r;
}
TEST(breaker_model, one_that_is_taken_away_as_its_trial_fails) {
  const report r = explore<breaker_scenario<taken_away_as_it_fails, bug::none>>(
      "breaker: taken away, fails", effort_for_a_large_one());
  EXPECT_FALSE(r.failed) << r;
}
TEST(breaker_model, fewer_trials_while_some_are_out) {
  const report r = explore<breaker_scenario<fewer_trials, bug::none>>("breaker: fewer trials",
                                                                      effort_for_a_large_one());
  EXPECT_FALSE(r.failed) << r;
}
TEST(breaker_model, a_shorter_time_as_it_opens_again) {
  const report r = explore<breaker_scenario<opens_briefly, bug::none>>("breaker: opens briefly");
  EXPECT_FALSE(r.failed) << r;
}
TEST(breaker_model, a_shorter_time_as_it_opens) {
  const report r =
      explore<breaker_scenario<closed_opens_briefly, bug::none>>("breaker: closed, opens briefly");
  EXPECT_FALSE(r.failed) << r;
}

TEST(breaker_model, finds_who_changes_the_rule_and_does_not_look) {
  const report r = explore<breaker_scenario<taken_away, bug::changes_without_a_look>>(
      "breaker, bug: changed, no look", enumeration_only());
  EXPECT_NE(r.failure.find("nobody will look"), std::string::npos) << r;
}
TEST(breaker_model, finds_who_joins_without_another_look) {
  const report r = explore<breaker_scenario<two, bug::does_not_look_again>>("breaker, bug: no look",
                                                                            enumeration_only());
  EXPECT_NE(r.failure.find("nobody will look"), std::string::npos) << r;
}
TEST(breaker_model, finds_who_joins_after_the_look) {
  const report r = explore<breaker_scenario<two, bug::joins_after_the_look>>(
      "breaker, bug: look, then join", enumeration_only());
  EXPECT_NE(r.failure.find("nobody will look"), std::string::npos) << r;
}
TEST(breaker_model, finds_who_ends_without_a_look) {
  const report r = explore<breaker_scenario<two, bug::ends_without_a_look>>(
      "breaker, bug: end, no look", enumeration_only());
  EXPECT_NE(r.failure.find("nobody will look"), std::string::npos) << r;
}
TEST(breaker_model, finds_who_opens_it_and_sets_no_timer) {
  const report r = explore<breaker_scenario<first_fails, bug::sets_no_timer>>(
      "breaker, bug: no timer", enumeration_only());
  EXPECT_NE(r.failure.find("there is no timer"), std::string::npos) << r;
}
TEST(breaker_model, finds_who_takes_a_trial_in_two_steps) {
  const report r = explore<breaker_scenario<two, bug::takes_a_trial_in_two_steps>>(
      "breaker, bug: look, then take", enumeration_only());
  EXPECT_NE(r.failure.find("too many trials"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::breaker_model
