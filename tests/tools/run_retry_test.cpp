// `pawl run` with jobs that fail: how often and when they are started again, what is shown of them.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "pawl_process.hpp"

namespace pawl_tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A command that notes each start in a file named by the line, writes one line to each stream, and
// exits with `code` until it has been started more than `failures` times.
words flaky(const temporary_folder& folder, int failures, int code = 3) {
  const std::string file = folder.path() + "/$1";
  return {"sh", "-c",
          "date +%s%N >>" + file + "; n=$(wc -l <" + file + "); echo $1 try $n; " +
              "echo $1 try $n >&2; [ $n -gt " + std::to_string(failures) + " ] || exit " +
              std::to_string(code),
          "sh"};
}

process_end run_words(words arguments, const words& command, std::string_view input) {
  arguments.insert(arguments.begin(), "run");
  arguments.push_back("--");
  arguments.insert(arguments.end(), command.begin(), command.end());
  return run_pawl(arguments, input);
}

std::vector<std::int64_t> starts_ns(const temporary_folder& folder, const std::string& line) {
  std::vector<std::int64_t> times;
  std::ifstream file(folder.path() + '/' + line);
  for (std::int64_t time = 0; file >> time;) times.push_back(time);
  return times;
}

TEST(run_retry, starts_as_often_as_needed_and_never_earlier_than_the_backoff_says) {
  const temporary_folder folder;
  const process_end end = run_words({"--attempts", "4", "--backoff", "table:100ms,200ms,300ms"},
                                    flaky(folder, 3), "a\nb\n");
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_TRUE(contains(end.errors, "completed 2, dead 0, retried 6\n")) << end.errors;
  for (const char* line : {"a", "b"}) {
    const auto times = starts_ns(folder, line);
    ASSERT_EQ(times.size(), 4u);
    // The clock of the test is the wall clock: a millisecond for its steering.
    for (std::size_t i = 1; i < times.size(); ++i) {
      EXPECT_GE(times[i] - times[i - 1], static_cast<std::int64_t>(i) * 100'000'000 - 1'000'000);
    }
  }
}

TEST(run_retry, without_attempts_nothing_is_tried_again) {
  const temporary_folder folder;
  EXPECT_EQ(run_words({}, flaky(folder, 1), "a\n").exit_code, 1);
  EXPECT_EQ(starts_ns(folder, "a").size(), 1u);
}

TEST(run_retry, shows_the_last_attempt_only_and_says_which_it_was) {
  const temporary_folder folder;
  const process_end end =
      run_words({"--attempts", "3", "--backoff", "10ms"}, flaky(folder, 2), "a\n");
  EXPECT_EQ(end.output, "a try 3\n");
  EXPECT_TRUE(end.errors.starts_with("a try 3\npawl run exec: 1 jobs")) << end.errors;

  const process_end dead =
      run_words({"--attempts", "2", "--backoff", "10ms"}, flaky(folder, 9), "b\n");
  EXPECT_EQ(dead.exit_code, 1);
  EXPECT_EQ(dead.output, "b try 2\n");
  EXPECT_TRUE(contains(dead.errors, "b try 2\npawl: line 1: \"b\": it exited with 3 (attempt 2)\n"))
      << dead.errors;

  const process_end json = run_words({"--attempts", "2", "--backoff", "10ms", "-o", "jsonl", "-q"},
                                     flaky(folder, 9), "c\n");
  EXPECT_TRUE(contains(json.output,
                       "\"state\":\"dead\",\"cause\":\"exhausted\",\"attempts\":2,\"exit_code\":3"))
      << json.output;
  EXPECT_TRUE(contains(json.output, "\"output\":\"c try 2\\n\"")) << json.output;
}

TEST(run_retry, dead_on_ends_a_job_at_once) {
  const temporary_folder folder;
  const words options = {"--attempts", "3",  "--backoff", "1ms", "--dead-on",
                         "2,64-78",    "-o", "jsonl",     "-q"};
  for (const auto& [code, starts] : {std::pair{2, 1}, {1, 3}, {64, 1}, {78, 1}, {79, 3}}) {
    const std::string line = "code" + std::to_string(code);
    const process_end end = run_words(options, flaky(folder, 9, code), line + "\n");
    EXPECT_EQ(end.exit_code, 1);
    EXPECT_EQ(starts_ns(folder, line).size(), static_cast<std::size_t>(starts)) << code;
    EXPECT_TRUE(contains(end.output, starts == 1 ? "\"cause\":\"handler\",\"attempts\":1"
                                                 : "\"cause\":\"exhausted\",\"attempts\":3"))
        << end.output;
  }
}

TEST(run_retry, what_cannot_get_better_is_not_tried_again) {
  const process_end end =
      run_pawl({"run", "--attempts", "5", "--backoff", "1h", "sleep"}, "soon\n0\n");
  EXPECT_EQ(end.exit_code, 8);
  EXPECT_TRUE(contains(end.errors, "completed 1, dead 1\n")) << end.errors;
}

TEST(run_retry, keep_order_waits_for_what_is_tried_again) {
  const temporary_folder folder;
  const process_end end =
      run_words({"--attempts", "3", "--backoff", "50ms", "--keep-order", "-q", "-j", "4"},
                {"sh", "-c",
                 "case $1 in 1|4) echo x >>" + folder.path() + "/$1; [ $(wc -l <" + folder.path() +
                     "/$1) -gt 2 ] || exit 1;; esac; echo $1",
                 "sh"},
                "1\n2\n3\n4\n5\n6\n");
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(end.output, "1\n2\n3\n4\n5\n6\n");
}

// 200 jobs fail once and then write 4 MB each, while the first one is still to be tried again.
TEST(run_retry, keep_order_stops_the_intake_also_while_jobs_are_tried_again) {
  const temporary_folder folder;
  const std::string script = "if [ $1 = 1 ]; then [ -e " + folder.path() +
                             "/go ] || exit 1; fi; f=" + folder.path() +
                             "/$1; [ -e $f ] || { : >$f; exit 1; }; echo $1 >>" + folder.path() +
                             "/done; head -c 4000000 /dev/zero";
  pawl_process process({"run", "-q", "--keep-order", "-j", "4", "--attempts", "255", "--backoff",
                        "50ms", "--", "sh", "-c", script, "sh"});
  std::string input;
  constexpr unsigned jobs = sanitized ? 100 : 200;
  for (unsigned job = 1; job <= jobs; ++job) input += std::to_string(job) + '\n';
  process.write(input);
  process.close_input();
  const auto done = [&] {
    std::size_t count = 0;
    std::ifstream file(folder.path() + "/done");
    for (std::string line; std::getline(file, line);) ++count;
    return count;
  };
  ASSERT_TRUE(becomes_true([&] { return done() >= 16; }));
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_LE(done(), 17u + 64u);
  folder.add("go", "");
  const process_end end = process.wait();
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(end.output.size(), jobs * 4'000'000u);
  EXPECT_TRUE(sanitized || end.rss_kib_max < 256 * 1'024) << end.rss_kib_max;
}

// Without order, jobs that wait for a retry keep no other from being read and run.
TEST(run_retry, jobs_between_two_attempts_hold_up_no_others) {
  pawl_process process({"run", "-q", "-j", "2", "--attempts", "2", "--backoff", "1h", "--", "sh",
                        "-c", "[ $1 = good ] && echo $1", "sh"});
  std::string input;
  for (int i = 0; i < 50; ++i) input += "bad\n";
  process.write(input + "good\n");
  EXPECT_TRUE(becomes_true([&] { return contains(process.output_so_far(), "good\n"); }));
  process.send(SIGINT);
  EXPECT_EQ(process.wait().exit_code, 130);
}

TEST(run_retry, the_window_counts_them_too) {
  const temporary_folder folder;
  pawl_process process({"run", "-q", "-j", "2", "--window", "3", "--attempts", "2", "--backoff",
                        "1h", "--", "sh", "-c", ": >" + folder.path() + "/$1; exit 1", "sh"});
  process.write("1\n2\n3\n4\n5\n");
  const auto started = [&] {
    return lines_of(run_program({"ls", folder.path()}, "").output).size();
  };
  ASSERT_TRUE(becomes_true([&] { return started() == 3; }));
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_EQ(started(), 3u);
  process.send(SIGINT);
  EXPECT_EQ(process.wait().exit_code, 130);
}

TEST(run_retry, ctrl_c_does_not_wait_for_jobs_that_wait) {
  const temporary_folder folder;
  words arguments = {"run", "--attempts", "2", "--backoff", "1h", "--"};
  for (const auto& word : flaky(folder, 1)) arguments.push_back(word);
  pawl_process process(arguments);
  process.write("a\nb\n");
  ASSERT_TRUE(becomes_true(
      [&] { return starts_ns(folder, "a").size() + starts_ns(folder, "b").size() == 2; }));
  std::this_thread::sleep_for(milliseconds(200));
  const auto before = steady_clock::now();
  process.send(SIGINT);
  const process_end end = process.wait();
  EXPECT_LT(steady_clock::now() - before, std::chrono::seconds(2));
  EXPECT_EQ(end.exit_code, 130);
  EXPECT_EQ(end.output, "");
  EXPECT_TRUE(contains(end.errors, "completed 0, dead 0, retried 2, left before a retry 2\n"))
      << end.errors;
}

// A job that fails after the run was cut short will not be tried again: it is shown, and dead.
TEST(run_retry, an_attempt_that_fails_after_ctrl_c_is_the_last) {
  const temporary_folder folder;
  pawl_process process({"run", "--attempts", "9", "--backoff", "1h", "--", "sh", "-c",
                        "echo $1; : >" + folder.path() + "/on; while [ ! -e " + folder.path() +
                            "/go ]; do sleep 0.02; done; exit 7",
                        "sh"});
  process.write("a\n");
  ASSERT_TRUE(becomes_true([&] { return !run_program({"ls", folder.path()}, "").output.empty(); }));
  process.send(SIGINT);
  std::this_thread::sleep_for(milliseconds(100));
  folder.add("go", "");
  const process_end end = process.wait();
  EXPECT_EQ(end.exit_code, 130);
  EXPECT_EQ(end.output, "a\n");
  EXPECT_TRUE(contains(end.errors, "\"a\": it exited with 7\n")) << end.errors;
  EXPECT_TRUE(contains(end.errors, "completed 0, dead 1\n")) << end.errors;
}

TEST(run_retry, after_is_how_long_each_job_waits) {
  const auto before = steady_clock::now();
  const process_end end = run_pawl({"run", "-j", "2", "--after", "300ms", "-o", "jsonl", "noop"},
                                   "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  EXPECT_GE(steady_clock::now() - before, milliseconds(300));
  EXPECT_LT(steady_clock::now() - before, milliseconds(1'500)) << "they wait side by side";
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(lines_of(end.output).size(), 9u);
  for (const auto& line : lines_of(end.output)) {
    const std::size_t at = line.find("\"wait_ns\":");
    ASSERT_NE(at, std::string::npos);
    EXPECT_LT(std::strtoll(line.c_str() + at + 10, nullptr, 10), 300'000'000) << "beyond the delay";
  }
  // Also many processes: far more than run at a time are read and become due together.
  const auto again = steady_clock::now();
  std::string input;
  for (int i = 0; i < 40; ++i) input += "x\n";
  EXPECT_EQ(run_pawl({"run", "-q", "-j", "2", "--after", "300ms", "--", "true"}, input).exit_code,
            0);
  EXPECT_LT(steady_clock::now() - again, milliseconds(2'500));
}

}  // namespace
}  // namespace pawl_tests
