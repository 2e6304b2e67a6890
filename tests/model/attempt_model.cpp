// An attempt against its deadline: one end, no attempt for another, the slot freed once.
//
// What must hold: of runner, watchdog, canceller one ends the job; the watchdog's flags fall on the
// attempt whose deadline came, and its overruns are all counted back; a handler is never inside
// twice, and nothing of the job is freed while one is; who was too late learns it. The payload and
// the history of errors, plain data, are in order with all who use them.
// Method: runners do what run_job() and settle() do in the same order, over the words and lines that
// ship: the first attempt asks for a retry, which another thread, or the same one, makes. A watchdog
// steps as in watchdog.cpp, a canceller cancels. Where the dead are kept, one more thread requeues
// them. Seeded bugs replace one step each.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "explorer/explorer.hpp"
#include "job/slot.hpp"
#include "ready/board.hpp"

namespace pawl::model::attempt_model {
namespace {

enum class bug : std::uint8_t {
  none,
  clears_the_line_late,
  trusts_the_deadline,
  marks_any_attempt,
  completes_over_an_overrun,
  settles_without_a_flag,
  leaves_without_a_flag,
  detaches_in_two_steps,
  frees_by_a_relaxed_look,
  requeues_under_a_handler,
};

struct shape {
  // Attempt i ends at deadlines[i] at the latest. The first asks for a retry if there is a second.
  std::array<std::uint64_t, 2> deadlines = {10, 100};
  unsigned attempts = 2;
  bool same_thread = false;                      // makes the retry, on the same line
  std::array<std::uint64_t, 2> steps = {20, 0};  // of the watchdog
  std::uint64_t grace = 0;
  bool overrun_is_death = true;
  bool cancels = false;
  bool keeps_dead = false;  // and requeues them
};

template <shape Shape, bug Bug>
class attempt_scenario : public scenario {
 public:
  attempt_scenario() {
    slot_.generation = 1;
    payload_ = whole;
    first_ = transition_to_ready(slot_.word).version();
  }
  [[nodiscard]] unsigned thread_count() const override {
    return requeuer + (Shape.keeps_dead ? 1 : 0);
  }

  void run(unsigned thread) override {
    if (thread == 0) {
      run_job(0, first_);
      if (Shape.same_thread) make_retry(0);
    } else if (thread < watcher) {
      make_retry(1);
    } else if (thread == watcher) {
      for (const std::uint64_t now : Shape.steps) {
        for (unsigned line = 0; now != 0 && line < lines; ++line) watch(line, now);
      }
    } else if (thread < requeuer) {
      cancel();
    } else {
      requeue();
    }
  }

  void at_rest() override {
    require(inside_ == 0, "a handler is inside for ever");
    require(ends_ == 1 + requeues_, "a job did not end once");
    require(overruns_ == 0, "an overrun was not counted back");
    require(late_ == taken_, "a handler that was too late did not learn it");
    const bool is_kept = kept_.load(relaxed) != 0;
    require(frees_ + (is_kept ? 1 : 0) == 1, "a slot was not freed");
    require(is_kept || job_word{slot_.word.peek()}.state() == state_free, "the slot is not free");
  }

 private:
  static constexpr unsigned lines = Shape.same_thread || Shape.attempts == 1 ? 1 : 2;
  static constexpr unsigned watcher = lines;
  static constexpr unsigned requeuer = watcher + 1 + (Shape.cancels ? 1 : 0);
  static constexpr unsigned whole = 7;
  static constexpr unsigned freed = 0;
  static constexpr job_id id{1};

  // ---- the runner ----

  // run_job(). `version`: what the place names.
  void run_job(unsigned self, std::uint64_t version) {
    job_word word;
    std::uint64_t brought = 0;
    if (!transition_to_running(slot_.word, version, band_entry::version_mask, word, brought)) {
      retry_.store(no_retry, release);
      return;
    }
    const unsigned attempt = ++starts_;
    note("starts attempt", attempt);
    require(++inside_ == 1, "a handler is inside twice");
    running_ = attempt;
    slot_.attempt = static_cast<std::uint8_t>(attempt);
    const std::uint64_t deadline = attempt <= 2 ? Shape.deadlines[attempt - 1] : 1000;
    // Who is told of an early deadline is watch_model.cpp's business.
    static_cast<void>(lines_[self].end_start(id, attempt, deadline, true));

    require(payload_ == whole, "the payload of a job that was freed");
    const bool again = attempt == 1 && Shape.attempts > 1;

    if (Bug != bug::clears_the_line_late) lines_[self].clear_running();
    if (!again && complete(word)) {
      leave_handler();
      running_ = 0;
      end(word);
    } else {
      settle(word, again);
    }
    if (Bug == bug::clears_the_line_late) lines_[self].clear_running();
  }

  bool complete(job_word& word) {
    if (Bug != bug::completes_over_an_overrun) return transition_to_completed(slot_.word, word);
    const std::uint64_t version = word.version();
    while (word.version() == version) {
      const job_word next = word.after(job_event::done).after_attempt();
      if (slot_.word.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {
        word = next;
        return true;
      }
    }
    return false;
  }

  void leave_handler() { --inside_; }

  // settlement::run().
  void settle(job_word word, bool again) {
    const bool is_mine = Bug == bug::settles_without_a_flag || begin_settling(slot_.word, word);
    if (!is_mine || word.has(job_flag::overrun)) --overruns_;
    if (!is_mine) {
      ++late_;
      require(payload_ == whole, "the payload was freed under a handler");
      const bool frees = leave_taken();
      leave_handler();
      if (frees) free_slot();
      return;
    }
    transition_from_running(slot_.word, word, [&](job_word now) {
      errors_ = errors_ + 1;
      if (now.has(job_flag::cancel_requested)) return job_event::cancel;
      if (now.has(job_flag::overrun)) return job_event::die;
      return again ? job_event::retry : job_event::done;
    });
    // Nobody came in between since the swap.
    leave_handler();
    running_ = 0;
    if (word.state() == job_state::scheduled) {
      retry_.store(word.version(), release);
    } else {
      end(word);
    }
  }

  // True: frees.
  bool leave_taken() {
    if (Bug != bug::detaches_in_two_steps) return detach(slot_.word);
    const job_word word{slot_.word.load(acquire)};
    slot_.word.fetch_and(~static_cast<std::uint64_t>(job_flag::attached), acq_rel);
    return word.has(job_flag::orphan);
  }

  // What the timers and the next drain do, if there is a retry.
  void make_retry(unsigned self) {
    std::uint64_t version = 0;
    while ((version = retry_.load(acquire)) == 0) cpu_pause();
    if (version == no_retry) return;
    job_word word{slot_.word.load(acquire)};
    if (word.version() != version) return;
    if (transition_to_due(slot_.word, word)) run_job(self, word.version());
  }

  // ---- the watchdog ----

  void watch(unsigned line_index, std::uint64_t now) {
    const board_line& line = lines_[line_index];
    const job_id job = line.running();
    const std::uint64_t started = line.started_ns();
    const std::uint64_t deadline = line.deadline_ns();
    if (!job || line.running() != job || line.started_ns() != started) return;
    if (Bug != bug::trusts_the_deadline && line.deadline_ns() != deadline) return;
    require(deadline == deadline_of(started), "the deadline of another attempt");
    if (now < deadline) return;
    job_word word{slot_.word.load(acquire)};
    const bool is_it = word.state() == job_state::running && slot_.generation == 1 &&
                       line.running() == job && line.started_ns() == started;
    if (!is_it) return;
    if (!word.has(job_flag::timed_out)) {
      if (!mark(word, job_flag::timed_out)) return;
      require(running_ == started, "an attempt is marked for the deadline of another");
    }
    if (now < deadline + Shape.grace || word.has(job_flag::overrun)) return;
    ++overruns_;
    if (!mark(word, job_flag::overrun)) {
      --overruns_;
      return;
    }
    require(running_ == started, "an attempt overran for the deadline of another");
    if (!Shape.overrun_is_death || !transition_to_overrun_dead(slot_.word, word)) return;
    require(running_ == started, "a job was taken for the deadline of another attempt");
    ++taken_;
    running_ = 0;
    errors_ = errors_ + 1;
    end(word);
  }

  static std::uint64_t deadline_of(std::uint64_t attempt) {
    return attempt <= 2 ? Shape.deadlines[attempt - 1] : 1000;
  }

  bool mark(job_word& word, job_flag flag) {
    if (Bug != bug::marks_any_attempt) return mark_attempt(slot_.word, word, flag);
    while (word.state() == job_state::running) {
      const job_word next = word.with(flag);
      if (slot_.word.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {
        word = next;
        return true;
      }
    }
    return false;
  }

  // ---- the others ----

  void cancel() {
    for (;;) {
      job_word word{slot_.word.load(acquire)};
      const request answer = transition_to_cancelled(slot_.word, word);
      if (answer == request::changed) continue;
      if (answer == request::ended) end(word);
      return;
    }
  }

  // A dead letter, if there comes one: its lock is left out, as only one thread asks.
  void requeue() {
    std::uint64_t state = 0;
    while ((state = kept_.load(acquire)) == 0) cpu_pause();
    if (state == never_kept) {
      kept_.store(0, relaxed);
      return;
    }
    job_word word{slot_.word.load(acquire)};
    while (word.has(job_flag::attached) && Bug != bug::requeues_under_a_handler) {
      cpu_pause();  // busy
      word.bits = slot_.word.load(acquire);
    }
    require(errors_ != 0, "a job died of nothing");
    kept_.store(0, relaxed);
    ++requeues_;
    transition_to_requeued(slot_.word, word, false);
    run_job(2, word.version());
  }

  // end_job(). Whoever made the word terminal owns it.
  void end(job_word word) {
    require(is_terminal(word.state()), "the end is no end");
    require(++ends_ == 1 + requeues_, "a job ended twice");
    note("ended, version", word.version());
    retry_.store(no_retry, release);
    if (Shape.keeps_dead && word.state() == job_state::dead && requeues_ == 0) {
      kept_.store(1, release);
      return;
    }
    free_slot();
    if (Shape.keeps_dead && requeues_ == 0) kept_.store(never_kept, release);
  }

  // release_slot().
  void free_slot() {
    job_word word{slot_.word.load(Bug == bug::frees_by_a_relaxed_look ? relaxed : acquire)};
    if (Bug == bug::leaves_without_a_flag ? word.has(job_flag::attached)
                                          : !leave_terminal(slot_.word, word)) {
      return;
    }
    require(++frees_ == 1, "a slot was freed twice");
    require(inside_ == 0, "a slot was freed under a handler");
    payload_ = freed;
    errors_ = 0;
    transition_to_free(slot_.word, word);
  }

  static constexpr std::uint64_t no_retry = ~std::uint64_t{0};
  static constexpr std::uint64_t never_kept = 2;

  slot slot_{};
  board_line lines_[3];
  plain<unsigned> payload_;
  plain<unsigned> errors_{0};
  std::uint64_t first_ = 0;
  atomic<std::uint64_t> retry_{0};  // version of the word that waits for it
  atomic<std::uint64_t> kept_{0};
  // Nobody's memory.
  unsigned starts_ = 0;
  unsigned running_ = 0;  // the attempt whose end has not been decided
  unsigned inside_ = 0;
  unsigned ends_ = 0;
  unsigned frees_ = 0;
  unsigned requeues_ = 0;
  unsigned taken_ = 0;
  unsigned late_ = 0;
  int overruns_ = 0;
};

constexpr shape one_attempt{.attempts = 1};
constexpr shape cancelled{.attempts = 1, .cancels = true};
constexpr shape goes_on{.attempts = 1, .overrun_is_death = false};
constexpr shape in_two_steps{.attempts = 1, .steps = {20, 40}, .grace = 10};
constexpr shape retried{};
constexpr shape retried_here{.same_thread = true};
constexpr shape retried_and_cancelled{.cancels = true};
constexpr shape both_are_late{.deadlines = {10, 15}};
constexpr shape requeued{.attempts = 1, .keeps_dead = true};
constexpr shape retried_and_requeued{.same_thread = true, .keeps_dead = true};

// Few operations: one preemption more than elsewhere.
template <shape Shape>
void expect_all_well(const std::string& name) {
  effort e = default_effort();
  ++e.preemptions;
  e.runs_max = 1'000'000;  // enough for all with 2
  const report r = explore<attempt_scenario<Shape, bug::none>>("attempt: " + name, e);
  EXPECT_FALSE(r.failed) << r;
}
template <shape Shape, bug Bug>
void expect_found(const std::string& name, const char* what) {
  const report r =
      explore<attempt_scenario<Shape, Bug>>("attempt, bug: " + name, enumeration_only(3));
  EXPECT_NE(r.failure.find(what), std::string::npos) << r;
}

TEST(attempt_model, a_timeout_against_completion) {
  expect_all_well<one_attempt>("1 attempt, watchdog");
}
TEST(attempt_model, a_timeout_against_completion_and_cancel) {
  expect_all_well<cancelled>("1 attempt, watchdog, canceller");
}
TEST(attempt_model, an_overrun_that_is_not_death) {
  expect_all_well<goes_on>("1 attempt that may overrun");
}
TEST(attempt_model, a_timeout_and_then_an_overrun) {
  expect_all_well<in_two_steps>("1 attempt, grace");
}
TEST(attempt_model, a_retry_elsewhere_is_another_attempt) {
  expect_all_well<retried>("retry on another thread");
}
TEST(attempt_model, a_retry_on_the_same_line_is_another_attempt) {
  expect_all_well<retried_here>("retry on the same thread");
}
TEST(attempt_model, a_retry_that_is_cancelled) {
  expect_all_well<retried_and_cancelled>("retry, canceller");
}
TEST(attempt_model, two_late_attempts) {
  expect_all_well<both_are_late>("2 late attempts");
}
TEST(attempt_model, a_dead_job_comes_again_without_its_handler) {
  expect_all_well<requeued>("requeue");
}
TEST(attempt_model, a_dead_retry_comes_again) {
  expect_all_well<retried_and_requeued>("retry and requeue");
}

TEST(attempt_model, finds_a_line_cleared_late) {
  expect_found<retried, bug::clears_the_line_late>("line cleared late", "deadline of another");
}
TEST(attempt_model, finds_a_deadline_read_once) {
  expect_found<retried_here, bug::trusts_the_deadline>("deadline read once", "deadline of another");
}
TEST(attempt_model, finds_a_mark_on_any_attempt) {
  expect_found<retried, bug::marks_any_attempt>("marks any attempt", "deadline of another");
}
TEST(attempt_model, finds_a_completion_over_an_overrun) {
  expect_found<goes_on, bug::completes_over_an_overrun>("completes over an overrun",
                                                        "was not counted back");
}
TEST(attempt_model, finds_a_settlement_that_nobody_sees) {
  expect_found<retried_here, bug::settles_without_a_flag>("settles without a flag", "data race");
}
TEST(attempt_model, finds_a_forgotten_slot) {
  expect_found<one_attempt, bug::leaves_without_a_flag>("leaves without a flag", "was not freed");
}
TEST(attempt_model, finds_a_detach_in_two_steps) {
  expect_found<one_attempt, bug::detaches_in_two_steps>("detaches in two steps", "was not freed");
}
TEST(attempt_model, finds_a_slot_freed_in_no_order) {
  expect_found<one_attempt, bug::frees_by_a_relaxed_look>("frees by a relaxed look", "data race");
}
TEST(attempt_model, finds_a_job_requeued_under_its_handler) {
  expect_found<requeued, bug::requeues_under_a_handler>("requeued under its handler",
                                                        "inside twice");
}

}  // namespace
}  // namespace pawl::model::attempt_model
