#include "json_job.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "job_input.hpp"
#include "support/seed.hpp"

namespace pawl_tool {
namespace {

using namespace std::chrono_literals;

// Reads with the settings of `pawl run --jsonl`, or of `pawl run --jsonl -- COMMAND`.
struct reading {
  explicit reading(std::string_view line, std::vector<std::string> command = {}) {
    settings.jsonl = true;
    settings.command = std::move(command);
    if (!settings.command.empty()) settings.kind = kind_name::exec;
    mistake = reader.read(line, order);
  }

  run_settings settings;
  json_job_reader reader{settings};
  job_order order;
  std::optional<line_mistake> mistake;
};

TEST(json_job, reads_every_member_in_any_order) {
  const reading all(R"( {"timeout": 1.5, "delay":"2m", "attempts": 255, "queue":"mail.out",
      "priority":"high", "payload":"a\u00e4\n\"b", "kind":"digest"} )");
  ASSERT_FALSE(all.mistake) << all.mistake->error;
  EXPECT_EQ(all.order.kind, kind_name::digest);
  EXPECT_EQ(all.order.text, "a\xc3\xa4\n\"b");
  EXPECT_FALSE(all.order.is_words);
  EXPECT_EQ(all.order.queue, "mail.out");
  EXPECT_EQ(all.order.priority, pawl::priority::high);
  EXPECT_EQ(all.order.after, 2min);
  EXPECT_EQ(all.order.timeout, 1'500ms);
  EXPECT_EQ(all.order.attempts, 255u);

  const reading least(R"({"kind":"noop"})");
  ASSERT_FALSE(least.mistake);
  EXPECT_EQ(least.order.attempts, 0u);
  EXPECT_EQ(least.order.timeout, 0ns);
  EXPECT_EQ(least.order.priority, pawl::priority::normal);

  const reading words(R"({"kind":"exec","payload":["ls","","a b"]})");
  ASSERT_FALSE(words.mistake);
  EXPECT_TRUE(words.order.is_words);
  EXPECT_EQ(words_in(words.order.text), (std::vector<std::string>{"ls", "", "a b"}));

  EXPECT_FALSE(reading(R"({})", {"date"}).mistake);
  EXPECT_FALSE(reading(R"({"payload":[]})", {"date"}).mistake);
  EXPECT_FALSE(reading(R"({"payload":"x"})", {"echo", "{}"}).mistake);
  EXPECT_FALSE(reading(R"({"kind":"noop","delay":0,"attempts":1e0})").mistake);
}

struct bad_line {
  std::string text;
  std::uint64_t column;
  std::string error;  // a part of it
};

void expect_mistake(const bad_line& line, const reading& read) {
  ASSERT_TRUE(read.mistake) << line.text;
  EXPECT_EQ(read.mistake->column, line.column) << line.text << ": " << read.mistake->error;
  EXPECT_NE(read.mistake->error.find(line.error), std::string::npos)
      << line.text << ": " << read.mistake->error;
}

TEST(json_job, says_what_is_wrong_and_in_which_column) {
  const bad_line lines[] = {
      // No JSON.
      {"", 1, "unexpected end of input"},
      {"   ", 4, "unexpected end of input"},
      {"x", 1, "invalid literal"},
      {R"({"kind":"noop")", 15, "expected '}'"},
      {R"({"kind":"noop",})", 16, "expected string literal"},
      {R"({"kind" "noop"})", 14, "expected ':'"},
      {R"({kind:"noop"})", 2, "invalid literal"},
      {R"({"kind":"noop)", 14, "missing closing quote"},
      {R"({"kind":"noop"} {})", 17, "expected end of input"},
      {R"({"kind":"no\qop"})", 13, "forbidden character after backslash"},
      {R"({"kind":"noop","payload":"\ud800"})", 33, "surrogate"},
      {"{\"kind\":\"noop\",\"payload\":\"a\xff\"}", 28, "ill-formed UTF-8"},
      {"{\"kind\":\"noop\",\"payload\":\"\xc0\xaf\"}", 27, "ill-formed UTF-8"},
      {"{\"kind\":\"noop\",\"\xed\xa0\x80\":1}", 18, "ill-formed UTF-8"},
      {std::string("{\"kind\":\"noop\",\"payload\":\"a\0b\"}", 30), 28, "a NUL byte"},
      {std::string("{\"kind\":\"noop\"}\0{}", 18), 16, "a NUL byte"},
      {"{\"kind\":\"noop\",\"payload\":\"a\x1b[2J\"}", 28, "control character"},
      {R"({"kind":"noop","delay":1e999})", 28, "number overflow"},
      {R"({"kind":"noop","delay":01})", 25, "unexpected number literal"},
      // No job.
      {"null", 1, "a job is an object, not null"},
      {"true", 1, "a job is an object, not true or false"},
      {" 17", 2, "a job is an object, not a number"},
      {R"("noop")", 1, "a job is an object, not a string"},
      {R"([{"kind":"noop"}])", 1, "a job is an object, not an array"},
      {"{}", 1, "it says no kind"},
      {R"({"payload":"x"})", 1, "it says no kind"},
      // Keys.
      {R"({"kind":"noop","prio":1})", 16, "unknown key \"prio\""},
      {R"({ "Kind":"noop"})", 3, "unknown key \"Kind\""},
      {R"({"":1})", 2, "unknown key \"\""},
      {R"({"kind\u0000":1})", 2, "unknown key \"kind\\x00\""},
      {R"({"kind":"noop","kind":"noop"})", 16, "\"kind\" is there twice"},
      // Types.
      {R"({"kind":1})", 9, "kind: a string, not a number"},
      {R"({"kind": null})", 10, "kind: a string, not null"},
      {R"({"kind":["noop"]})", 9, "kind: a string, not an array"},
      {R"({"kind":"noop","payload":{}})", 26, "payload: a string or an array of strings"},
      {R"({"kind":"noop","payload":1})", 26, "payload: a string or an array of strings"},
      {R"({"kind":"exec","payload":["a",1]})", 31, "payload: an array of strings, not a number"},
      {R"({"kind":"exec","payload":["a", ["b"]]})", 32, "an array of strings, not an array"},
      {R"({"kind":"exec","payload":["a",{}]})", 31, "an array of strings, not an object"},
      {R"({"kind":"exec","payload":["a",null]})", 31, "an array of strings, not null"},
      {R"({"kind":"noop","queue":7})", 24, "queue: a string, not a number"},
      {R"({"kind":"noop","priority":1})", 27, "priority: a string, not a number"},
      {R"({"kind":"noop","delay":true})", 24, "delay: a string or a number of seconds"},
      {R"({"kind":"noop","timeout":[]})", 26, "timeout: a string or a number of seconds"},
      {R"({"kind":"noop","attempts":"3"})", 27, "attempts: a number, not a string"},
      // Values.
      {R"({"kind":"nop"})", 9, "\"nop\" is none of digest"},
      {R"({"kind":"noop","queue":""})", 24, "queue: 1 to 128"},
      {R"({"kind":"noop","queue":"a b"})", 24, "queue: 1 to 128"},
      {R"({"kind":"noop","queue":")" + std::string(129, 'q') + "\"}", 24, "queue: 1 to 128"},
      {R"({"kind":"noop","priority":"urgent"})", 27, "there is no \"urgent\""},
      {R"({"kind":"noop","attempts":0})", 27, "whole number from 1 to 255"},
      {R"({"kind":"noop","attempts":256})", 27, "whole number from 1 to 255"},
      {R"({"kind":"noop","attempts":-1})", 27, "whole number from 1 to 255"},
      {R"({"kind":"noop","attempts":1.5})", 27, "whole number from 1 to 255"},
      {R"({"kind":"noop","attempts":18446744073709551617})", 27, "whole number from 1 to 255"},
      {R"({"kind":"noop","delay":-1})", 24, "not a time from 0 to 100 years"},
      {R"({"kind":"noop","delay":"-1s"})", 24, "not a time from 0 to 100 years"},
      {R"({"kind":"noop","delay":1e10})", 24, "not a time from 0 to 100 years"},
      {R"({"kind":"noop","delay":"soon"})", 24, "not a time from 0 to 100 years"},
      {R"({"kind":"noop","timeout":0})", 26, "timeout: it must be more than 0"},
      {R"({"kind":"noop","timeout":"0s"})", 26, "timeout: it must be more than 0"},
      {R"({"kind":"digest","payload":"a\u0000b"})", 28, "a string holds \\u0000"},
      {R"({"kind":"exec","payload":["a\u0000"]})", 27, "a string holds \\u0000"},
      {R"({"kind":"noop","queue":"\u0000"})", 24, "a string holds \\u0000"},
      // What does not go together.
      {R"({"kind":"digest"})", 9, "kind digest needs a payload"},
      {R"({"kind":"sleep"})", 9, "kind sleep needs a payload"},
      {R"({"kind":"exec"})", 9, "exec without -- COMMAND needs an array"},
      {R"({"kind":"exec","payload":"ls"})", 26, "exec without -- COMMAND needs an array"},
      {R"({"kind":"exec","payload":[]})", 26, "the command is empty"},
      {R"({"payload":["ls"],"kind":"digest"})", 12, "an array is for kind exec"}};
  for (const bad_line& line : lines) expect_mistake(line, reading(line.text));
  expect_mistake({"", 12, "does not go into the {}"},
                 reading(R"({"payload":["a"]})", {"echo", "<{}>"}));
}

// Changes a few bytes of good lines at random: what comes out is a job, or a mistake in a column that
// is there, and its text has no control character.
TEST(json_job, lives_with_anything) {
  pawl::test::random_source random(pawl::test::fresh_seed());
  const std::string good[] = {
      R"({"kind":"exec","payload":["a","b\u00e4"],"delay":"1s","queue":"q"})",
      R"({"attempts":3,"kind":"digest","payload":"x\n","timeout":0.5,"priority":"low"})"};
  const std::string_view alphabet = "{}[]\",:\\u0ed8 1eE+-.x\n\t\x1b\x80\xc3\xff";
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string line = good[random() % 2];
    for (auto changes = random() % 4; changes > 0 && !line.empty(); --changes) {
      const std::size_t at = random() % line.size();
      const std::size_t which = random() % (alphabet.size() + 1);
      const char byte = which == alphabet.size() ? '\0' : alphabet[which];
      switch (random() % 4) {
        case 0:
          line[at] = byte;
          break;
        case 1:
          line.insert(at, 1, byte);
          break;
        case 2:
          line.erase(at, 1 + random() % 3);
          break;
        default:
          line.resize(at);
      }
    }
    const reading read(line);
    if (!read.mistake) {
      ++accepted;
      EXPECT_TRUE(read.order.is_words || read.order.text.find('\0') == std::string::npos) << line;
      EXPECT_LE(read.order.text.size() + 8, line.size()) << line;
      continue;
    }
    ASSERT_GE(read.mistake->column, 1u) << line;
    ASSERT_LE(read.mistake->column, line.size() + 1) << line;
    for (const char c : read.mistake->error) {
      ASSERT_TRUE(static_cast<unsigned char>(c) >= ' ' && c != 0x7f) << line;
    }
  }
  EXPECT_GT(accepted, 4'000);
}

// A stack that grows with the input would end here.
TEST(json_job, depth_is_no_danger) {
  for (const char* opening : {"[", "{\"kind\":"}) {
    std::string line;
    while (line.size() < 1'000'000) line += opening;
    EXPECT_TRUE(reading(line).mistake);
  }
  std::string deep = R"({"kind":"exec","payload":)";
  deep += std::string(1'000'000, '[');
  expect_mistake({"", 27, "an array of strings, not an array"}, reading(deep));
}

}  // namespace
}  // namespace pawl_tool
