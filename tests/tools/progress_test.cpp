#include "progress.hpp"

#include <gtest/gtest.h>

namespace pawl_tool {
namespace {

using namespace std::chrono_literals;

TEST(progress, says_how_long_it_will_take_once_the_input_has_ended) {
  progress_view view{.done = 1'500, .running = 4, .failed = 2, .jobs_per_second = 100, .total = {}};
  EXPECT_EQ(progress_line(view, false), "1,500 done, 4 running, 2 failed, 100 jobs/s");
  view.total = 9'000;
  EXPECT_EQ(progress_line(view, false),
            "1,500 done of 9,000, 4 running, 2 failed, 100 jobs/s, 1:15 left");
  view.jobs_per_second = 1;
  EXPECT_EQ(progress_line(view, false),
            "1,500 done of 9,000, 4 running, 2 failed, 1 jobs/s, 2:05:00 left");
}

TEST(progress, counts_jobs_that_wait_to_be_tried_again_apart) {
  const progress_meter::clock::time_point start{};
  progress_meter meter(start);
  totals now;
  now.started = 9;
  now.ended = 3;
  now.dead = 1;
  now.retried = 4;
  now.restarted = 1;
  const progress_view view = meter.look(now, {}, start + 1s);
  EXPECT_EQ(progress_line(view, false), "3 done, 2 running, 3 to retry, 1 failed, 3 jobs/s");
}

TEST(progress, never_wraps_an_ordinary_line) {
  progress_view view;
  view.done = 1'500'000;
  view.running = 1'024;
  view.jobs_per_second = 100'000;
  view.total = 9'000'000;
  view.waiting_for_retry = 65'536;
  EXPECT_LE(progress_line(view, false).size(), 79u);
  EXPECT_EQ(progress_line(view, false).find("left"), std::string::npos);
}

TEST(progress, shows_failures_in_red_where_colors_are_wanted) {
  progress_view view;
  EXPECT_EQ(progress_line(view, true).find('\033'), std::string::npos);
  view.failed = 1;
  EXPECT_NE(progress_line(view, true).find("\033[31m1 failed\033[0m"), std::string::npos);
}

TEST(progress, smooths_the_rate) {
  const progress_meter::clock::time_point start{};
  progress_meter meter(start);
  totals now;
  now.ended = 100;
  EXPECT_DOUBLE_EQ(meter.look(now, {}, start + 1s).jobs_per_second, 100);
  now.ended = 500;
  EXPECT_DOUBLE_EQ(meter.look(now, {}, start + 2s).jobs_per_second, 200);
}

}  // namespace
}  // namespace pawl_tool
