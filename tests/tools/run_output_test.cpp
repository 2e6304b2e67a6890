// `pawl run`: order, forms of output, messages, exit codes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "pawl_process.hpp"

namespace pawl_tests {
namespace {

// Later jobs are done long before earlier ones.
TEST(run_output, keep_order_writes_in_the_order_of_the_input) {
  const process_end end = run_pawl({"run", "-q", "--keep-order", "--concurrency", "8", "--", "sh",
                                    "-c", "sleep 0.$1; echo $1", "sh"},
                                   "4\n3\n2\n1\n0\n");
  EXPECT_EQ(end.output, "4\n3\n2\n1\n0\n");
}

TEST(run_output, concurrency_is_the_number_of_jobs_at_once) {
  const temporary_folder folder;
  // Each job leaves a mark while it runs and says how many marks there are.
  const std::string script = "cd " + folder.path() + "; : >m$1; ls | wc -l; sleep 0.05; rm m$1";
  for (const unsigned wanted : {1u, 3u}) {
    const process_end end =
        run_pawl({"run", "-q", "-j", std::to_string(wanted), "--", "sh", "-c", script, "sh"},
                 "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    unsigned long most = 0;
    for (const auto& line : lines_of(end.output)) most = std::max(most, std::stoul(line));
    EXPECT_LE(most, wanted);
    EXPECT_GE(most, 1u);
  }
}

// A checker for JSON that knows objects, strings, numbers and the three words.
class json_checker {
 public:
  explicit json_checker(std::string_view text) : rest_(text) {}
  bool is_one_object() { return object() && rest_.empty(); }

 private:
  bool take(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }
  bool object() {
    if (!take("{")) return false;
    do {
      if (!string() || !take(":") || !value()) return false;
    } while (take(","));
    return take("}");
  }
  bool value() {
    if (take("null") || take("true") || take("false") || string()) return true;
    const std::size_t digits = std::min(rest_.find_first_not_of("-0123456789"), rest_.size());
    rest_.remove_prefix(digits);
    return digits > 0;
  }
  bool string() {
    if (!take("\"")) return false;
    while (!rest_.empty() && rest_.front() != '"') {
      if (static_cast<unsigned char>(rest_.front()) < 0x20) return false;
      if (take("\\")) {
        if (take("u")) {
          if (rest_.size() < 4 || rest_.find_first_not_of("0123456789abcdef") < 4) return false;
          rest_.remove_prefix(4);
          continue;
        }
        if (rest_.empty() ||
            std::string_view("\"\\/bfnrt").find(rest_.front()) == std::string_view::npos) {
          return false;
        }
      }
      rest_.remove_prefix(1);
    }
    return take("\"");
  }

  std::string_view rest_;
};

TEST(run_output, jsonl_is_one_object_per_job_with_all_members) {
  const process_end end =
      run_pawl({"run", "-q", "-o", "jsonl", "--keep-order", "--tag", "a \"tag\"", "--", "sh", "-c",
                "printf 'out\\377\\n'; printf 'err' >&2; exit $1", "sh"},
               "0\n7\n\xff\"\\\n");
  EXPECT_EQ(end.exit_code, 8);
  EXPECT_EQ(end.errors, "") << "what a job writes is in its object";
  const auto lines = lines_of(end.output);
  ASSERT_EQ(lines.size(), 3u);
  for (const auto& line : lines) {
    EXPECT_TRUE(json_checker(line).is_one_object()) << line;
    for (const char* member :
         {"\"id\":\"", "\"kind\":\"exec\"", "\"tag\":\"a \\\"tag\\\"\"", "\"signal\":null",
          "\"wait_ns\":", "\"run_ns\":", "\"output\":\"out\xef\xbf\xbd\\n\""}) {
      EXPECT_TRUE(contains(line, member)) << member << " in " << line;
    }
  }
  EXPECT_TRUE(contains(lines[0], "\"line\":1,\"input\":\"0\""));
  EXPECT_TRUE(
      contains(lines[0], "\"state\":\"completed\",\"cause\":null,\"attempts\":1,\"exit_code\":0"));
  EXPECT_TRUE(contains(lines[0], "\"error\":null"));
  EXPECT_TRUE(contains(lines[0], "\"error_output\":\"err\""));
  EXPECT_TRUE(contains(lines[1],
                       "\"state\":\"dead\",\"cause\":\"handler\",\"attempts\":1,\"exit_code\":7"));
  EXPECT_TRUE(contains(lines[1], "\"error\":\"it exited with 7\""));
  EXPECT_TRUE(contains(lines[2], "\"input\":\"\xef\xbf\xbd\\\"\\\\\""));
}

TEST(run_output, jsonl_digests_hold_the_line_of_sha256sum) {
  const temporary_folder folder;
  const std::string file = folder.add("file", "abc");
  const process_end end = run_pawl({"run", "-q", "-o", "jsonl", "digest"}, file + "\n");
  EXPECT_TRUE(
      contains(end.output,
               "\"output\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  " +
                   file + "\\n\""))
      << end.output;
}

TEST(run_output, dry_run_says_what_would_run_and_runs_nothing) {
  const temporary_folder folder;
  const std::string mark = folder.path() + "/mark";
  const process_end end = run_pawl({"run", "--dry-run", "--", "touch", mark, "{}"}, "a b\nit's\n");
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(end.output, "touch " + mark + " 'a b'\ntouch " + mark + " 'it'\\''s'\n");
  EXPECT_EQ(end.errors, "");
  EXPECT_NE(::access(mark.c_str(), F_OK), 0);
  EXPECT_EQ(run_pawl({"run", "--dry-run", "digest"}, "x\n").output, "sha256sum x\n");
  EXPECT_EQ(
      run_pawl({"run", "--dry-run", "-o", "jsonl", "sleep"}, "5\n").output,
      "{\"line\":1,\"input\":\"5\",\"would_run\":\"sleep 5\",\"kind\":\"sleep\",\"queue\":\"run\","
      "\"priority\":\"normal\",\"attempts\":1,\"delay_ns\":0,\"timeout_ns\":0}\n");
  EXPECT_EQ(run_pawl({"run", "--dry-run", "--attempts", "3", "--backoff", "2s", "--timeout", "1m",
                      "--after", "250ms", "--priority", "low", "--", "date"},
                     "x\n")
                .output,
            "date x  # after 250 ms, priority low, timeout 60 s, at most 3 attempts, backoff 2s\n");
  EXPECT_EQ(run_pawl({"run", "--dry-run", "noop"}, "").exit_code, 1);
}

TEST(run_output, exit_codes) {
  EXPECT_EQ(run_pawl({"run", "noop"}, "x\n").exit_code, 0);
  EXPECT_EQ(run_pawl({"run", "sleep"}, "0.001\nx\n").exit_code, 8);
  EXPECT_EQ(run_pawl({"run", "sleep"}, "x\n-1\n").exit_code, 1);
  EXPECT_EQ(run_pawl({"run", "sleep", "--for", "1ms"}, "x\n").exit_code, 0);
  const process_end empty = run_pawl({"run", "noop"}, "");
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_EQ(empty.errors, "pawl: standard input holds no line: nothing was run\n");
}

TEST(run_output, wrong_usage_exits_2_says_why_and_writes_no_data) {
  for (const words& arguments : {words{},
                                 {"walk"},
                                 {"run"},
                                 {"run", "digset"},
                                 {"run", "--"},
                                 {"run", "noop", "--", "x"},
                                 {"run", "noop", "--priority", "urgent"},
                                 {"run", "noop", "-o", "xml"},
                                 {"run", "noop", "--concurrency", "0"},
                                 {"run", "noop", "--concurrency", "65"},
                                 {"run", "noop", "--window", "0"},
                                 {"run", "noop", "--for", "1s"},
                                 {"run", "sleep", "--for", "soon"},
                                 {"run", "noop", "--no-such-option"},
                                 {"run", "noop", "more"},
                                 {"run", "--attempts", "0", "--", "x"},
                                 {"run", "--attempts", "256", "--", "x"},
                                 {"run", "--attempts", "-1", "--", "x"},
                                 {"run", "--attempts", "2", "noop"},
                                 {"run", "--backoff", "1s", "--", "x"},
                                 {"run", "--attempts", "2", "--backoff", "often", "--", "x"},
                                 {"run", "--attempts", "2", "--backoff", "", "--", "x"},
                                 {"run", "--timeout", "0", "--", "x"},
                                 {"run", "--timeout", "", "--", "x"},
                                 {"run", "--timeout", "soon", "--", "x"},
                                 {"run", "--timeout", "1s", "noop"},
                                 {"run", "--after", "0s", "noop"},
                                 {"run", "--after", "-1s", "noop"},
                                 {"run", "--after", "101y", "noop"},
                                 {"run", "--dead-on", "2", "--", "x"},
                                 {"run", "--attempts", "2", "--dead-on", "0", "--", "x"},
                                 {"run", "--attempts", "2", "--dead-on", "2", "digest"},
                                 {"run", "--priority", "urgent", "noop"},
                                 {"run", "--priority", "3", "noop"},
                                 {"run", "--output", "1", "noop"},
                                 {"run", "--halt", "0", "noop"},
                                 {"run", "--halt", "x", "noop"},
                                 {"run", "--jsonl", "-0"},
                                 {"run", "--jsonl", "--"},
                                 {"run", "--jsonl", "--for", "1s"},
                                 {"run", "--jsonl", "-j", "1025"}}) {
    const process_end end = run_pawl(arguments, "");
    std::string typed;
    for (const auto& word : arguments) typed += word + ' ';
    EXPECT_EQ(end.exit_code, 2) << typed << end.errors;
    EXPECT_EQ(end.output, "") << typed;
    EXPECT_TRUE(end.errors.starts_with("pawl: ")) << typed << end.errors;
  }
  for (const words& arguments : {words{"--help"}, {"run", "--help"}}) {
    const process_end help = run_pawl(arguments, "");
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_TRUE(help.output.starts_with("Examples:\n")) << help.output.substr(0, 100);
  }
  EXPECT_TRUE(contains(run_pawl({"run", "--priority", "urgent", "noop"}, "").errors,
                       "critical, high, above, normal, below, low, bulk, idle"));
  EXPECT_TRUE(run_pawl({"--version"}, "").output.starts_with("pawl "));
  for (const char* priority : {"critical", "normal", "idle"}) {
    EXPECT_EQ(run_pawl({"run", "noop", "--priority", priority}, "x\n").exit_code, 0);
  }
}

TEST(run_output, summary_says_what_happened_and_how_long_it_took) {
  const process_end end = run_pawl({"run", "sleep", "--tag", "nightly"}, "0.02\nx\n0.001\n");
  for (const char* part :
       {"pawl run sleep \"nightly\": 3 jobs in ", " jobs/s\n", "  completed 2, dead 1\n", "p50",
        "p90", "p99.9", "max", "\n  waiting ", "\n  running "}) {
    EXPECT_TRUE(contains(end.errors, part)) << part << " in " << end.errors;
  }
  EXPECT_EQ(end.output, "");
  EXPECT_EQ(run_pawl({"run", "-q", "noop"}, "x\n").errors, "");
}

TEST(run_output, standard_input_that_cannot_be_read_is_said) {
  const process_end end = run_program({"sh", "-c", PAWL_COMMAND " run noop < /"}, "");
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_TRUE(contains(end.errors, "cannot read standard input: Is a directory\n")) << end.errors;
  const process_end full =
      run_program({"sh", "-c", PAWL_COMMAND " run -- echo > /dev/full"}, "x\n");
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_EQ(full.errors, "pawl: cannot write standard output: No space left on device\n");
  const process_end closed = run_program({"sh", "-c", PAWL_COMMAND " run -- echo >&-"}, "x\n");
  EXPECT_EQ(closed.exit_code, 1);
  EXPECT_EQ(closed.errors, "pawl: standard output is closed\n");
}

// Runs two jobs, one of which dies at once, with standard error on a terminal.
std::string run_on_terminal(const process_options& more) {
  int ours = -1;
  int theirs = -1;
  if (::openpty(&ours, &theirs, nullptr, nullptr, nullptr) != 0) return {};
  process_options options = more;
  options.environment.push_back({"TERM", "xterm"});
  options.errors = theirs;
  std::string shown;
  pawl_process process({"run", "sleep", "-j", "2"}, options);
  std::thread reader([&] {
    char piece[4'096];
    for (ssize_t got = 0; (got = ::read(ours, piece, sizeof piece)) > 0;) {
      shown.append(piece, static_cast<std::size_t>(got));
    }
  });
  process.write("0.7\nx\n");
  EXPECT_EQ(process.wait().exit_code, 8);
  reader.join();
  ::close(ours);
  return shown;
}

TEST(run_output, a_terminal_sees_progress_that_goes_away_and_colors_unless_it_wants_none) {
  const std::string colored = run_on_terminal({});
  EXPECT_TRUE(contains(colored, "\r1 done")) << colored;
  EXPECT_TRUE(contains(colored, " of 2, 1 running, \033[31m1 failed\033[0m, ")) << colored;
  EXPECT_TRUE(contains(colored, "\r\033[K")) << colored;
  process_options plain;
  plain.environment = {{"NO_COLOR", "1"}};
  const std::string shown = run_on_terminal(plain);
  EXPECT_TRUE(contains(shown, "1 running, 1 failed, ")) << shown;
  EXPECT_FALSE(contains(shown, "\033[31m"));
}

}  // namespace
}  // namespace pawl_tests
