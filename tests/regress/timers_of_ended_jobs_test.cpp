// What was put off and then ended must not stay in the memory of the timers, whoever sleeps. Found in
// review: the timer thread slept for the half hour until the first entry was due, an entry later than
// that woke nobody, and cancelling was silent while entries waited; 16 bytes a cancel stayed, and when
// something woke the thread at last the wheel filled and no timer fired any more.
//
// Method: a job in half an hour puts the timer thread to sleep. Then jobs by the hundred thousand are
// put off and end. What the timers hold at rest is asked for, also of the system, and must fall without
// anybody's help.
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "support/opened.hpp"
#include "support/process.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::no_payload;

// Of one thread that adds, with a few live jobs: what it has not woken anybody for, what a turn is not
// worth its while for, and what came too late for the last look.
constexpr std::uint64_t timers_at_rest = 3 * 4096 + 64;

class timers_of_ended_jobs : public ::testing::Test {
 protected:
  void open(options wanted, const queue_options& how = {}) {
    kind_ = kinds_.add("k",
                       [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
    s_ = test::open_or_exit(wanted, kinds_);
    q_ = test::queue_or_exit(*s_, "q", how);
    ASSERT_TRUE(s_->submit(q_, kind_, no_payload(), {.after = 30min}));
  }

  // Never more than one of them is alive.
  void schedule_and_cancel(int count) {
    for (int i = 0; i < count; ++i) {
      const submit_answer a = s_->submit(q_, kind_, no_payload(), {.after = 1h});
      ASSERT_TRUE(a);
      ASSERT_TRUE(s_->cancel(a.ticket.id));
    }
  }
  bool comes_to_rest() {
    return test::eventually([this] { return s_->health().timers <= timers_at_rest; });
  }

  registry kinds_;
  std::unique_ptr<scheduler> s_;
  queue_ref q_;
  kind_ref kind_;
};

options few_jobs() {
  options o = test::small_options();
  o.jobs_max = 1000;
  return o;
}

TEST_F(timers_of_ended_jobs, cancelled_one_by_one_leave_nothing_behind) {
  open(few_jobs());
  schedule_and_cancel(10'000);
  const std::size_t before = test::resident_bytes();
  schedule_and_cancel(test::scaled(2'000'000));  // 32 MB of entries
  EXPECT_TRUE(comes_to_rest()) << s_->health().timers;
  if (test::sanitized) return;
  EXPECT_LT(test::resident_bytes(), before + (12u << 20));
}

TEST_F(timers_of_ended_jobs, do_not_keep_a_near_timer_from_firing) {
  open(few_jobs());
  schedule_and_cancel(test::scaled(3'000'000));
  const submit_answer near = s_->submit(q_, kind_, no_payload(), {.after = 10ms});
  const auto ended = s_->wait(near.ticket.id, test::patience);
  ASSERT_TRUE(ended) << s_->health().timers;
  EXPECT_EQ(ended->state, job_state::completed);
  EXPECT_TRUE(s_->stop(test::patience));
}

TEST_F(timers_of_ended_jobs, cancelled_all_at_once_are_cleared_away_without_help) {
  const int count = test::scaled(400'000);
  options wanted = test::small_options();
  wanted.jobs_max = 500'000;
  open(wanted, {.jobs_max = 500'000});
  std::vector<job_id> ids;
  for (int i = 0; i < count; ++i) {
    const submit_answer a =
        s_->submit(q_, kind_, no_payload(), {.after = 1h + std::chrono::microseconds(i)});
    ASSERT_TRUE(a);
    ids.push_back(a.ticket.id);
  }
  EXPECT_TRUE(test::eventually([&] {  // never in the inbox and the wheel at rest
    return s_->health().timers == static_cast<std::uint64_t>(count) + 1;
  })) << s_->health().timers;
  for (const job_id id : ids) ASSERT_TRUE(s_->cancel(id));
  EXPECT_TRUE(comes_to_rest()) << s_->health().timers;
}

TEST_F(timers_of_ended_jobs, by_several_threads_are_bounded_too) {
  open(few_jobs());
  constexpr int threads = 3;
  test::on_threads(threads, [this](int) { schedule_and_cancel(test::scaled(300'000)); });
  EXPECT_TRUE(test::eventually([this] {
    return s_->health().timers <= timers_at_rest + threads * 4096;
  })) << s_->health().timers;
}

TEST_F(timers_of_ended_jobs, with_an_expiry_that_end_before_it_are_cleared_away) {
  open(few_jobs(), {.jobs_max = 500, .when_full = when_full::block});
  const int count = test::scaled(300'000);
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(s_->submit(q_, kind_, no_payload(), {.expires = 1h}));
  }
  EXPECT_TRUE(test::eventually(
      [&] { return s_->read_counters().ended() == static_cast<std::uint64_t>(count); }));
  EXPECT_TRUE(comes_to_rest()) << s_->health().timers;
}

// Nobody turns the wheel there but who adds, so the number is exact enough to be compared at once.
TEST_F(timers_of_ended_jobs, are_bounded_where_no_thread_runs) {
  options wanted = few_jobs();
  wanted.dispatch = false;
  open(wanted);
  for (int i = 0; i < 50; ++i) {
    schedule_and_cancel(4096);
    ASSERT_LE(s_->health().timers, 18u * 4096);
  }
}

}  // namespace
}  // namespace pawl
