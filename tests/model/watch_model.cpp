// Board and watchdog: no deadline of a running attempt is missed.
//
// What must hold (board.hpp I1): at rest, what runs on a line has been dealt with, or the watchdog
// comes back by its deadline, and looks at that line then.
// Method: a thread makes attempts on its line as run_job() does, the last of which stays; a watchdog
// steps at given times, as in watchdog.cpp. Deadlines come sooner and later than those before, and
// one is over before the line shows it, as when its thread was held up. Both orders of the
// starter's store before its look: the watchdog's membarrier, or an exchange. Seeded bugs replace
// one step each.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "explorer/explorer.hpp"
#include "ready/board.hpp"

namespace pawl::model::watch_model {
namespace {

inline constexpr std::uint64_t never = UINT64_MAX;

enum class bug : std::uint8_t {
  none,
  no_second_look,
  no_barrier,
  only_what_is_to_come,    // the second look thinks that no new attempt is late already
  lowers_by_a_store,       // the watchdog's second look
  tells_before_it_lowers,  // the starter
};

struct shape {
  bool asymmetric = true;
  std::array<std::uint64_t, 3> deadlines = {};  // of the attempts; 0: no more
  bool retries = false;                         // all of one job
  std::array<std::uint64_t, 2> steps = {20, 0};
  // As the watchdog left them: its next look at this line, and at any.
  std::uint64_t watched = 15;
  std::uint64_t next = 15;
};

template <shape Shape, bug Bug>
class watch_scenario : public scenario {
 public:
  watch_scenario() {
    line_.watch(Shape.watched);
    next_.store(Shape.next, seq_cst);
  }
  [[nodiscard]] unsigned thread_count() const override { return 2; }

  void run(unsigned thread) override {
    if (thread == 1) {
      for (const std::uint64_t now : Shape.steps) step(now);
      return;
    }
    for (unsigned i = 0; i < Shape.deadlines.size() && Shape.deadlines[i] != 0; ++i) {
      if (i != 0) line_.clear_running();
      word_.fetch_add(1, acq_rel);  // between two attempts a job's word is swapped
      running_ = i + 1;
      start(i + 1, Shape.deadlines[i]);
    }
  }

  void at_rest() override {
    if (is_dealt_with_[running_]) return;
    const std::uint64_t deadline = Shape.deadlines[running_ - 1];
    require(next_.load(relaxed) <= deadline, "the watchdog comes too late");
    require(line_.watched_ns() <= deadline, "the watchdog passes by a line");
  }

 private:
  struct picture {
    job_id job;
    std::uint64_t started_ns;
    std::uint64_t deadline_ns;
  };

  void start(std::uint64_t attempt, std::uint64_t deadline) {
    const job_id job{Shape.retries ? 1 : attempt};
    if (!line_.end_start(job, attempt, deadline, Shape.asymmetric)) return;
    if (Bug == bug::tells_before_it_lowers) lower(deadline);
    line_.lower_watch(deadline);
    if (Bug != bug::tells_before_it_lowers) lower(deadline);
  }

  void lower(std::uint64_t next) {
    std::uint64_t now = next_.load(seq_cst);
    while (next < now && !next_.compare_exchange_weak(now, next, seq_cst)) {
    }
  }

  void step(std::uint64_t now) {
    if (now < next_.load(seq_cst)) return;
    next_.store(never, seq_cst);
    if (line_.watched_ns() > now) {
      lower(line_.watched_ns());
      return;
    }
    const picture seen = look();
    const std::uint64_t next = look_at(seen, now);
    line_.watch(next);
    if (Shape.asymmetric && Bug != bug::no_barrier) membarrier_all_threads();
    const picture p = Bug == bug::no_second_look ? seen : look();
    const bool is_another = p.job && (p.job != seen.job || p.started_ns != seen.started_ns) &&
                            (Bug != bug::only_what_is_to_come || p.deadline_ns > now);
    if (is_another && Bug == bug::lowers_by_a_store) line_.watch(std::min(next, p.deadline_ns));
    if (is_another && Bug != bug::lowers_by_a_store) line_.lower_watch(p.deadline_ns);
    lower(is_another ? std::min(next, p.deadline_ns) : next);
  }

  picture look() {
    for (;;) {
      const picture p{line_.running(), line_.started_ns(), line_.deadline_ns()};
      if (line_.running() != p.job || line_.started_ns() != p.started_ns ||
          line_.deadline_ns() != p.deadline_ns) {
        continue;
      }
      require(!p.job || p.deadline_ns == Shape.deadlines[p.started_ns - 1],
              "the deadline of another attempt");
      return p;
    }
  }

  // The attempt is marked, and its overrun declared, if it still runs (attempt_model.cpp).
  std::uint64_t look_at(const picture& p, std::uint64_t now) {
    if (!p.job) return never;
    if (now < p.deadline_ns) return p.deadline_ns;
    note("dealt with attempt", p.started_ns);
    is_dealt_with_[p.started_ns] = true;
    return never;
  }

  board_line line_;
  atomic<std::uint64_t> next_;
  atomic<std::uint64_t> word_{0};
  // Nobody's memory. Attempts count from 1.
  unsigned running_ = 0;
  bool is_dealt_with_[Shape.deadlines.size() + 1] = {};
};

template <bool Asymmetric>
inline constexpr shape one_start{.asymmetric = Asymmetric, .deadlines = {25}};
template <bool Asymmetric>
inline constexpr shape late_start{.asymmetric = Asymmetric, .deadlines = {17}};
template <bool Asymmetric>
inline constexpr shape sooner{.asymmetric = Asymmetric, .deadlines = {50, 25}, .steps = {20, 24}};
template <bool Asymmetric>
inline constexpr shape later{
    .asymmetric = Asymmetric, .deadlines = {25, 50, 40}, .steps = {20, 30}};
template <bool Asymmetric>
inline constexpr shape not_its_turn{.asymmetric = Asymmetric, .deadlines = {25}, .watched = 30};

template <bool Asymmetric>
inline constexpr shape retried{.asymmetric = Asymmetric, .deadlines = {10, 50}, .retries = true};

template <shape Shape>
void expect_all_well(const std::string& name) {
  const report r = explore<watch_scenario<Shape, bug::none>>(
      "watch: " + name + (Shape.asymmetric ? ", membarrier" : ", exchange"));
  EXPECT_FALSE(r.failed) << r;
}
template <shape Shape, bug Bug>
void expect_found(const std::string& name) {
  const report r = explore<watch_scenario<Shape, Bug>>("watch, bug: " + name, enumeration_only());
  EXPECT_NE(r.failure.find("the watchdog "), std::string::npos) << r;
}

TEST(watch_model, a_start_is_seen) {
  expect_all_well<one_start<true>>("1 start");
  expect_all_well<one_start<false>>("1 start");
}
TEST(watch_model, a_start_that_is_late_already_is_seen) {
  expect_all_well<late_start<true>>("a late start");
  expect_all_well<late_start<false>>("a late start");
}
TEST(watch_model, a_sooner_deadline_is_seen) {
  expect_all_well<sooner<true>>("a sooner deadline");
  expect_all_well<sooner<false>>("a sooner deadline");
}
TEST(watch_model, a_later_deadline_is_seen) {
  expect_all_well<later<true>>("a later deadline");
  expect_all_well<later<false>>("a later deadline");
}
TEST(watch_model, a_line_that_was_passed_by_is_seen) {
  expect_all_well<not_its_turn<true>>("not its turn");
  expect_all_well<not_its_turn<false>>("not its turn");
}

TEST(watch_model, a_retry_is_another_attempt) {
  expect_all_well<retried<true>>("a retry");
  expect_all_well<retried<false>>("a retry");
}

TEST(watch_model, finds_a_missing_second_look) {
  expect_found<one_start<true>, bug::no_second_look>("no second look");
}
TEST(watch_model, finds_a_missing_barrier) {
  expect_found<one_start<true>, bug::no_barrier>("no barrier");
}
TEST(watch_model, finds_a_late_start_that_is_taken_for_an_old_one) {
  expect_found<late_start<true>, bug::only_what_is_to_come>("only what is to come");
}
TEST(watch_model, finds_a_deadline_written_over) {
  expect_found<sooner<true>, bug::lowers_by_a_store>("lowers by a store");
}
TEST(watch_model, finds_a_start_that_tells_too_soon) {
  expect_found<not_its_turn<true>, bug::tells_before_it_lowers>("tells, then lowers");
}

}  // namespace
}  // namespace pawl::model::watch_model
