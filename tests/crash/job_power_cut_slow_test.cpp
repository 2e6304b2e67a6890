// Power cuts under a whole scheduler, as real file systems live them, by both devices: no job is lost that was
// acknowledged, none runs again whose end was, and in the end nothing is left. A worker lives on after the cut, for
// a moment or until its log fails, and what it says then is believed like all else.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "crash/job_life.hpp"
#include "crash/loop_disk.hpp"
#include "support/seed.hpp"

namespace pawl::test {
namespace {

constexpr int lives = 25;

// How often it was the life that ended itself.
int cut_again_and_again(loop_disk& disk, bool io_uring, job_oracle& oracle, random_source& random) {
  int failures = 0;
  for (int life = 0; life < lives && !::testing::Test::HasFailure(); ++life) {
    job_life child(disk.directory(), io_uring, oracle, random(), false);
    // Now and then in the middle of its opening.
    EXPECT_TRUE(one_in(random, 4) || child.hear_acknowledgement(oracle));
    EXPECT_TRUE(child.hear_for(std::chrono::microseconds(below(random, 100'000)), oracle));
    EXPECT_TRUE(disk.cut_power());
    const bool is_left_alone = one_in(random, 2);
    if (!is_left_alone) child.hear_for(std::chrono::microseconds(below(random, 5'000)), oracle);
    const life_end end = is_left_alone ? child.wait(oracle) : child.kill(oracle);
    EXPECT_TRUE(end == life_end::log_failed || (end == life_end::killed && !is_left_alone))
        << "in life " << life;
    if (end == life_end::log_failed) ++failures;
    EXPECT_TRUE(disk.mount_again());
  }
  return failures;
}

class job_power_cut : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(on, job_power_cut, ::testing::Values("ext4", "xfs"),
                         [](const auto& type) { return std::string(type.param); });

TEST_P(job_power_cut, loses_nothing) {
  random_source random(fresh_seed());
  loop_disk disk(GetParam(), "320M");
  if (!disk.is_there()) GTEST_SKIP() << "no " << GetParam() << " on a loop device here";
  for (const bool io_uring : {false, true}) {
    disk.make_directory();
    EXPECT_TRUE(disk.make_names_durable());
    job_oracle oracle;
    const int failures = cut_again_and_again(disk, io_uring, oracle, random);
    job_life last(disk.directory(), io_uring, oracle, random(), true);
    EXPECT_EQ(last.wait(oracle), life_end::done);
    oracle.check_end();
    EXPECT_GT(oracle.ended(), 0u);
    std::printf("%s, %s: %zu jobs acknowledged, %zu ends, %zu results, %zu dead, %d failed logs\n",
                GetParam(), io_uring ? "uring" : "posix", oracle.accepted(), oracle.ended(),
                oracle.results(), oracle.dead(), failures);
  }
}

}  // namespace
}  // namespace pawl::test
