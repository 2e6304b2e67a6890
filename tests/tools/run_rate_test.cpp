// `pawl run` with limits: no more at once and no faster than was asked for. Times are asked from below
// only: what comes later than it may is the machine's affair.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>

#include "pawl_process.hpp"

namespace pawl_tests {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Fails where another of its kind is at it in the same folder.
const std::string alone_in_lock = "mkdir lock && sleep 0.02 && rmdir lock";

TEST(run_rate, starts_are_spaced) {
  const auto begin = clock::now();
  const process_end end = run_pawl({"run", "noop", "-q", "--rate", "50/s"}, "1\n2\n3\n4\n5\n6\n");
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_GE(clock::now() - begin, milliseconds(5 * 20));
}

TEST(run_rate, a_burst_starts_at_once_and_what_is_beyond_it_does_not) {
  const auto begin = clock::now();
  pawl_process process({"run", "noop", "-o", "jsonl", "--rate", "1/h,burst=3"});
  process.write("1\n2\n3\n4\n");
  process.close_input();
  ASSERT_TRUE(becomes_true([&] { return lines_of(process.output_so_far()).size() == 3; }));
  EXPECT_LT(clock::now() - begin, std::chrono::minutes(30));
  process.send(SIGINT);  // what waits for its rate is waited for no longer
  const process_end end = process.wait();
  EXPECT_EQ(end.exit_code, 130) << end.errors;
  EXPECT_EQ(lines_of(end.output).size(), 3u);
}

TEST(run_rate, retries_count_too) {
  const auto begin = clock::now();
  const process_end end = run_pawl(
      {"run", "-q", "--attempts", "4", "--backoff", "0", "--rate", "50/s", "--", "false"}, "1\n");
  EXPECT_EQ(end.exit_code, 1) << end.errors;
  EXPECT_GE(clock::now() - begin, milliseconds(3 * 20));
}

TEST(run_rate, a_queue_runs_as_many_at_once_as_it_may) {
  const temporary_folder folder;
  std::string lines;
  for (int i = 0; i < 12; ++i) lines += "x\n";
  const process_end end =
      run_pawl({"run", "-j", "4", "--queue", "one:concurrency=1", "--", "sh", "-c", alone_in_lock},
               lines, {.environment = {}, .folder = folder.path()});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
}

TEST(run_rate, each_queue_has_limits_of_its_own) {
  const temporary_folder folder;
  std::string lines;
  for (int i = 0; i < 8; ++i) {
    lines += R"({"payload": ["first"], "queue": "a"})"
             "\n"
             R"({"payload": ["second"], "queue": "b"})"
             "\n"
             R"({"payload": ["third"]})"
             "\n";
  }
  const process_end end =
      run_pawl({"run", "--jsonl", "-j", "6", "--queue", "a:concurrency=1", "--queue",
                "b:concurrency=1,weight=3", "--queue", "run:concurrency=1", "--", "sh", "-c",
                "mkdir -p $0; cd $0; " + alone_in_lock},
               lines, {.environment = {}, .folder = folder.path()});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_TRUE(contains(end.errors, "completed 24")) << end.errors;
}

TEST(run_rate, a_queue_that_waits_keeps_no_other_waiting) {
  pawl_process process({"run", "noop", "--jsonl", "-o", "jsonl", "--queue", "slow:rate=1/h"});
  std::string lines;
  for (int i = 0; i < 3; ++i)
    lines += R"({"kind": "noop", "queue": "slow"})"
             "\n";
  for (int i = 0; i < 5; ++i)
    lines += R"({"kind": "noop", "queue": "fast"})"
             "\n";
  process.write(lines);
  process.close_input();
  EXPECT_TRUE(becomes_true([&] { return lines_of(process.output_so_far()).size() == 6; }))
      << process.output_so_far();
  process.send(SIGINT);
  EXPECT_EQ(process.wait().exit_code, 130);
}

TEST(run_rate, says_what_is_wrong) {
  const struct {
    words arguments;
    const char* mistake;
  } wrong[] = {
      {{"run", "noop", "--rate", "fast"}, "pawl: --rate: \"fast\" is not COUNT/TIME"},
      {{"run", "noop", "--queue", "a b"}, "pawl: --queue: \"a b\" is no name"},
      {{"run", "noop", "--queue", "a:rate=1"}, "pawl: --queue: \"1\" is not COUNT/TIME"},
      {{"run", "noop", "--queue", "a", "--queue", "b"}, "only lines of --jsonl say"},
      {{"run", "noop", "--jsonl", "--queue", "a", "--queue", "a"}, "--queue: a is there twice"},
  };
  for (const auto& [arguments, mistake] : wrong) {
    const process_end end = run_pawl(arguments, "1\n");
    EXPECT_EQ(end.exit_code, 2) << mistake;
    EXPECT_TRUE(contains(end.errors, mistake)) << end.errors;
  }
}

TEST(run_rate, a_dry_run_names_the_queue) {
  const process_end end =
      run_pawl({"run", "noop", "--dry-run", "-o", "jsonl", "--queue", "mail:concurrency=2"}, "1\n");
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_TRUE(contains(end.output, R"("queue":"mail")")) << end.output;
}

}  // namespace
}  // namespace pawl_tests
