// `pawl run --jsonl`: jobs as JSON. What can be wrong with a line is in json_job_test.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "pawl_process.hpp"

namespace pawl_tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(run_jsonl, runs_every_kind_side_by_side) {
  const temporary_folder folder;
  const std::string file = folder.add("abc", "abc");
  const process_end end =
      run_pawl({"run", "--jsonl", "--keep-order"},
               "{\"kind\":\"digest\",\"payload\":\"" + file + "\"}\n" +
                   R"({"kind":"exec","payload":["printf","<%s>","a b","","{}"],"queue":"other"})" +
                   "\n" + R"({"kind":"noop","queue":"third","priority":"high"})" + "\n" +
                   R"({"kind":"sleep","payload":"1ms"})" + "\n");
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(end.output, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  " +
                            file + "\n<a b><><{}>");
  EXPECT_TRUE(contains(end.errors, "pawl run --jsonl: 4 jobs in ")) << end.errors;
}

TEST(run_jsonl, the_command_line_says_what_lines_do_not) {
  EXPECT_EQ(
      run_pawl({"run", "--jsonl", "-q", "--", "printf", "<%s>", "{}"}, "{\"payload\":\"a b\"}\n")
          .output,
      "<a b>");
  EXPECT_EQ(
      run_pawl({"run", "--jsonl", "-q", "--", "printf", "<%s>"}, "{\"payload\":[\"a b\",\"c\"]}\n")
          .output,
      "<a b><c>");
  EXPECT_EQ(run_pawl({"run", "--jsonl", "-q", "--", "echo", "x"}, "{\"kind\":\"noop\"}\n").output,
            "");
  EXPECT_EQ(run_pawl({"run", "--jsonl", "-q", "sleep", "--for", "1ms"}, "{}\n{}\n").exit_code, 0);
}

TEST(run_jsonl, a_line_that_is_no_job_is_told_and_the_others_run) {
  const process_end end = run_pawl({"run", "--jsonl", "--keep-order"},
                                   "{\"kind\":\"exec\",\"payload\":[\"echo\",\"1\"]}\n"
                                   "{\"kind\":\"exec\",\"paylod\":[\"echo\",\"2\"]}\n"
                                   "\n"
                                   "{\"kind\":\"exec\",\"payload\":[\"echo\",\"\xff\"]}\n"
                                   "{\"kind\":\"exec\",\"payload\":[\"echo\",\"5\"]}");
  EXPECT_EQ(end.exit_code, 8);
  EXPECT_EQ(end.output, "1\n5\n");
  for (const char* part : {"pawl: line 2, column 16: \"{", ": unknown key \"paylod\"\n",
                           "pawl: line 3, column 1: \"\": ", "pawl: line 4, column 35: \"{",
                           "ill-formed UTF-8 byte\n", "completed 2, dead 0, refused 3\n"}) {
    EXPECT_TRUE(contains(end.errors, part)) << part << " in " << end.errors;
  }
  EXPECT_EQ(run_pawl({"run", "--jsonl"}, "x\n").exit_code, 1);

  const process_end json = run_pawl({"run", "--jsonl", "-q", "-o", "jsonl"}, "{\"kind\":1}\n");
  EXPECT_TRUE(
      contains(json.output, "\"id\":null,\"line\":1,\"input\":\"{\\\"kind\\\":1}\",\"kind\":null"))
      << json.output;
  EXPECT_TRUE(
      contains(json.output, "\"state\":\"refused\",\"cause\":\"malformed\",\"attempts\":0"));
  EXPECT_TRUE(contains(json.output, "\"error\":\"kind: a string, not a number\",\"column\":9"));
  EXPECT_EQ(run_pawl({"run", "--jsonl", "--halt", "1", "-q"}, "x\n{\"kind\":\"noop\"}\n").exit_code,
            8);
}

TEST(run_jsonl, each_job_has_its_own_delay_attempts_and_timeout) {
  const temporary_folder folder;
  const std::string starts = folder.path() + "/starts";
  const auto before = steady_clock::now();
  const process_end end = run_pawl({"run", "--jsonl", "-o", "jsonl", "--keep-order", "-q",
                                    "--backoff", "1ms", "--timeout", "1h"},
                                   R"({"kind":"sleep","payload":"1000","timeout":0.1})"
                                   "\n"
                                   R"({"kind":"exec","payload":["sh","-c","echo x >>)" +
                                       starts + R"(; exit 1"],"attempts":3})" +
                                       "\n"
                                       R"({"kind":"noop","delay":"300ms"})"
                                       "\n");
  EXPECT_GE(steady_clock::now() - before, milliseconds(300));
  EXPECT_EQ(end.exit_code, 8);
  const auto lines = lines_of(end.output);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(contains(lines[0], "\"cause\":\"timeout\",\"attempts\":1")) << lines[0];
  EXPECT_TRUE(contains(lines[1], "\"cause\":\"exhausted\",\"attempts\":3")) << lines[1];
  EXPECT_TRUE(contains(lines[1], "\"input\":[\"sh\",\"-c\",\"echo x >>")) << lines[1];
  EXPECT_TRUE(contains(lines[2], "\"state\":\"completed\"")) << lines[2];
  EXPECT_EQ(lines_of(run_program({"cat", starts}, "").output).size(), 3u);
}

TEST(run_jsonl, higher_priorities_come_first) {
  // One thread, held by the first job until the others are in.
  std::string input = R"({"kind":"sleep","payload":"300ms","priority":"critical"})"
                      "\n";
  for (const char* priority : {"idle", "low", "normal", "high"}) {
    input += std::string(R"({"kind":"exec","payload":["echo",")") + priority +
             R"("],"priority":")" + priority + "\"}\n";
  }
  EXPECT_EQ(run_pawl({"run", "--jsonl", "-q", "-j", "1"}, input).output,
            "high\nnormal\nlow\nidle\n");
}

TEST(run_jsonl, dry_run_understands_the_lines) {
  const process_end end =
      run_pawl({"run", "--jsonl", "--dry-run"},
               R"({"kind":"exec","payload":["echo","a b"],"queue":"q","delay":2,"attempts":3})"
               "\n{\n"
               R"({"kind":"noop","timeout":"1s","priority":"bulk"})"
               "\n");
  EXPECT_EQ(end.exit_code, 8);
  EXPECT_EQ(end.output,
            "echo 'a b'  # after 2 s, queue q, at most 3 attempts, backoff exp:1s,x2,cap=5m\n"
            ": ''  # priority bulk, timeout 1 s\n");
  EXPECT_TRUE(contains(end.errors, "pawl: line 2, column 2: \"{\": not JSON: ")) << end.errors;
}

// The window forgets a line with all its bytes: long ones get through one after the other.
TEST(run_jsonl, long_lines_do_not_fill_the_window_for_ever) {
  const std::string line = "{\"kind\":\"noop\",\"payload\":\"" + std::string(1'000'000, 'x') +
                           "\"" + std::string(40'000, ' ') + "}\n";
  pawl_process process({"run", "--jsonl", "-q", "--keep-order"});
  for (int i = 0; i < 100; ++i) process.write(line);
  const process_end end = process.wait();
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_TRUE(sanitized || end.rss_kib_max < 256 * 1'024) << end.rss_kib_max;
}

}  // namespace
}  // namespace pawl_tests
