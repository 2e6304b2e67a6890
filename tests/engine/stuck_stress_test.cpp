// Handlers that take too long, among many that do not: while threads submit, one in a few hundred ignores its stop
// token until long after the grace. Method: all counts added up afterwards; each attempt notes that it was there, so
// none is lost and none is made twice at the same time.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::eventually;
using test::scaled;
using test::value_of;

struct stuck_job {
  std::atomic<int> attempts{0};
  std::atomic<int> inside{0};
  std::atomic<int> overlaps{0};  // of a job whose attempt had not been given up
};

class stuck_stress : public ::testing::Test {
 protected:
  static constexpr auto timeout = 5ms;
  static constexpr auto grace = 5ms;

  explicit stuck_stress() : jobs_(static_cast<std::size_t>(scaled(60'000))) {}

  // Every 300th hangs at its first attempt, for 5 to 60 ms.
  static outcome run(void* self, context& job, std::span<const std::byte> payload) {
    auto& all = *static_cast<stuck_stress*>(self);
    const auto number = value_of<std::size_t>(payload);
    stuck_job& mine = all.jobs_[number];
    ++mine.attempts;
    const bool hangs = number % 300 == 7 && job.attempt() == 1;
    if (mine.inside.fetch_add(1) != 0) ++mine.overlaps;
    if (hangs) std::this_thread::sleep_for(std::chrono::milliseconds(5 + number % 56));
    --mine.inside;
    return outcome::done();
  }

  void run_all(on_overrun rule) {
    registry kinds;
    const kind_options how{
        .max_attempts = 5, .backoff = backoff::fixed(1ms), .run_timeout = timeout};
    const kind_ref plain = kinds.add("plain", run, this, how);
    kind_options may_block = how;
    may_block.blocking = true;
    const kind_ref blocking = kinds.add("blocking", run, this, may_block);
    options o = test::small_options();
    o.grace = grace;
    o.on_overrun = rule;
    o.log = {[](void*, const log_record&) {}, nullptr};
    const auto s = test::open_or_exit(o, kinds);
    const queue_ref q = test::queue_or_exit(*s, "q");
    test::on_threads(2, [&](int thread) {
      for (std::size_t i = static_cast<std::size_t>(thread); i < jobs_.size(); i += 2) {
        EXPECT_TRUE(s->submit(q, i % 100 == 7 && i % 900 == 7 ? blocking : plain, bytes_of(i)));
        if (i % 1000 == 0) static_cast<void>(s->health());
      }
    });
    const auto all = jobs_.size();
    ASSERT_TRUE(eventually([&] { return s->read_counters().ended() == all; }));
    ASSERT_TRUE(eventually([&] { return s->health().overruns == 0; })) << "all have returned";
    ASSERT_TRUE(eventually([&] { return s->health().replacements == 0; }))
        << "and nobody is too many";
    const counters c = s->read_counters();
    EXPECT_GT(c.overrun, 0u);
    EXPECT_GE(c.timed_out, c.overrun);
    EXPECT_EQ(c.stale_results, c.overrun);
    const std::uint64_t died = c.dead[static_cast<std::size_t>(dead_cause::timeout)];
    EXPECT_EQ(died, rule == on_overrun::dead ? c.overrun : 0u);
    EXPECT_EQ(c.completed, all - died);
    EXPECT_EQ(c.retried, rule == on_overrun::keep ? c.overrun : 0u);
    EXPECT_EQ(c.started, all + c.retried);
    std::uint64_t attempts = 0;
    for (const stuck_job& j : jobs_) {
      attempts += static_cast<std::uint64_t>(j.attempts.load());
      EXPECT_EQ(j.overlaps, 0);
      EXPECT_EQ(j.inside, 0);
    }
    EXPECT_EQ(attempts, c.started);
    EXPECT_TRUE(s->stop(test::patience));
  }

  std::vector<stuck_job> jobs_;
};

TEST_F(stuck_stress, that_are_kept_are_tried_again_and_everything_else_goes_on) {
  run_all(on_overrun::keep);
}
TEST_F(stuck_stress, that_die_die_once_and_everything_else_goes_on) {
  run_all(on_overrun::dead);
}

}  // namespace
}  // namespace pawl
