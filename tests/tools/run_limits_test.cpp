// `pawl run` with input of every size and kind: memory stays flat, and nothing is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "pawl_process.hpp"
#include "support/seed.hpp"

namespace pawl_tests {
namespace {

constexpr long rss_kib_limit = 256 * 1'024;

void expect_small(const process_end& end) {
  EXPECT_TRUE(sanitized || end.rss_kib_max < rss_kib_limit) << end.rss_kib_max;
}

// Writes `count` pieces and ends the process.
process_end feed(pawl_process& process, const std::string& piece, int count) {
  for (int i = 0; i < count; ++i) {
    if (!process.write(piece)) break;
  }
  return process.wait();
}

TEST(run_limits, millions_of_lines_take_no_more_memory_than_thousands) {
  std::string lines;
  while (lines.size() < 100'000) lines += "y\n";
  const int pieces = sanitized ? 4 : 60;  // 50,000 lines each
  for (const words& how : {words{}, words{"--keep-order"}}) {
    words arguments = {"run", "noop"};
    arguments.insert(arguments.end(), how.begin(), how.end());
    pawl_process process(arguments);
    const process_end end = feed(process, lines, pieces);
    EXPECT_EQ(end.exit_code, 0) << end.errors;
    EXPECT_TRUE(contains(end.errors, sanitized ? "completed 200,000," : "completed 3,000,000,"))
        << end.errors;
    EXPECT_TRUE(sanitized || end.rss_kib_max < rss_kib_limit / 2) << end.rss_kib_max;
  }
}

TEST(run_limits, a_line_of_100_mb_is_an_error_and_the_lines_around_it_are_run) {
  pawl_process process({"run", "--keep-order", "-q", "--", "echo"});
  process.write("before\n");
  const std::string million(1'000'000, 'x');
  for (int i = 0; i < 100; ++i) process.write(million);
  process.write("\nafter\n");
  const process_end end = process.wait();
  EXPECT_EQ(end.exit_code, 8);
  EXPECT_EQ(end.output, "before\nafter\n");
  EXPECT_TRUE(contains(end.errors, "pawl: line 2: \"xxxx")) << end.errors;
  EXPECT_TRUE(contains(end.errors, "a line of 100,000,000 bytes is longer than 1,048,560\n"))
      << end.errors;
  expect_small(end);
}

TEST(run_limits, the_longest_line_goes_through_and_one_byte_more_does_not) {
  const std::string longest(1'048'560, 'x');
  const process_end end = run_pawl({"run", "noop", "-o", "jsonl"}, longest + "\n" + longest + "x");
  EXPECT_EQ(end.exit_code, 8);
  const auto lines = lines_of(end.output);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(contains(end.output, "\"input\":\"" + longest + "\""));
  EXPECT_TRUE(contains(end.output, "\"state\":\"refused\",\"cause\":\"too_large\""));
}

TEST(run_limits, a_budget_of_memory_slows_the_intake_and_loses_nothing) {
  // Jobs that wait for a second: all of them at once would be 100,000 of 640 bytes.
  std::string lines;
  while (lines.size() < 100'000) lines += std::string(399, 'y') + '\n';
  const int pieces = sanitized ? 40 : 400;  // 250 lines each
  pawl_process process(
      {"run", "noop", "--after", "1s", "--window", "1000000", "-j", "2", "--memory", "24MB"});
  const process_end end = feed(process, lines, pieces);
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_TRUE(contains(end.errors, sanitized ? "completed 10,000," : "completed 100,000,"))
      << end.errors;
  EXPECT_TRUE(sanitized || end.rss_kib_max < 38 * 1'024) << end.rss_kib_max;
}

TEST(run_limits, a_budget_of_memory_that_is_too_small_says_what_it_needs) {
  const process_end end = run_pawl({"run", "noop", "--memory", "1MB"}, "1\n");
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_TRUE(contains(end.errors,
                       "options.memory_bytes_max is 1048576, and these options need at"
                       " least "))
      << end.errors;
  EXPECT_EQ(run_pawl({"run", "noop", "--memory", "much"}, "1\n").exit_code, 2);
}

// The library that reads the words takes -1 for the greatest number there is.
TEST(run_limits, a_number_that_is_none_or_too_large_is_refused_and_nothing_is_run) {
  for (const char* const option :
       {"--halt", "--window", "--attempts", "--concurrency", "--memory"}) {
    for (const char* const number : {"-1", "1.5", "1x", "", "99999999999999999999999"}) {
      const process_end end = run_pawl({"run", "noop", option, number}, "1\n");
      EXPECT_EQ(end.exit_code, 2) << option << ' ' << number << ": " << end.errors;
      EXPECT_EQ(end.output, "") << option << ' ' << number;
    }
  }
  EXPECT_EQ(run_pawl({"wal", "tail", "--limit", "-1", "."}, "").exit_code, 2);
}

// A hundred of the longest lines: each is an error, and they are not all held at once.
TEST(run_limits, many_very_long_lines_stay_within_the_memory_limit) {
  const std::string longest = std::string(1'048'560, 'x') + '\n';
  pawl_process process({"run", "digest", "-q", "--keep-order"});
  const process_end end = feed(process, longest, 100);
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(lines_of(end.errors).size(), 100u);
  expect_small(end);
}

TEST(run_limits, binary_garbage_gives_an_error_for_each_line) {
  pawl::test::random_source random(pawl::test::fresh_seed());
  std::string garbage(1'000'000, '\0');
  for (char& c : garbage) c = static_cast<char>(random());
  const auto lines = static_cast<std::size_t>(std::count(garbage.begin(), garbage.end(), '\n')) +
                     (garbage.back() == '\n' ? 0 : 1);
  const process_end end = run_pawl({"run", "digest", "-q"}, garbage);
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.output, "");
  EXPECT_EQ(lines_of(end.errors).size(), lines);
}

TEST(run_limits, a_line_is_run_when_it_comes_not_when_there_are_many) {
  pawl_process process({"run", "-q", "--", "echo"});
  for (const std::string line : {"one\n", "two\n", "three\n"}) {
    process.write(line);
    EXPECT_TRUE(becomes_true([&] { return contains(process.output_so_far(), line); })) << line;
  }
  EXPECT_EQ(process.wait().exit_code, 0);
}

// The first job waits for a file that the test makes only when the others have had all the time to
// fill the buffer: the intake stops before 64 MB by more than what runs, the rest waits in the pipe.
TEST(run_limits, keep_order_slows_the_intake_rather_than_buffer_without_bound) {
  const temporary_folder folder;
  const std::string go = folder.path() + "/go";
  const std::string script = "if [ $1 = 1 ]; then while [ ! -e " + go +
                             " ]; do sleep 0.02; done; fi; echo x >>" + folder.path() +
                             "/started; head -c 4000000 /dev/zero";
  pawl_process process(
      {"run", "-q", "--keep-order", "--concurrency", "4", "--", "sh", "-c", script, "sh"});
  std::string input;
  for (int job = 1; job <= 60; ++job) input += std::to_string(job) + '\n';
  process.write(input);
  process.close_input();
  const auto started = [&] {
    const std::string count = "wc -l <" + folder.path() + "/started";
    return std::strtoul(run_program({"sh", "-c", count}, "").output.c_str(), nullptr, 10);
  };
  ASSERT_TRUE(becomes_true([&] { return started() >= 16; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  // 16 jobs of 4 MB fill 64 MB; at most eight more were under way.
  EXPECT_LE(started(), 17u + 8u);
  folder.add("go", "");
  const process_end end = process.wait();
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(end.output.size(), 60u * 4'000'000u);
  expect_small(end);
}

// A window of one and lines that are refused on the way: nothing waits for itself.
TEST(run_limits, a_window_of_one_gets_through) {
  const std::string too_long(1'100'000, 'x');
  for (const words& how : {words{}, words{"--keep-order"}}) {
    words arguments = {"run", "-q", "noop", "--window", "1", "-o", "jsonl"};
    arguments.insert(arguments.end(), how.begin(), how.end());
    const process_end end =
        run_pawl(arguments, "1\n2\n" + too_long + "\n4\n" + too_long + "\n" + too_long + "\n7\n");
    EXPECT_EQ(end.exit_code, 8);
    EXPECT_EQ(lines_of(end.output).size(), 7u);
  }
}

}  // namespace
}  // namespace pawl_tests
