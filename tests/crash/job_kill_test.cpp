// kill -9 of a scheduler at any moment, again and again, on real files, by both devices: no job is lost that was
// acknowledged, none runs again whose end was, and in the end nothing is left.
#include <gtest/gtest.h>

#include <cstdio>

#include "crash/job_life.hpp"
#include "support/scale.hpp"
#include "support/scratch_directory.hpp"

namespace pawl::test {
namespace {

constexpr std::uint64_t slowness = sanitized ? 5 : 1;
constexpr int lives = sanitized ? 10 : 30;

void kill_again_and_again(bool io_uring) {
  random_source random(fresh_seed());
  scratch_directory directory;
  job_oracle oracle;
  for (int life = 0; life < lives && !::testing::Test::HasFailure(); ++life) {
    job_life child(directory.path(), io_uring, oracle, random(), false);
    // Now and then in the middle of its opening.
    const std::uint64_t longest_us = (random() % 4 == 0 ? 20'000 : 200'000) * slowness;
    child.end_after(std::chrono::microseconds(random() % longest_us), oracle);
  }
  job_life last(directory.path(), io_uring, oracle, random(), true);
  last.wait_for_end(oracle);
  oracle.check_end();
  EXPECT_GT(oracle.completed(), 0u);
  std::printf("%s: %zu jobs acknowledged, %zu ends\n", io_uring ? "uring" : "posix",
              oracle.accepted(), oracle.completed());
}

TEST(job_kill, loses_nothing_by_plain_calls) {
  kill_again_and_again(false);
}
TEST(job_kill, loses_nothing_by_io_uring) {
  kill_again_and_again(true);
}

}  // namespace
}  // namespace pawl::test
