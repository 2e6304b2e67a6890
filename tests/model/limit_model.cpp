// Limits: a job that was held back starts as soon as it may, and never too many run.
//
// What must hold: at no time more run than the limit; at rest every job was started, once, nobody waits,
// and no permit is out. For a queue: at rest its gate is open. Method: threads that start a job each, by
// the steps of engine/gating.cpp: enter, or join the line under the lock after one more look; give the
// permit back, then look at the line. Another one pauses and resumes. The mutex is a toy, the line an
// array. Seeded bugs replace one step each.
#include <gtest/gtest.h>

#include "explorer/explorer.hpp"
#include "ready/active_set.hpp"
#include "ready/queue_gate.hpp"
#include "ready/start_gate.hpp"
#include "toy_mutex.hpp"

namespace pawl::model::limit_model {
namespace {

enum class bug : std::uint8_t {
  none,
  does_not_look_again,
  joins_after_the_look,
  looks_before_it_gives,
  resumes_without_a_look,
};

struct shape {
  unsigned jobs = 2;
  unsigned limit = 1;
  bool pauses = false;
};

template <shape Shape, bug Bug>
class line_scenario : public scenario {
 public:
  line_scenario() { gate_.set_limits({.concurrency = Shape.limit}, 0); }
  [[nodiscard]] unsigned thread_count() const override { return Shape.jobs + Shape.pauses; }

  void run(unsigned thread) override {
    if (thread < Shape.jobs) {
      while (!gate_.try_enter()) {
        if (joins(thread)) return;
      }
      attempt(thread);
    } else {
      gate_.put(start_gate::paused);
      gate_.take_off(start_gate::paused);
      if (Bug != bug::resumes_without_a_look && gate_.has_waiting()) admit();
    }
  }

  void at_rest() override {
    require(waiting_ == 0 && gate_.waiting() == 0, "a job waits and nobody will look");
    require(gate_.of().used() == 0, "a permit is out");
    for (const unsigned times : started_) require(times == 1, "not started once");
  }

 private:
  // False: the way has become free.
  bool joins(unsigned job) {
    lock_.lock();
    if (Bug != bug::joins_after_the_look) gate_.note_joining();
    const bool is_free = Bug != bug::does_not_look_again && !gate_.is_closed() && waiting_ == 0 &&
                         !gate_.of().is_full();
    if (Bug == bug::joins_after_the_look) gate_.note_joining();
    if (is_free) {
      gate_.note_left();
    } else {
      line_[waiting_] = job;
      waiting_ = waiting_ + 1;
    }
    lock_.unlock();
    return !is_free;
  }

  // With a permit.
  void attempt(unsigned job) {
    require(++running_ <= Shape.limit, "too many run");
    static_cast<void>(inside_.load(relaxed));  // others may come in between
    ++started_[job];
    --running_;
    const bool looked = Bug == bug::looks_before_it_gives && gate_.has_waiting();
    gate_.of().give();
    if (Bug == bug::looks_before_it_gives ? looked : gate_.has_waiting()) admit();
  }

  void admit() {
    unsigned admitted[Shape.jobs];
    unsigned count = 0;
    lock_.lock();
    while (waiting_ != 0 && !gate_.is_closed() && gate_.of().try_take()) {
      admitted[count++] = line_[0];
      waiting_ = waiting_ - 1;
      for (unsigned i = 0; i < waiting_; ++i) line_[i] = line_[i + 1];
      gate_.note_left();
    }
    lock_.unlock();
    for (unsigned i = 0; i < count; ++i) attempt(admitted[i]);
  }

  start_gate gate_{1};
  toy_mutex lock_;
  plain<unsigned> waiting_{0};
  unsigned line_[Shape.jobs + 1] = {};
  atomic<unsigned> inside_{0};
  unsigned running_ = 0;
  unsigned started_[Shape.jobs] = {};
};

// A queue at its limit: its gate closes, and whoever gives a permit back opens it.
template <bug Bug>
class queue_scenario : public scenario {
 public:
  queue_scenario() { limits_.set({.concurrency = 1}, 0); }
  [[nodiscard]] unsigned thread_count() const override { return 2; }

  void run(unsigned) override {
    if (limits_.try_take()) {
      const bool looked =
          Bug == bug::looks_before_it_gives && gate_.is_closed_for(gate_reason::at_limit);
      limits_.give();
      if (Bug == bug::looks_before_it_gives ? looked : gate_.is_closed_for(gate_reason::at_limit)) {
        gate_.open(gate_reason::at_limit, active_);
      }
      return;
    }
    gate_.close(gate_reason::at_limit);
    if (Bug != bug::does_not_look_again && !limits_.is_full()) {
      gate_.open(gate_reason::at_limit, active_);
    }
  }
  void at_rest() override {
    require(gate_.is_open(), "the queue stays closed and nobody will open it");
    require(limits_.used() == 0, "a permit is out");
  }

 private:
  permits limits_;
  queue_gate gate_{0};
  active_set active_;
};

// A queue that was refused a start at a slow rate, while a fast one is set.
template <bug Bug>
class rate_scenario : public scenario {
 public:
  rate_scenario() {
    limits_.set(slow, 0);
    static_cast<void>(limits_.try_start(now_ns, made_));
  }
  [[nodiscard]] unsigned thread_count() const override { return 2; }

  void run(unsigned thread) override {
    if (thread == 1) {
      limits_.set(fast, now_ns);
      gate_.open(gate_reason::at_rate, active_);
      return;
    }
    std::uint64_t ask_at = limits_.try_start(now_ns, made_);
    if (ask_at == 0) return;
    gate_.close(gate_reason::at_rate);
    if (Bug != bug::does_not_look_again) ask_at = limits_.starts_ready_at(now_ns, 1);
    if (ask_at == 0) {
      gate_.open(gate_reason::at_rate, active_);
    } else {
      timer_ns_ = ask_at;
    }
  }
  void at_rest() override {
    require(gate_.is_open() || timer_ns_ <= now_ns + fast.rate.per.count(),
            "the queue waits as long as the old rate says");
  }

 private:
  static constexpr std::uint64_t now_ns = 1'000'000'000;
  static constexpr limits slow{.rate = {1, std::chrono::hours(1), 1}};
  static constexpr limits fast{.rate = {1, std::chrono::milliseconds(1), 1}};
  permits limits_;
  queue_gate gate_{0};
  active_set active_;
  permits::step made_;
  std::uint64_t timer_ns_ = 0;  // of the one thread that sets it
};

// A start at a slow rate, while a fast one is set.
class new_rate_scenario : public scenario {
 public:
  new_rate_scenario() { limits_.set({.rate = {1, std::chrono::hours(1), 1}}, 0); }
  [[nodiscard]] unsigned thread_count() const override { return 2; }
  void run(unsigned thread) override {
    if (thread == 0) {
      static_cast<void>(limits_.try_start(now_ns, made_));
    } else {
      limits_.set({.rate = {1, std::chrono::milliseconds(1), 1}}, now_ns);
    }
  }
  void at_rest() override {
    require(limits_.starts_ready_at(now_ns, 1) <= now_ns + 1'000'000,
            "a start at the old rate is in the way");
  }

 private:
  static constexpr std::uint64_t now_ns = 1'000'000'000;
  permits limits_;
  permits::step made_;
};

constexpr shape two{};
constexpr shape three{.jobs = 3};
constexpr shape three_of_two{.jobs = 3, .limit = 2};
constexpr shape paused{.pauses = true};

TEST(limit_model, two_jobs_one_at_a_time) {
  const report r = explore<line_scenario<two, bug::none>>("limit: 2 jobs, limit 1");
  EXPECT_FALSE(r.failed) << r;
}
TEST(limit_model, three_jobs_one_at_a_time) {
  const report r = explore<line_scenario<three, bug::none>>("limit: 3 jobs, limit 1");
  EXPECT_FALSE(r.failed) << r;
}
TEST(limit_model, three_jobs_two_at_a_time) {
  const report r = explore<line_scenario<three_of_two, bug::none>>("limit: 3 jobs, limit 2");
  EXPECT_FALSE(r.failed) << r;
}
TEST(limit_model, a_pause_in_between) {
  const report r = explore<line_scenario<paused, bug::none>>("limit: 2 jobs and a pause");
  EXPECT_FALSE(r.failed) << r;
}
TEST(limit_model, a_queue_opens_again) {
  const report r = explore<queue_scenario<bug::none>>("limit: of a queue");
  EXPECT_FALSE(r.failed) << r;
}

TEST(limit_model, a_queue_at_its_rate_follows_a_new_one) {
  const report r = explore<rate_scenario<bug::none>>("limit: a new rate of a queue");
  EXPECT_FALSE(r.failed) << r;
}
TEST(limit_model, a_start_at_the_old_rate_does_not_outlive_it) {
  const report r = explore<new_rate_scenario>("limit: a start meets a new rate");
  EXPECT_FALSE(r.failed) << r;
}

TEST(limit_model, finds_who_joins_without_another_look) {
  const report r = explore<line_scenario<two, bug::does_not_look_again>>("limit, bug: no look",
                                                                         enumeration_only());
  EXPECT_NE(r.failure.find("nobody will look"), std::string::npos) << r;
}
TEST(limit_model, finds_who_joins_after_the_look) {
  const report r = explore<line_scenario<two, bug::joins_after_the_look>>(
      "limit, bug: look, then join", enumeration_only());
  EXPECT_NE(r.failure.find("nobody will look"), std::string::npos) << r;
}
TEST(limit_model, finds_who_looks_before_it_gives) {
  const report r = explore<line_scenario<two, bug::looks_before_it_gives>>(
      "limit, bug: look, then give", enumeration_only());
  EXPECT_NE(r.failure.find("nobody will look"), std::string::npos) << r;
}
TEST(limit_model, finds_who_resumes_without_a_look) {
  const report r = explore<line_scenario<paused, bug::resumes_without_a_look>>(
      "limit, bug: resume, no look", enumeration_only());
  EXPECT_NE(r.failure.find("nobody will look"), std::string::npos) << r;
}
TEST(limit_model, finds_a_queue_that_is_closed_without_another_look) {
  const report r = explore<queue_scenario<bug::does_not_look_again>>("limit, bug: queue, no look",
                                                                     enumeration_only());
  EXPECT_NE(r.failure.find("stays closed"), std::string::npos) << r;
}
TEST(limit_model, finds_a_queue_that_waits_for_a_rate_of_the_past) {
  const report r = explore<rate_scenario<bug::does_not_look_again>>("limit, bug: rate, no look",
                                                                    enumeration_only());
  EXPECT_NE(r.failure.find("the old rate says"), std::string::npos) << r;
}
TEST(limit_model, finds_who_looks_at_the_queue_before_it_gives) {
  const report r = explore<queue_scenario<bug::looks_before_it_gives>>(
      "limit, bug: queue, look, then give", enumeration_only());
  EXPECT_NE(r.failure.find("stays closed"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::limit_model
