// `pawl run digest` against sha256sum itself.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "pawl_process.hpp"
#include "support/seed.hpp"

namespace pawl_tests {
namespace {

std::vector<std::string> sorted_lines(std::string_view text) {
  auto lines = lines_of(text);
  std::sort(lines.begin(), lines.end());
  return lines;
}

// Files of many sizes whose names hold whatever a name can hold: sha256sum prints the same lines,
// and accepts ours.
TEST(run_digest, prints_what_sha256sum_prints_and_checks) {
  const temporary_folder folder;
  pawl::test::random_source random(pawl::test::fresh_seed());
  std::string names;
  words command = {"sha256sum"};
  for (const std::string& name : std::vector<std::string>{
           "plain", " leading and  double spaces ", "back\\slash", "new\nline", "both\\\n",
           "return\r", "-dash", "quote'\"", "\xc3\xa4\xff", "*", "\x1b[31m"}) {
    std::string content(random() % 300'000, '\0');
    for (char& c : content) c = static_cast<char>(random());
    const std::string file = folder.add(name, content);
    names += file + '\0';
    command.push_back(file);
  }
  names += folder.add("empty", "") + '\0';
  command.push_back(folder.path() + "/empty");

  const process_end end = run_pawl({"run", "-0", "digest"}, names);
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(sorted_lines(end.output), sorted_lines(run_program(command, "").output));
  const process_end check = run_program({"sha256sum", "-c", "--strict", "--quiet"}, end.output);
  EXPECT_EQ(check.exit_code, 0) << check.output << check.errors;
}

TEST(run_digest, gives_each_name_that_is_no_file_an_error_and_loses_nothing_else) {
  const temporary_folder folder;
  const std::string good = folder.add("good", "content");
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string input = good + "\n/nowhere/to/be/found\n" + folder.path() + "\n" + pipe +
                            "\n\n" + std::string("a\0b\n", 4) + "\x1b[2J\xff\n" +
                            std::string(5'000, 'x') + "\n" + good;
  const process_end end = run_pawl({"run", "digest", "--keep-order"}, input);
  EXPECT_EQ(end.exit_code, 8);
  EXPECT_EQ(lines_of(end.output).size(), 2u) << end.output;
  for (const char* message :
       {"pawl: line 2: \"/nowhere/to/be/found\": No such file or directory\n",
        "it is a directory\n", "it is not a regular file\n", "line 5: \"\": an empty line",
        "line 6: \"a\\x00b\": the name holds a NUL byte\n",
        "line 7: \"\\x1b[2J\\xff\": No such file", "\"...: File name too long\n",
        "completed 2, dead 7\n"}) {
    EXPECT_TRUE(contains(end.errors, message)) << message << "\nis not in\n" << end.errors;
  }
  EXPECT_FALSE(contains(end.errors, "\x1b"));
}

}  // namespace
}  // namespace pawl_tests
