// Handlers that spawn oneTBB work. Method: sums with a known answer, and thread-locals that show
// whether a thread that waits inside one handler ran work of another.
#include <gtest/gtest.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>

#include <atomic>
#include <functional>
#include <thread>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::eventually;
using test::no_payload;
using test::open_or_exit;
using test::queue_or_exit;
using test::scaled;
using test::small_options;

constexpr std::uint64_t numbers = 200'000;

std::uint64_t parallel_sum() {
  return tbb::parallel_reduce(
      tbb::blocked_range<std::uint64_t>(1, numbers + 1, 100), std::uint64_t{0},
      [](const tbb::blocked_range<std::uint64_t>& r, std::uint64_t sum) {
        for (std::uint64_t i = r.begin(); i != r.end(); ++i) sum += i;
        return sum;
      },
      std::plus<>());
}

// Runs `jobs` parallel handlers on two drains; true: every sum was right.
bool sums_are_right(int jobs) {
  std::atomic<int> right{0};
  registry kinds;
  const kind_ref kind = kinds.add("sum",
                                  [](void* user, context&, std::span<const std::byte>) {
                                    if (parallel_sum() == numbers * (numbers + 1) / 2)
                                      ++*static_cast<std::atomic<int>*>(user);
                                    return outcome::done();
                                  },
                                  &right, {.parallel = true});
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  for (int i = 0; i < jobs; ++i) EXPECT_TRUE(s->submit(q, kind, no_payload()));
  return eventually(
             [&] { return s->read_counters().completed == static_cast<std::uint64_t>(jobs); }) &&
         right == jobs;
}

class parallel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (test::under_tsan) {
      GTEST_SKIP() << "the packaged libtbb is not instrumented: its hand-overs look like races";
    }
  }
};

TEST_F(parallel, nested_work_gives_the_right_answer) {
  EXPECT_TRUE(sums_are_right(scaled(300)));
}

TEST_F(parallel, works_when_the_host_allows_tbb_one_thread) {
  const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  EXPECT_TRUE(sums_are_right(scaled(100)));
}

TEST_F(parallel, works_beside_a_host_that_uses_tbb_itself) {
  std::atomic<bool> stop{false};
  std::thread host([&] {
    while (!stop.load()) {
      ASSERT_EQ(parallel_sum(), numbers * (numbers + 1) / 2);
    }
  });
  EXPECT_TRUE(sums_are_right(scaled(100)));
  stop = true;
  host.join();
  EXPECT_EQ(parallel_sum(), numbers * (numbers + 1) / 2) << "and after the scheduler has gone";
}

TEST_F(parallel, a_handler_that_waits_runs_no_work_of_another) {
  // Each handler leaves its job's id in a thread-local; its pieces look at that of the thread they
  // run on: their own job's, or none (a thread of TBB, or a drain between jobs).
  static thread_local std::uint64_t inside = 0;
  struct counts {
    std::atomic<long> foreign{0};
    std::atomic<long> pieces{0};
  } c;
  registry kinds;
  const kind_ref kind = kinds.add("k",
                                  [](void* user, context& job, std::span<const std::byte>) {
                                    counts& n = *static_cast<counts*>(user);
                                    const std::uint64_t own = job.id().value;
                                    if (inside != 0) ++n.foreign;  // a job inside a job
                                    inside = own;
                                    tbb::parallel_for(0, 200, [&n, own](int) {
                                      ++n.pieces;
                                      if (inside != 0 && inside != own) ++n.foreign;
                                      for (int i = 0; i < 200; ++i) {
                                        if (n.pieces.load(std::memory_order_relaxed) < 0) return;
                                      }
                                    });
                                    inside = 0;
                                    return outcome::done();
                                  },
                                  &c, {.parallel = true});
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  const int jobs = scaled(500);
  for (int i = 0; i < jobs; ++i) ASSERT_TRUE(s->submit(q, kind, no_payload()));
  ASSERT_TRUE(
      eventually([&] { return s->read_counters().completed == static_cast<std::uint64_t>(jobs); }));
  EXPECT_EQ(c.pieces, 200L * jobs);
  EXPECT_EQ(c.foreign, 0);
}

TEST_F(parallel, an_exception_from_a_piece_of_work_fails_the_attempt) {
  registry kinds;
  const kind_ref kind = kinds.add("k",
                                  [](void*, context&, std::span<const std::byte>) {
                                    tbb::parallel_for(0, 100, [](int i) {
                                      if (i == 57) throw std::runtime_error("piece");
                                    });
                                    return outcome::done();
                                  },
                                  nullptr, {.parallel = true, .max_attempts = 1});
  options o = small_options();
  o.log.write = [](void*, const log_record& r) { EXPECT_EQ(r.message, "piece"); };
  const auto s = open_or_exit(o, kinds);
  const auto a = s->submit(queue_or_exit(*s, "q"), kind, no_payload());
  const auto end = s->wait(a.ticket.id, test::patience);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->cause, dead_cause::exhausted);
}

}  // namespace
}  // namespace pawl
