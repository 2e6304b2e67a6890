// What a handler throws cannot take the process down, nor move the cursor of a terminal. Found in review:
// a std::exception whose what() is null crashed it, and texts went to standard error as they were.
#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>

#include "base/clock.hpp"
#include "engine/messages.hpp"
#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

struct without_text : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return nullptr; }
};

TEST(exception_without_a_text, is_a_failed_attempt_as_any_other) {
  registry kinds;
  const kind_ref kind = kinds.add(
      "k", [](void*, context&, std::span<const std::byte>) -> outcome { throw without_text(); },
      nullptr, {.max_attempts = 1});
  options o = test::small_options();
  o.log.write = [](void*, const log_record&) {};
  const auto s = test::open_or_exit(o, kinds);
  const auto job = s->submit(test::queue_or_exit(*s, "q"), kind, test::no_payload());
  const auto end = s->wait(job.ticket.id, test::patience);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->state, job_state::dead);
  EXPECT_EQ(end->cause, dead_cause::exhausted);
  const auto letter = s->show_dead(job.ticket.id);
  ASSERT_TRUE(letter);
  ASSERT_EQ(letter->errors.size(), 1u);
  EXPECT_EQ(letter->errors[0].kind, error_thrown);
  EXPECT_EQ(letter->errors[0].text, "an exception whose what() is null");
}

TEST(messages, on_standard_error_have_no_control_characters) {
  const system_clock clock;
  messages m({}, clock);
  ::testing::internal::CaptureStderr();
  m.say(log_level::warning, "handler.threw", "a\nb\x1b[31m\x7f\tcaf\xc3\xa9 \xc2\x9b \\");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "pawl: warning: handler.threw: a\\x0ab\\x1b[31m\\x7f\\x09caf\xc3\xa9 \\xc2\\x9b \\\n");
}

TEST(messages, for_a_sink_are_as_they_were_said) {
  const system_clock clock;
  std::string seen;
  messages m(
      {[](void* to, const log_record& r) { *static_cast<std::string*>(to) = r.message; }, &seen},
      clock);
  m.say(log_level::warning, "handler.threw", "a\nb");
  EXPECT_EQ(seen, "a\nb");
}

}  // namespace
}  // namespace pawl
