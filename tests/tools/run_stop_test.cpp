// `pawl run` cut short: by a reader that leaves, by signals, by SIGKILL.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "pawl_process.hpp"

namespace pawl_tests {
namespace {

// Jobs tell their process id in a file each, named by the line, below `folder`.
words telling_command(const temporary_folder& folder, const std::string& then) {
  return {"run",
          "-j",
          "4",
          "--",
          "sh",
          "-c",
          "echo $$ >" + folder.path() + "/$1.new; mv " + folder.path() + "/$1.new " +
              folder.path() + "/$1; " + then,
          "sh"};
}

bool is_there(const temporary_folder& folder, const std::string& name) {
  return ::access((folder.path() + '/' + name).c_str(), F_OK) == 0;
}

TEST(run_stop, a_closed_output_stops_the_intake_and_ends_running_jobs) {
  const temporary_folder folder;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  process_options options;
  options.output = ends[1];
  words command = telling_command(folder, "echo line; if [ $1 != 1 ]; then sleep 1000; fi");
  pawl_process process(command, options);
  process.write("1\n2\n3\n");  // and the input stays open
  char byte = 0;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);
  ASSERT_TRUE(becomes_true([&] { return is_there(folder, "2") && is_there(folder, "3"); }));
  ::close(ends[0]);
  const process_end end = [&] {
    // Ended by itself, with its input still open.
    EXPECT_TRUE(becomes_true([&] { return processes_with(folder.path()).empty(); }));
    return process.wait();
  }();
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.signal, 0);
  EXPECT_EQ(lines_of(end.errors).size(), 1u) << end.errors;
  EXPECT_TRUE(contains(end.errors, "pawl: nobody reads standard output any more")) << end.errors;
}

TEST(run_stop, a_pipe_into_head_ends_an_endless_run) {
  const process_end end = run_program(
      {"bash", "-c",
       "yes / | " PAWL_COMMAND " run -o jsonl noop | head -1 | wc -l; echo ${PIPESTATUS[1]}"},
      "");
  EXPECT_EQ(end.output, "1\n1\n") << end.errors;
}

TEST(run_stop, ctrl_c_stops_the_intake_and_running_jobs_finish) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const temporary_folder folder;
    pawl_process process(telling_command(
        folder, "while [ ! -e " + folder.path() + "/go ]; do sleep 0.02; done; echo $1 finished"));
    process.write("1\n2\n3\n4\n5\n6\n7\n8\n");
    ASSERT_TRUE(becomes_true([&] { return is_there(folder, "4"); }));
    process.send(signal);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    folder.add("go", "");
    const process_end end = process.wait();
    EXPECT_EQ(end.exit_code, 130);
    EXPECT_EQ(lines_of(end.output).size(), 4u) << end.output;
    EXPECT_TRUE(contains(end.errors, "completed 4, dead 0, not started 4\n")) << end.errors;
    EXPECT_FALSE(is_there(folder, "5"));
  }
}

TEST(run_stop, ctrl_c_twice_ends_running_jobs_at_once) {
  const temporary_folder folder;
  pawl_process process(telling_command(folder, "sleep 1000; echo never"));
  process.write("1\n2\n3\n4\n5\n6\n");
  ASSERT_TRUE(becomes_true([&] { return is_there(folder, "4"); }));
  const auto start = std::chrono::steady_clock::now();
  process.send(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  process.send(SIGINT);
  const process_end end = process.wait();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_EQ(end.exit_code, 130);
  EXPECT_EQ(end.output, "");
  EXPECT_TRUE(contains(end.errors, "dead 4, not started 2\n")) << end.errors;
  EXPECT_TRUE(becomes_true([&] { return processes_with(folder.path()).empty(); }))
      << processes_with(folder.path());
}

TEST(run_stop, ctrl_c_wakes_jobs_that_sleep_and_an_intake_that_waits) {
  pawl_process process({"run", "-j", "2", "sleep", "--window", "3"});
  process.write("1000\n1000\n1000\n1000\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  process.send(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  process.send(SIGINT);
  EXPECT_EQ(process.wait().exit_code, 130);
}

// The intake stops, what runs ends, what has not started never does, and the input may stay open.
TEST(run_stop, halt_lets_running_jobs_finish_and_starts_no_more) {
  const temporary_folder folder;
  words command =
      telling_command(folder, "case $1 in 1|2) exit 1;; esac; while [ ! -e " + folder.path() +
                                  "/go ]; do sleep 0.02; done; echo $1 finished");
  command.insert(command.begin() + 1, {"--halt", "2"});
  pawl_process process(command);
  process.write("3\n4\n");
  ASSERT_TRUE(becomes_true([&] { return is_there(folder, "3") && is_there(folder, "4"); }));
  process.write("1\n2\n");
  ASSERT_TRUE(becomes_true([&] { return is_there(folder, "1") && is_there(folder, "2"); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  process.write("5\n6\n");
  folder.add("go", "");
  const process_end end = process.wait();
  EXPECT_EQ(end.exit_code, 8);
  EXPECT_EQ(lines_of(end.output).size(), 2u) << end.output;
  EXPECT_TRUE(contains(end.errors, "completed 2, dead 2\n")) << end.errors;
  EXPECT_TRUE(contains(end.errors, "pawl: halted after 2 failures\n")) << end.errors;
  EXPECT_FALSE(is_there(folder, "5"));
}

// Method: all of these lines come in with one read, and none of them is a job.
TEST(run_stop, halt_stops_reading_after_so_many_refused_lines) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += "{\n";
  const process_end end = run_pawl({"run", "--jsonl", "--halt", "3", "-o", "jsonl"}, lines);
  EXPECT_EQ(end.exit_code, 8);
  EXPECT_EQ(lines_of(end.output).size(), 3u) << end.output;
  EXPECT_TRUE(contains(end.errors, "refused 3")) << end.errors;
}

// Method: the job that runs takes more than two seconds, in which pawl said who is still inside.
TEST(run_stop, ctrl_c_says_nothing_of_jobs_that_may_finish) {
  const temporary_folder folder;
  pawl_process process(telling_command(folder, "sleep 2.5"));
  process.write("1\n");
  ASSERT_TRUE(becomes_true([&] { return is_there(folder, "1"); }));
  process.send(SIGINT);
  const process_end end = process.wait();
  EXPECT_EQ(end.exit_code, 130);
  EXPECT_FALSE(contains(end.errors, "stuck")) << end.errors;
}

TEST(run_stop, halt_counts_failures_only) {
  EXPECT_EQ(run_pawl({"run", "--halt", "2", "sleep"}, "0\nx\n0\n").exit_code, 8);
  const process_end good = run_pawl({"run", "--halt", "1", "noop"}, "1\n2\n");
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_FALSE(contains(good.errors, "halted"));
  // None completed, but --halt is what ended it; and one failure is enough for an endless input.
  const process_end end = run_program(
      {"bash", "-c", "yes x | " PAWL_COMMAND " run --halt 1 -q sleep; echo ${PIPESTATUS[1]}"}, "");
  EXPECT_EQ(end.output, "8\n") << end.errors;
  EXPECT_TRUE(contains(end.errors, "halted after 1 failure\n")) << end.errors;
}

// Not only the commands but also what they have started, which no parent-death signal reaches.
TEST(run_stop, kill_9_leaves_no_process_behind) {
  const temporary_folder folder;
  const std::string mark = "pawl_test_mark_" + std::to_string(::getpid());
  pawl_process process(
      telling_command(folder, "(sleep 1000; : " + mark + ") & sleep 1000; : " + mark));
  process.write("1\n2\n3\n4\n");
  ASSERT_TRUE(becomes_true([&] { return is_there(folder, "4") && is_there(folder, "1"); }));
  ASSERT_FALSE(processes_with(mark).empty());
  process.send(SIGKILL);
  EXPECT_EQ(process.wait().signal, SIGKILL);
  EXPECT_TRUE(becomes_true([&] { return processes_with(mark).empty(); })) << processes_with(mark);
}

}  // namespace
}  // namespace pawl_tests
