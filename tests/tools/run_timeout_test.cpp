// `pawl run --timeout`: what runs too long is ended, first politely, with all it has started.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>

#include "pawl_process.hpp"

namespace pawl_tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

TEST(run_timeout, a_program_is_asked_to_end_and_may_say_goodbye) {
  const auto before = steady_clock::now();
  const process_end end =
      run_pawl({"run", "--timeout", "300ms", "--", "sh", "-c",
                "trap 'echo goodbye; exit 0' TERM; echo hello; while :; do sleep 0.02; done"},
               "x\n");
  EXPECT_LT(steady_clock::now() - before, seconds(4));
  EXPECT_EQ(end.exit_code, 1) << "whatever it exits with, it has failed";
  EXPECT_EQ(end.output, "hello\ngoodbye\n");
  EXPECT_TRUE(contains(end.errors, "pawl: line 1: \"x\": it ran longer than 300 ms\n"))
      << end.errors;
  EXPECT_TRUE(contains(end.errors, "completed 0, dead 1, timed out 1\n")) << end.errors;
}

TEST(run_timeout, fast_jobs_do_not_notice) {
  const process_end end = run_pawl({"run", "--timeout", "20s", "--", "echo"}, "a\n");
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_FALSE(contains(end.errors, "timed out"));
}

TEST(run_timeout, a_stopped_program_is_ended_too) {
  const auto before = steady_clock::now();
  EXPECT_EQ(run_pawl({"run", "-q", "--timeout", "300ms", "--", "sh", "-c", "kill -STOP $$"}, "x\n")
                .exit_code,
            1);
  EXPECT_LT(steady_clock::now() - before, seconds(4));
}

TEST(run_timeout, is_tried_again_and_the_cause_is_told) {
  const temporary_folder folder;
  const std::string file = folder.path() + "/starts";
  const process_end end = run_pawl(
      {"run", "-q", "--timeout", "200ms", "--attempts", "2", "--backoff", "10ms", "-o", "jsonl",
       "--", "sh", "-c", "echo x >>" + file + "; [ $1 = 2 ] && exit 0; exec sleep 1000", "sh"},
      "1\n2\n");
  EXPECT_EQ(end.exit_code, 8);
  for (const char* part :
       {"\"input\":\"1\"", "\"state\":\"dead\",\"cause\":\"timeout\",\"attempts\":2",
        "\"exit_code\":null,\"signal\":15", "\"error\":\"it ran longer than 200 ms\""}) {
    EXPECT_TRUE(contains(end.output, part)) << part << " in " << end.output;
  }
  EXPECT_EQ(lines_of(run_program({"cat", file}, "").output).size(), 3u);
}

TEST(run_timeout, sleep_and_digest_have_one_as_well) {
  const auto before = steady_clock::now();
  const process_end end = run_pawl({"run", "sleep", "--timeout", "100ms"}, "1000\n0.01\n");
  EXPECT_LT(steady_clock::now() - before, seconds(4));
  EXPECT_EQ(end.exit_code, 8);
  EXPECT_TRUE(contains(end.errors, "completed 1, dead 1, timed out 1\n")) << end.errors;

  const temporary_folder folder;  // a hole: gigabytes that take no room
  const std::string file = folder.add("hole", "");
  ASSERT_EQ(::truncate(file.c_str(), off_t{1} << 40), 0);
  const process_end digest = run_pawl({"run", "digest", "--timeout", "100ms"}, file + "\n");
  EXPECT_EQ(digest.exit_code, 1);
  EXPECT_TRUE(contains(digest.errors, "it ran longer than 100 ms\n")) << digest.errors;
}

// Three jobs at once, each of which takes the whole five seconds: a program that ignores SIGTERM; one
// that leaves a child that does, holding the output; and one whose end pawl does not see, since it is
// killed with SIGKILL on the way.
TEST(run_timeout, sigkill_follows_after_five_seconds_and_reaches_the_whole_group) {
  const std::string mark = "pawl_timeout_mark_" + std::to_string(::getpid());
  const std::string stubborn = "trap '' TERM; echo $1; (sleep 1000; : " + mark + ") & ";
  const std::string script = stubborn + "[ $1 = leaves ] || wait; sleep 0.4";
  const auto before = steady_clock::now();
  pawl_process process(
      {"run", "-q", "-j", "2", "--timeout", "300ms", "--", "sh", "-c", script, "sh"});
  pawl_process killed(
      {"run", "-q", "--timeout", "300ms", "--", "sh", "-c", stubborn + "wait; : k" + mark, "sh"});
  killed.write("x\n");
  process.write("waits\nleaves\n");
  process.close_input();
  ASSERT_TRUE(becomes_true([&] { return contains(processes_with("k" + mark), "k" + mark); }));
  while (steady_clock::now() - before < seconds(1)) ::usleep(10'000);
  killed.send(SIGKILL);
  EXPECT_EQ(killed.wait().signal, SIGKILL);
  EXPECT_TRUE(becomes_true([&] { return processes_with("k" + mark).empty(); }))
      << processes_with("k" + mark);
  EXPECT_FALSE(processes_with(mark).empty()) << "the other two are still in their five seconds";

  const process_end end = process.wait();
  const auto took = steady_clock::now() - before;
  EXPECT_GE(took, milliseconds(5'290));
  EXPECT_LT(took, seconds(8));
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(lines_of(end.output).size(), 2u) << end.output;
  EXPECT_TRUE(becomes_true([&] { return processes_with(mark).empty(); })) << processes_with(mark);
}

TEST(run_timeout, ctrl_c_twice_does_not_wait_for_the_five_seconds) {
  pawl_process process({"run", "-q", "--timeout", "100ms", "--attempts", "9", "--", "sh", "-c",
                        "trap '' TERM; echo on; sleep 1000 & wait; wait"});
  process.write("x\n");
  ::usleep(400'000);
  const auto before = steady_clock::now();
  process.send(SIGINT);
  ::usleep(50'000);
  process.send(SIGINT);
  const process_end end = process.wait();
  EXPECT_EQ(end.exit_code, 130);
  EXPECT_LT(steady_clock::now() - before, seconds(3));
}

}  // namespace
}  // namespace pawl_tests
