// A log that comes to its bound while jobs run: what is refused then, what goes on, and what the next opening makes
// of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "pawl/scheduler.hpp"
#include "support/opened.hpp"
#include "support/scratch_directory.hpp"
#include "support/threads.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;

class log_bound_engine : public ::testing::Test {
 protected:
  static constexpr kind_ref plain{0};
  static constexpr kind_ref held{1};
  static constexpr std::uint32_t segment = 64u << 10;
  static constexpr std::uint64_t bound = 4 * segment;

  log_bound_engine() {
    kinds_.add("plain/1", &log_bound_engine::count, this);
    kinds_.add("held/1", &log_bound_engine::hold, this);
  }
  static outcome count(void* user, context&, std::span<const std::byte>) {
    ++static_cast<log_bound_engine*>(user)->ran_;
    return outcome::done();
  }
  static outcome hold(void* user, context&, std::span<const std::byte>) {
    auto& self = *static_cast<log_bound_engine*>(user);
    self.door_.wait();
    ++self.ran_;
    return outcome::done();
  }

  [[nodiscard]] options wanted(bool dispatch) const {
    options o = small_options();
    o.directory = directory_.path();
    o.segment_bytes = segment;
    o.log_bytes_max = bound;
    o.dispatch = dispatch;
    return o;
  }
  submit_answer submit(scheduler& s, queue_ref q, kind_ref kind = plain) {
    return s.submit(q, kind, payload_);
  }
  // Submits until that is refused, and not because the disk is behind. How many were accepted.
  std::uint64_t fill(scheduler& s, queue_ref q, reject& why) {
    std::uint64_t accepted = 0;
    for (int tries = 0; tries < 100'000; ++tries) {
      const submit_answer answer = submit(s, q);
      why = answer.reason;
      if (answer) {
        ++accepted;
      } else if (why != reject::log_full) {
        break;
      }
      std::this_thread::sleep_for(20us);
    }
    return accepted;
  }
  static std::uint64_t left(const scheduler& s) {
    const counters c = s.read_counters();
    return c.accepted - c.ended();
  }
  static bool is_said(const health_report& h, issue what) {
    return std::any_of(h.conditions.begin(), h.conditions.end(),
                       [what](const condition& c) { return c.what == what; });
  }

  scratch_directory directory_;
  registry kinds_;
  door door_;
  std::atomic<std::uint64_t> ran_{0};
  const std::vector<std::byte> payload_ = std::vector<std::byte>(1'000);
};

TEST_F(log_bound_engine, refuses_what_is_logged_and_lets_all_else_go_on) {
  {
    auto s = open_or_exit(wanted(true), kinds_);
    const queue_ref q = queue_or_exit(*s, "q", {.when_full = when_full::block, .block_for = 1h});
    const queue_ref memory = queue_or_exit(*s, "memory", {.durability = durability::none});
    EXPECT_EQ(s->health().log.refusal, reject::none);
    EXPECT_EQ(s->health().log.bytes_max, bound);
    ASSERT_TRUE(submit(*s, q, held));
    ASSERT_TRUE(door_.wait_for_arrivals(1));
    reject why{};
    const std::uint64_t accepted = 1 + fill(*s, q, why);
    EXPECT_EQ(why, reject::log_too_long) << "at once, although it may wait for an hour";

    const health_report report = s->health();
    EXPECT_EQ(report.log.state, log_state::ok);
    EXPECT_EQ(report.log.refusal, reject::log_too_long);
    EXPECT_GT(report.log.written_bytes, bound / 2);
    EXPECT_TRUE(is_said(report, issue::log_stopped));
    const std::vector<job_spec> specs(3, job_spec{payload_, {}});
    const submit_answers bulk = s->submit_bulk(q, plain, specs);
    EXPECT_EQ(bulk.accepted, 0u);
    EXPECT_EQ(bulk.reason, reject::log_too_long);

    ASSERT_TRUE(submit(*s, memory)) << "it needs no log";
    door_.open();
    ASSERT_TRUE(eventually([&] { return left(*s) == 0; }));
    EXPECT_EQ(ran_, accepted + 1);
    EXPECT_EQ(submit(*s, q).reason, reject::log_too_long) << "jobs that end make it no shorter";
    ASSERT_TRUE(s->stop(60s));
    EXPECT_EQ(s->health().log.state, log_state::closed) << "all ends are durable";
  }
  auto s = open_or_exit(wanted(true), kinds_);
  EXPECT_EQ(s->health().log.recovered_jobs, 0u);
  EXPECT_EQ(s->health().log.refusal, reject::none);
  EXPECT_TRUE(submit(*s, queue_or_exit(*s, "q")));
}

// What waits at the bound may itself be as long as the bound: it runs, and the opening after that has room.
TEST_F(log_bound_engine, jobs_that_wait_at_the_bound_run_in_the_next_process) {
  std::uint64_t accepted = 0;
  {
    auto s = open_or_exit(wanted(false), kinds_);
    reject why{};
    accepted = fill(*s, queue_or_exit(*s, "q"), why);
    EXPECT_EQ(why, reject::log_too_long);
    ASSERT_TRUE(s->stop(60s));
  }
  {
    auto s = open_or_exit(wanted(true), kinds_);
    EXPECT_EQ(s->health().log.recovered_jobs, accepted);
    ASSERT_TRUE(eventually([&] { return ran_ == accepted; }));
    ASSERT_TRUE(s->stop(60s));
    EXPECT_EQ(s->health().log.state, log_state::closed);
  }
  auto s = open_or_exit(wanted(true), kinds_);
  EXPECT_EQ(s->health().log.recovered_jobs, 0u);
  EXPECT_TRUE(submit(*s, queue_or_exit(*s, "q")));
}

TEST_F(log_bound_engine, is_none_or_has_four_segments) {
  options o = wanted(false);
  for (const std::uint64_t refused : {std::uint64_t{1}, bound - 1}) {
    o.log_bytes_max = refused;
    const auto opened = scheduler::open(o, kinds_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, errc::invalid);
    EXPECT_EQ(opened.error().where, "options.log_bytes_max");
  }
  for (const std::uint64_t taken : {std::uint64_t{0}, bound}) {
    o.log_bytes_max = taken;
    EXPECT_TRUE(scheduler::open(o, kinds_));
  }
}

}  // namespace
}  // namespace pawl::test
