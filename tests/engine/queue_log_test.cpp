// What the log keeps of queues and tenants, option by option: a scheduler says it, and it is read from the log.
#include "engine/queue_log.hpp"

#include <gtest/gtest.h>

#include "persistence/boot_now.hpp"
#include "persistence/open_log.hpp"
#include "support/opened.hpp"
#include "support/scratch_directory.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;

class queue_log : public ::testing::Test {
 protected:
  std::unique_ptr<scheduler> open() {
    options o = small_options();
    o.directory = directory_.path();
    o.segment_bytes = 256u << 10;
    o.dispatch = false;
    return open_or_exit(o, kinds_);
  }
  // What an opening finds.
  std::unique_ptr<durable_state> state() {
    log_request r;
    r.directory = directory_.path();
    r.device = device_choice::posix;
    r.segment_bytes = 256u << 10;
    const auto boot = read_boot_id();
    EXPECT_TRUE(boot);
    r.now = moment_of(clock_, *boot);
    auto log = open_log(r);
    EXPECT_TRUE(log) << log.error().where;
    return log ? std::move(log->state) : nullptr;
  }

  scratch_directory directory_;
  registry kinds_;
  const system_clock clock_{};
};

void expect_same(const limits& a, const limits& b) {
  EXPECT_EQ(a.concurrency, b.concurrency);
  EXPECT_EQ(a.rate.starts, b.rate.starts);
  EXPECT_EQ(a.rate.per, b.rate.per);
  EXPECT_EQ(a.rate.burst, b.rate.burst);
}

void expect_same(const queue_options& a, const queue_options& b) {
  EXPECT_EQ(a.jobs_max, b.jobs_max);
  EXPECT_EQ(a.bytes_max, b.bytes_max);
  EXPECT_EQ(a.when_full, b.when_full);
  EXPECT_EQ(a.block_for, b.block_for);
  EXPECT_EQ(a.weight, b.weight);
  EXPECT_EQ(a.retries_per_s_max, b.retries_per_s_max);
  expect_same(a.limits, b.limits);
  EXPECT_EQ(a.lanes.concurrency, b.lanes.concurrency);
  expect_same({0, a.lanes.rate}, {0, b.lanes.rate});
  EXPECT_EQ(a.lanes.on_failure, b.lanes.on_failure);
  EXPECT_EQ(a.order, b.order);
  EXPECT_EQ(a.durability, b.durability);
  EXPECT_EQ(a.strict_start, b.strict_start);
  EXPECT_EQ(a.keep_results, b.keep_results);
}

// No two numbers are the same, and none is a default.
queue_options unusual() {
  return {.jobs_max = 4'711,
          .bytes_max = 1'234'567,
          .when_full = when_full::block,
          .block_for = 1'700ms,
          .weight = 17,
          .retries_per_s_max = 23,
          .limits = {.concurrency = 29, .rate = {.starts = 31, .per = 37s, .burst = 11}},
          .lanes = {.concurrency = 3,
                    .rate = {.starts = 5, .per = 7s, .burst = 2},
                    .on_failure = on_failure::block},
          .order = queue_order::exact_priority,
          .durability = durability::relaxed,
          .strict_start = true,
          .keep_results = true};
}

TEST_F(queue_log, has_every_option_of_a_queue) {
  {
    const auto s = open();
    queue_or_exit(*s, "unusual", unusual());
    queue_or_exit(*s, "usual");
    EXPECT_TRUE(s->stop(10s));
  }
  for (int opening = 0; opening < 2;
       ++opening) {  // the second one reads what the first has written
    const auto found = state();
    ASSERT_NE(found, nullptr);
    expect_same(queue_options_in(*found, 1), unusual());
    expect_same(queue_options_in(*found, 2), queue_options());
  }
}

// In whichever process the change is made.
TEST_F(queue_log, has_what_was_said_last) {
  queue_options first = unusual();
  queue_options second = unusual();
  second.weight = 99;
  second.limits = {};
  second.durability = durability::durable;
  second.strict_start = false;
  for (const queue_options& wanted : {first, second, first, second}) {
    {
      const auto s = open();
      queue_or_exit(*s, "q", wanted);
      EXPECT_TRUE(s->stop(10s));
    }
    const auto found = state();
    ASSERT_NE(found, nullptr);
    expect_same(queue_options_in(*found, 1), wanted);
  }
}

TEST_F(queue_log, has_every_option_of_a_tenant) {
  const tenant_options unusual_one{
      .limits = {.concurrency = 13, .rate = {.starts = 17, .per = 19s, .burst = 5}}, .weight = 23};
  {
    const auto s = open();
    ASSERT_TRUE(s->tenant("unusual", unusual_one));
    ASSERT_TRUE(s->tenant("usual"));
    EXPECT_TRUE(s->stop(10s));
  }
  const auto found = state();
  ASSERT_NE(found, nullptr);
  expect_same(tenant_options_in(*found, 1).limits, unusual_one.limits);
  EXPECT_EQ(tenant_options_in(*found, 1).weight, 23u);
  expect_same(tenant_options_in(*found, 2).limits, {});
  EXPECT_EQ(tenant_options_in(*found, 2).weight, 1u);
}

}  // namespace
}  // namespace pawl::test
