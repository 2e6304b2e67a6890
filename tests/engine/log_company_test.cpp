// When the log's thread writes what a job came to, of which nobody has a ticket: with what somebody waits for, or after a
// moment; never at once and alone. Method: an engine without threads, whose log is stepped by hand.
#include <gtest/gtest.h>

#include "engine/wal.hpp"
#include "sim/stepped_world.hpp"
#include "support/scratch_directory.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;

class log_company : public ::testing::Test {
 protected:
  log_company() {
    w.check_counts = false;
    w.wanted.directory = directory.path();
    k = w.kind("k", {.max_attempts = 2, .backoff = backoff::fixed(1h)});
    w.open();
    q = w.queue("q");
    write();
  }

  // The log does what it has to do at this time.
  void write() {
    while (w.e->step_log()) {
    }
  }
  [[nodiscard]] std::uint64_t frames() const { return w.e->parts().log->read().frames; }
  void run_one() {
    while (w.e->step_drain(0)) {
    }
  }

  test::scratch_directory directory;
  test::stepped_world w;
  kind_ref k;
  queue_ref q;
};

TEST_F(log_company, an_end_waits_for_the_next_submit_and_goes_with_it) {
  w.submit(q, k);
  write();
  const std::uint64_t before = frames();
  for (int i = 0; i < 10; ++i) {
    run_one();
    write();
    EXPECT_EQ(frames(), before + static_cast<unsigned>(i)) << "the end of a job was written alone";
    const submit_answer next = w.try_submit(q, k);
    ASSERT_TRUE(next);
    write();
    EXPECT_EQ(frames(), before + static_cast<unsigned>(i) + 1) << "one frame for both";
    EXPECT_GE(w.e->durable_lsn(), next.ticket.lsn);
  }
}

TEST_F(log_company, what_an_attempt_came_to_is_durable_in_a_millisecond_without_any) {
  for (const outcome::code end : {outcome::code::done, outcome::code::fail, outcome::code::dead}) {
    w.act = [end](context&) {
      return end == outcome::code::done   ? outcome::done()
             : end == outcome::code::fail ? outcome::fail()
                                          : outcome::dead();
    };
    w.submit(q, k);
    write();
    run_one();
    write();
    const std::uint64_t before = frames();
    w.clock.now_ns += 900'000;
    write();
    EXPECT_EQ(frames(), before);
    w.clock.now_ns += 200'000;
    write();
    EXPECT_EQ(frames(), before + 1);
  }
}

TEST_F(log_company, a_cancel_has_a_ticket_and_waits_for_nobody) {
  const job_id id = w.submit(q, k, {.after = 1h});
  write();
  const std::uint64_t before = frames();
  ASSERT_TRUE(w.e->cancel(w.context_of_host(), id));
  write();
  EXPECT_EQ(frames(), before + 1);
}

}  // namespace
}  // namespace pawl
