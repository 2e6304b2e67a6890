// Is the input the one that a store has read before?
#include "input_prefix.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace pawl_tool {
namespace {

input_line prefix_line(std::string_view text) {
  return {text, text.size(), false};
}

// What a store knows that has read `lines`, of which those that are "?" were no jobs.
stored_run run_of(const std::vector<std::string>& lines) {
  stored_run run;
  input_position at;
  for (const std::string& line : lines) {
    if (line != "?") run.lines.push_back({at.lines, hash_of_line(line)});
    at.pass(prefix_line(line));
  }
  run.position = at;
  return run;
}

// The first mistake.
std::string compare(const stored_run& known, const std::vector<std::string>& lines) {
  input_prefix prefix(known);
  for (const std::string& line : lines) {
    if (prefix.is_whole()) return {};
    if (std::string mistake = prefix.take(prefix_line(line)); !mistake.empty()) return mistake;
  }
  return prefix.is_whole() ? std::string() : prefix.is_too_short();
}

TEST(input_prefix, takes_the_same_input_and_a_longer_one) {
  const stored_run known = run_of({"a", "?", "b", ""});
  EXPECT_EQ(compare(known, {"a", "?", "b", ""}), "");
  EXPECT_EQ(compare(known, {"a", "?", "b", "", "c"}), "");
  EXPECT_EQ(compare(stored_run(), {"a"}), "");
}

TEST(input_prefix, names_the_first_line_that_differs) {
  const stored_run known = run_of({"a", "b", "c"});
  const std::string differs = " differs from the one that the store has";
  EXPECT_EQ(compare(known, {"x", "b", "c"}), "line 1" + differs);
  EXPECT_EQ(compare(known, {"a", "x", "y"}), "line 2" + differs);
  EXPECT_EQ(compare(known, {"a", "b", ""}), "line 3" + differs);
}

TEST(input_prefix, finds_a_change_in_what_was_no_job) {
  EXPECT_EQ(compare(run_of({"a", "?", "b"}), {"a", "!", "b"}),
            "line 2 differs from the one that the store has refused");
  EXPECT_EQ(
      compare(run_of({"?", "a", "?"}), {"?", "a", "!"}),
      "line 1, or a later one that was no job, differs from the one that the store has refused");
}

TEST(input_prefix, an_input_that_ends_too_early_is_another) {
  EXPECT_EQ(compare(run_of({"a", "b"}), {"a"}),
            "the input ends after 1 of the 2 lines that the store has read");
  EXPECT_EQ(compare(run_of({"a", "b"}), {}),
            "the input ends after 0 of the 2 lines that the store has read");
}

// Lines of an input that is in a pipe, and nothing comes after them.
struct piped_lines {
  explicit piped_lines(std::string_view text) {
    if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(stop, O_CLOEXEC) != 0) std::abort();
    if (::write(input[1], text.data(), text.size()) < 0) std::abort();
    ::close(input[1]);
  }
  ~piped_lines() {
    for (const int end : {input[0], stop[0], stop[1]}) ::close(end);
  }
  int input[2];
  int stop[2];
};

TEST(input_prefix, keeps_what_was_read_beyond_it) {
  const piped_lines from("a\n?\nb\nc\nd\n");
  line_reader reader(from.input[0], from.stop[0], '\n', 100);
  input_beginning beginning;
  EXPECT_EQ(read_prefix(reader, run_of({"a", "?", "b"}), beginning), "");
  ASSERT_EQ(beginning.rest.size(), 2u);
  EXPECT_EQ(beginning.rest[0].text, "c");
  EXPECT_EQ(beginning.rest[1].text, "d");
  EXPECT_EQ(beginning.at.lines, 3u);
  ASSERT_EQ(beginning.refused.size(), 1u);
  EXPECT_EQ(beginning.refused[0].sequence, 1u);
  EXPECT_EQ(beginning.refused[0].text, "?");
}

// Who stops the reading has not made the input shorter.
TEST(input_prefix, says_nothing_of_an_input_that_was_not_read_to_its_end) {
  const piped_lines from("");
  ASSERT_EQ(::write(from.stop[1], "x", 1), 1);
  line_reader reader(from.input[0], from.stop[0], '\n', 100);
  input_beginning beginning;
  EXPECT_EQ(read_prefix(reader, run_of({"a"}), beginning), "");
  EXPECT_FALSE(reader.is_at_end());
}

}  // namespace
}  // namespace pawl_tool
