// `pawl run -- COMMAND`: what the command is given, what becomes of what it writes, how it ends.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "pawl_process.hpp"

namespace pawl_tests {
namespace {

using namespace std::string_view_literals;

// Runs `pawl run --keep-order -q -- COMMAND`.
process_end run_command(const words& command, std::string_view input, words more = {}) {
  words arguments = {"run", "--keep-order", "-q"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  arguments.push_back("--");
  arguments.insert(arguments.end(), command.begin(), command.end());
  return run_pawl(arguments, input);
}

TEST(run_exec, puts_the_line_where_the_place_is_or_at_the_end_as_one_word) {
  EXPECT_EQ(run_command({"printf", "<%s>", "a"}, "b  c\n$HOME;`x`\n").output,
            "<a><b  c><a><$HOME;`x`>");
  EXPECT_EQ(run_command({"printf", "<%s>", "{}", "x{}y{}", "z"}, "1 2\n").output,
            "<1 2><x1 2y1 2><z>");
  EXPECT_EQ(run_command({"printf", "<%s>", "{}"}, "{}\n").output, "<{}>") << "replaced once";
  EXPECT_EQ(run_command({"printf", "<%s>"}, "new\nline\0"sv, {"-0"}).output, "<new\nline>");
  EXPECT_EQ(run_command({"{}", "word"}, "echo\n").output, "word\n") << "the line is the command";
  EXPECT_EQ(run_command({"printf", "%s", "--", "-q"}, "x\n").output, "---qx");
}

TEST(run_exec, gives_the_command_a_clean_start) {
  // Standard input is empty, nothing of ours is open, and no signal is blocked. Nor is one ignored
  // that asks a program to end; what else the user has chosen to ignore stays so.
  EXPECT_EQ(run_command({"wc", "-c", "/dev/stdin"}, "\n").exit_code, 1) << "the name is empty";
  EXPECT_EQ(run_command({"sh", "-c", "cat; echo $1", "sh"}, "x\n").output, "x\n");
  const auto status = run_command({"grep", "-E", "^Sig(Blk|Ign)", "{}"}, "/proc/self/status\n");
  for (const auto& line : lines_of(status.output)) {
    const std::uint64_t set = std::stoull(line.substr(line.find('\t')), nullptr, 16);
    std::uint64_t never = ~std::uint64_t{0};
    if (line.starts_with("SigIgn")) {
      never = 0;
      for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGPIPE}) never |= 1ull << (signal - 1);
    }
    EXPECT_EQ(set & never, 0u) << line;
  }
  const auto files = run_command({"sh", "-c", "ls /proc/$$/fd"}, "x\n", {"--concurrency", "1"});
  EXPECT_EQ(files.output, run_program({"sh", "-c", "ls /proc/$$/fd"}, "").output);
  // It leads its own process group.
  const auto group = run_command({"sh", "-c", "cut -d' ' -f1,5 /proc/$$/stat"}, "x\n");
  const std::size_t space = group.output.find(' ');
  ASSERT_NE(space, std::string::npos);
  EXPECT_EQ(group.output.substr(0, space) + '\n', group.output.substr(space + 1));
}

TEST(run_exec, a_command_that_fails_makes_its_job_dead) {
  const process_end end = run_pawl({"run", "--", "sh", "-c", "exit $1", "sh"}, "0\n3\n0\n");
  EXPECT_EQ(end.exit_code, 8);
  EXPECT_TRUE(contains(end.errors, "pawl: line 2: \"3\": it exited with 3\n")) << end.errors;
  EXPECT_TRUE(contains(end.errors, "completed 2, dead 1\n")) << end.errors;

  const process_end signal = run_pawl({"run", "--", "sh", "-c", "kill -SEGV $$"}, "x\n");
  EXPECT_EQ(signal.exit_code, 1);
  EXPECT_TRUE(contains(signal.errors, "it was ended by signal 11 (Segmentation fault)"));

  const process_end nothing = run_pawl({"run", "--", "no-such-program"}, "x\n");
  EXPECT_EQ(nothing.exit_code, 1);
  EXPECT_TRUE(contains(nothing.errors, "there is no program \"no-such-program\""));

  const process_end no_program = run_pawl({"run", "--", "/etc/passwd"}, "x\n");
  EXPECT_EQ(no_program.exit_code, 1);
  if (!sanitized) {  // ThreadSanitizer makes a vfork() a fork(): the errno does not come back
    EXPECT_TRUE(contains(no_program.errors, "cannot run /etc/passwd: Permission denied"))
        << no_program.errors;
  }

  const process_end nul = run_pawl({"run", "--", "echo"}, std::string_view("a\0b\nc\n", 6));
  EXPECT_EQ(nul.exit_code, 8);
  EXPECT_EQ(nul.output, "c\n");
}

// Many jobs at a time write many lines in small pieces, to both streams.
TEST(run_exec, output_of_a_job_is_never_mixed_with_that_of_another) {
  const char* script = "i=0; while [ $i -lt 50 ]; do echo $1 $i; echo $1 $i >&2; i=$((i+1)); done";
  std::string input;
  for (int job = 0; job < 60; ++job) input += std::to_string(job) + '\n';
  const process_end end =
      run_pawl({"run", "-q", "--concurrency", "16", "--", "sh", "-c", script, "sh"}, input);
  EXPECT_EQ(end.exit_code, 0);
  for (const std::string& text : {end.output, end.errors}) {
    const auto lines = lines_of(text);
    ASSERT_EQ(lines.size(), 60u * 50u);
    std::set<std::string> jobs;
    for (std::size_t at = 0; at < lines.size(); ++at) {
      const std::string job = lines[at].substr(0, lines[at].find(' '));
      if (at % 50 == 0) {
        EXPECT_TRUE(jobs.insert(job).second) << "job " << job << " is in two parts";
      }
      ASSERT_EQ(lines[at], *jobs.find(job) + ' ' + std::to_string(at % 50));
      ASSERT_EQ(job, lines[at - at % 50].substr(0, lines[at - at % 50].find(' ')));
    }
  }
}

// 40 MB from each of four jobs at once: more than may be held in memory, and nothing is cut off.
TEST(run_exec, output_beyond_the_memory_limit_goes_through_files_and_is_complete) {
  const process_end end = run_pawl({"run", "--keep-order", "-q", "--concurrency", "4", "--", "sh",
                                    "-c", "head -c 40000000 /dev/zero | tr '\\0' $1", "sh"},
                                   "a\nb\nc\nd\n");
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  ASSERT_EQ(end.output.size(), 160'000'000u);
  for (std::size_t at = 0; at < end.output.size(); at += 999'983) {
    ASSERT_EQ(end.output[at], "abcd"[at / 40'000'000]) << at;
  }
  EXPECT_TRUE(sanitized || end.rss_kib_max < 256 * 1'024) << end.rss_kib_max;
}

TEST(run_exec, output_that_finds_no_room_is_an_error_of_its_job) {
  process_options options;
  options.environment = {{"TMPDIR", "/nowhere"}};
  const process_end end =
      run_pawl({"run", "--keep-order", "-q", "--", "sh", "-c", "head -c $1 /dev/zero", "sh"},
               "70000000\n5\n", options);
  EXPECT_EQ(end.exit_code, 8);
  EXPECT_TRUE(contains(end.errors, "no room for its output in a temporary file: No such file"))
      << end.errors;
}

// What a command leaves in the background holds its output open; the job waits a second for it.
TEST(run_exec, what_is_left_of_a_jobs_group_ends_soon_after_it) {
  const process_end end = run_command({"sh", "-c", "sleep 1000 & echo $!"}, "x\n");
  EXPECT_EQ(end.exit_code, 0);
  ASSERT_FALSE(end.output.empty());
  const int left = std::stoi(end.output);
  // As a zombie of some patient parent it may still be there for a while.
  EXPECT_TRUE(becomes_true([&] {
    const auto state = run_program({"ps", "-o", "stat=", "-p", std::to_string(left)}, "").output;
    return state.empty() || state.front() == 'Z';
  }));
}

}  // namespace
}  // namespace pawl_tests
