// More of log_crash_test.cpp: every bit of a log, and longer lives.
#include "crash/log_crash.hpp"

#include <gtest/gtest.h>

#include "support/seed.hpp"

namespace pawl::test {
namespace {

TEST(log_crash_slow, what_was_durable_is_there_after_every_crash) {
  random_source random(fresh_seed());
  tally t;
  for (int round = 0; round < 3; ++round) {
    sim_disk disk(random());
    disk.lazy = round % 2 == 1;
    run(disk, 24, random, t);
  }
  print(t);
  EXPECT_EQ(t.wrong, "");
}

TEST(log_damage_slow, every_flipped_bit_is_found_or_harmless) {
  flip_bits(1);
}

}  // namespace
}  // namespace pawl::test
