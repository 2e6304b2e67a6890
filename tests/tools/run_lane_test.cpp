// `pawl run --lane`: lines of one field one after another, in their order, and the others beside them.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "pawl_process.hpp"

namespace pawl_tests {
namespace {

// Fails where another of its lane is at it in the same folder, else says its line.
const std::string alone = "mkdir $1 && sleep 0.01 && rmdir $1 && echo $1 $2 >> order";

std::vector<std::string> order_in(const temporary_folder& folder) {
  std::ifstream file(folder.path() + "/order");
  return lines_of(std::string(std::istreambuf_iterator<char>(file), {}));
}

TEST(run_lane, runs_the_lines_of_one_field_one_after_another_in_their_order) {
  const temporary_folder folder;
  std::string lines;
  for (int i = 0; i < 30; ++i)
    lines += std::string(1, "abc"[i % 3]) + " " + std::to_string(i) + "\n";
  const process_end end = run_pawl(
      {"run", "-q", "-j", "6", "--lane", "1", "--", "sh", "-c", "set -- $1; " + alone, "sh"}, lines,
      {.environment = {}, .folder = folder.path()});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  std::map<std::string, int> last;
  const auto ran = order_in(folder);
  EXPECT_EQ(ran.size(), 30u);
  for (const std::string& line : ran) {
    const std::string lane = line.substr(0, 1);
    const int number = std::stoi(line.substr(2));
    if (last.count(lane) != 0) {
      EXPECT_GT(number, last[lane]) << lane;
    }
    last[lane] = number;
  }
}

TEST(run_lane, takes_a_member_of_json_lines) {
  const temporary_folder folder;
  std::string lines;
  for (int i = 0; i < 12; ++i) {
    const std::string lane = i % 2 == 0 ? "\"a\"" : "7";
    const std::string name = i % 2 == 0 ? "a" : "7";
    lines += "{\"kind\":\"exec\",\"account\":" + lane + ",\"payload\":[\"sh\",\"-c\",\"" + alone +
             "\",\"sh\",\"" + name + "\",\"" + std::to_string(i) + "\"]}\n";
  }
  const process_end end = run_pawl({"run", "-q", "-j", "6", "--jsonl", "--lane", "account"}, lines,
                                   {.environment = {}, .folder = folder.path()});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(order_in(folder).size(), 12u);
}

TEST(run_lane, waits_for_the_next_attempt_of_a_line_that_failed) {
  const temporary_folder folder;
  const process_end end = run_pawl(
      {"run", "-q", "-j", "4", "--attempts", "3", "--backoff", "20ms", "--lane", "1", "--", "sh",
       "-c", "set -- $1; echo $2 >> order; [ $2 != 1 ] || ! mkdir once 2>/dev/null", "sh"},
      "a 1\na 2\na 3\n", {.environment = {}, .folder = folder.path()});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(order_in(folder), (std::vector<std::string>{"1", "1", "2", "3"}));
}

TEST(run_lane, is_told_by_a_dry_run) {
  const process_end text = run_pawl({"run", "noop", "--dry-run", "--lane", "2"}, "x y\nz\n");
  EXPECT_EQ(text.output, ": 'x y'  # lane \"y\"\n: z\n");
  const process_end json =
      run_pawl({"run", "noop", "--dry-run", "--lane", "2", "-o", "jsonl"}, "x y\n");
  EXPECT_NE(json.output.find("\"lane\":\"y\""), std::string::npos) << json.output;
}

TEST(run_lane, refuses_nonsense) {
  for (const char* field : {"0", "x", "-1", "1.5", ""}) {
    const process_end end = run_pawl({"run", "noop", "--lane", field}, "a\n");
    EXPECT_EQ(end.exit_code, 2) << field;
    EXPECT_NE(end.errors.find("--lane"), std::string::npos) << end.errors;
  }
  const process_end taken = run_pawl({"run", "--jsonl", "--lane", "payload"}, "");
  EXPECT_EQ(taken.exit_code, 2);
  const process_end wrong =
      run_pawl({"run", "--jsonl", "--lane", "l"}, "{\"kind\":\"noop\",\"l\":1.5}\n");
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_NE(wrong.errors.find("column 20"), std::string::npos) << wrong.errors;
}

}  // namespace
}  // namespace pawl_tests
