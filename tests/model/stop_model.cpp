// The stop token: who asks an attempt to stop is heard, and only by that attempt.
//
// What must hold: at rest, an attempt that made a stop source was asked through it if it was
// cancelled, ran out of time, or the scheduler stops; and was not asked for the sake of another.
// Method: a thread makes two attempts of two jobs, one after another on one line; each may make a
// source, as context::stop_token() does; the second stays. A canceller, a watchdog and a thread that
// stops the scheduler set their flags and ask, as handler_call::ask_to_stop() does. The mutex is a
// toy, the source a number, plain data under the lock. Seeded bugs replace one step each.
#include <gtest/gtest.h>

#include <string>

#include "explorer/explorer.hpp"
#include "job/word.hpp"
#include "ready/board.hpp"
#include "toy_mutex.hpp"

namespace pawl::model::stop_model {
namespace {

enum class bug : std::uint8_t {
  none,
  maker_looks_first,
  asks_before_the_flag,
  asks_without_the_lock,
  asks_whoever_is_there,
  leaves_the_source,
};

struct shape {
  unsigned attempts = 1;
  bool cancels = false;    // the first job
  bool times_out = false;  // the last attempt
  bool stops = false;      // the scheduler
};

template <shape Shape, bug Bug>
class stop_scenario : public scenario {
 public:
  stop_scenario() {
    for (word_cell& cell : words_) versions_[&cell - words_] = transition_to_ready(cell).version();
  }
  [[nodiscard]] unsigned thread_count() const override { return stopper + Shape.stops; }

  void run(unsigned thread) override {
    if (thread == 0) {
      for (unsigned i = 0; i < Shape.attempts; ++i) attempt(i);
    } else if (thread < watcher) {
      cancel();
    } else if (thread < stopper) {
      time_out();
    } else {
      stop();
    }
  }

  void at_rest() override {
    const unsigned last = Shape.attempts - 1;
    const job_word word{words_[last].load(relaxed)};
    if (word.state() != job_state::running) return;  // cancelled before its start
    const bool is_wanted = word.has(job_flag::cancel_requested) || word.has(job_flag::timed_out) ||
                           stopping_.load(relaxed);
    const bool is_asked = asked_[last + 1].load(relaxed);
    require(is_asked || !is_wanted, "a request to stop was lost");
    require(is_wanted || !is_asked, "an attempt was asked to stop for another");
  }

 private:
  static constexpr unsigned watcher = 1 + Shape.cancels;
  static constexpr unsigned stopper = watcher + Shape.times_out;
  static constexpr unsigned none = 0;
  // Sources count from 1: attempt i makes source i + 1.

  void attempt(unsigned i) {
    job_word word;
    std::uint64_t brought = 0;
    if (!transition_to_running(words_[i], versions_[i], ~std::uint64_t{0}, word, brought)) return;
    static_cast<void>(line_.end_start(job_id{i + 1}, i + 1, 10, true));
    make_token(i);
    if (i + 1 == Shape.attempts) return;  // stays
    line_.clear_running();
    require(transition_to_completed(words_[i], word), "nobody takes the job");
    if (Bug == bug::leaves_the_source) return;
    mutex_.lock();
    source_ = none;
    mutex_.unlock();
  }

  // context::stop_token().
  void make_token(unsigned i) {
    const bool early = Bug == bug::maker_looks_first && is_wanted(i);
    mutex_.lock();
    if (source_ == none) source_ = i + 1;
    const unsigned mine = source_;
    mutex_.unlock();
    if (Bug == bug::maker_looks_first ? early : is_wanted(i)) request_stop(mine);
    require(mine == i + 1, "an attempt has the source of another");
  }
  bool is_wanted(unsigned i) {
    const job_word word{words_[i].load(acquire)};
    return word.has(job_flag::cancel_requested) || word.has(job_flag::timed_out) ||
           stopping_.load(acquire);
  }
  void request_stop(unsigned source) { asked_[source].store(true, seq_cst); }

  // handler_call::ask_to_stop().
  void ask(job_id job, std::uint64_t started) {
    if (Bug != bug::asks_without_the_lock) mutex_.lock();
    const bool is_it = Bug == bug::asks_whoever_is_there ||
                       (line_.running() == job && (started == 0 || line_.started_ns() == started));
    const unsigned source = is_it ? static_cast<unsigned>(source_) : none;
    if (Bug != bug::asks_without_the_lock) mutex_.unlock();
    if (source != none) request_stop(source);
  }
  // engine::ask_all_to_stop().
  void ask_all(job_id only_this) {
    const job_id job = line_.running();
    if (job && (!only_this || job == only_this)) ask(job, 0);
  }

  // engine::cancel().
  void cancel() {
    if (Bug == bug::asks_before_the_flag) ask_all(job_id{1});
    for (;;) {
      job_word word{words_[0].load(acquire)};
      const request answer = transition_to_cancelled(words_[0], word);
      if (answer == request::changed) continue;
      if (answer == request::noted && Bug != bug::asks_before_the_flag) ask_all(job_id{1});
      return;
    }
  }

  // watchdog::look_at(), of the last attempt.
  void time_out() {
    constexpr unsigned last = Shape.attempts - 1;
    if (line_.running() != job_id{last + 1}) return;
    job_word word{words_[last].load(acquire)};
    if (line_.running() != job_id{last + 1}) return;
    if (mark_attempt(words_[last], word, job_flag::timed_out)) ask(job_id{last + 1}, last + 1);
  }

  // engine::stop(); starts are waited for before anybody is asked.
  void stop() {
    stopping_.exchange(true, seq_cst);
    membarrier_all_threads();
    ask_all({});
  }

  word_cell words_[2];
  std::uint64_t versions_[2];
  board_line line_;
  toy_mutex mutex_;
  plain<unsigned> source_{none};
  atomic<bool> asked_[3];
  atomic<bool> stopping_{false};
};

constexpr shape cancelled{.cancels = true};
constexpr shape timed_out{.times_out = true};
constexpr shape stopped{.stops = true};
constexpr shape all_three{.cancels = true, .times_out = true, .stops = true};
constexpr shape next_attempt{.attempts = 2, .cancels = true};
constexpr shape next_times_out{.attempts = 2, .cancels = true, .times_out = true};

template <shape Shape>
void expect_all_well(const std::string& name, const effort& e = default_effort()) {
  const report r = explore<stop_scenario<Shape, bug::none>>("stop: " + name, e);
  EXPECT_FALSE(r.failed) << r;
}
template <shape Shape, bug Bug>
void expect_found(const std::string& name, const char* what) {
  const report r = explore<stop_scenario<Shape, Bug>>("stop, bug: " + name, enumeration_only());
  EXPECT_NE(r.failure.find(what), std::string::npos) << r;
}

TEST(stop_model, a_cancel_is_heard) {
  expect_all_well<cancelled>("canceller");
}
TEST(stop_model, a_timeout_is_heard) {
  expect_all_well<timed_out>("watchdog");
}
TEST(stop_model, a_stop_is_heard) {
  expect_all_well<stopped>("scheduler stops");
}
TEST(stop_model, all_three_at_once) {
  expect_all_well<all_three>("canceller, watchdog, scheduler stops", effort_for_a_large_one());
}
TEST(stop_model, the_next_attempt_hears_nothing) {
  expect_all_well<next_attempt>("2 attempts, the first is cancelled");
}
TEST(stop_model, the_next_attempt_hears_what_is_its_own) {
  expect_all_well<next_times_out>("2 attempts, canceller, watchdog");
}

TEST(stop_model, finds_a_maker_that_looks_first) {
  expect_found<cancelled, bug::maker_looks_first>("maker looks first", "was lost");
}
TEST(stop_model, finds_an_asker_without_a_flag) {
  expect_found<cancelled, bug::asks_before_the_flag>("asks before the flag", "was lost");
}
TEST(stop_model, finds_a_missing_lock) {
  expect_found<cancelled, bug::asks_without_the_lock>("no lock", "data race");
}
TEST(stop_model, finds_an_asker_that_does_not_look_who_is_there) {
  expect_found<next_attempt, bug::asks_whoever_is_there>("asks whoever is there", "for another");
}
TEST(stop_model, finds_a_source_left_behind) {
  expect_found<next_attempt, bug::leaves_the_source>("source left", "source of another");
}

}  // namespace
}  // namespace pawl::model::stop_model
