// kill -9 of a scheduler at any moment, again and again, on real files, by both devices: no job is lost that was
// acknowledged, none runs again whose end was, and in the end nothing is left.
#include <gtest/gtest.h>

#include <cstdio>

#include "crash/job_life.hpp"
#include "support/scale.hpp"
#include "support/scratch_directory.hpp"

namespace pawl::test {
namespace {

constexpr int lives = sanitized ? 10 : 30;

void kill_again_and_again(bool io_uring) {
  random_source random(fresh_seed());
  scratch_directory directory;
  job_oracle oracle;
  for (int life = 0; life < lives && !::testing::Test::HasFailure(); ++life) {
    job_life child(directory.path(), io_uring, oracle, random(), false);
    // Now and then in the middle of its opening.
    EXPECT_TRUE(one_in(random, 4) || child.hear_acknowledgement(oracle));
    const std::chrono::microseconds span(below(random, 100'000));
    EXPECT_TRUE(child.hear_for(span, oracle));
    EXPECT_EQ(child.kill(oracle), life_end::killed);
  }
  job_life last(directory.path(), io_uring, oracle, random(), true);
  EXPECT_EQ(last.wait(oracle), life_end::done);
  oracle.check_end();
  EXPECT_GT(oracle.ended(), 0u);
  std::printf("%s: %zu jobs acknowledged, %zu ends, %zu results, %zu dead\n",
              io_uring ? "uring" : "posix", oracle.accepted(), oracle.ended(), oracle.results(),
              oracle.dead());
}

TEST(job_kill, loses_nothing_by_plain_calls) {
  kill_again_and_again(false);
}
TEST(job_kill, loses_nothing_by_io_uring) {
  kill_again_and_again(true);
}

}  // namespace
}  // namespace pawl::test
