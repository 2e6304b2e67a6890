// A thread that had logged nothing yet had no ring, and wrote into it nevertheless when the death of a job that is
// not logged pushed out the letter of one that is. It waits for room first, as whoever says something does.
#include <gtest/gtest.h>

#include <string>

#include "pawl/scheduler.hpp"
#include "support/opened.hpp"
#include "support/scratch_directory.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;

outcome die(void*, context&, std::span<const std::byte>) {
  return outcome::dead();
}

TEST(regress, logged_letter_pushed_out_by_a_job_that_is_not) {
  const scratch_directory directory;
  registry kinds;
  const kind_ref kind = kinds.add("die/1", &die, nullptr, {.max_attempts = 1});
  options o = small_options();
  o.directory = directory.path();
  o.segment_bytes = 256u << 10;
  o.dead_in_memory = 1;
  for (const durability level : {durability::durable, durability::none}) {
    const auto s = open_or_exit(o, kinds);
    const queue_ref q = queue_or_exit(*s, level == durability::none ? "in_memory" : "logged",
                                      {.durability = level});
    const auto answer = s->submit(q, kind, no_payload());
    ASSERT_TRUE(answer);
    ASSERT_TRUE(s->wait(answer.ticket.id, 10s));
    const auto letters = s->list_dead();
    ASSERT_TRUE(letters);
    ASSERT_EQ(letters->letters.size(), 1u);
    EXPECT_EQ(letters->letters[0].status.id, answer.ticket.id);
    ASSERT_TRUE(s->stop(10s));
  }
  EXPECT_TRUE(open_or_exit(o, kinds)->list_dead()->letters.empty());
}

}  // namespace
}  // namespace pawl::test
