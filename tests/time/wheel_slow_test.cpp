// The wheel beside a multimap for long. Method: see wheel_oracle.hpp.
#include <gtest/gtest.h>

#include "time/wheel_oracle.hpp"

namespace pawl {
namespace {

TEST(wheel_slow, does_what_a_multimap_does_in_a_hundred_million_operations) {
  test::random_source random(test::fresh_seed());
  constexpr std::uint64_t run_operations = 1'000'000;
  for (int i = 0; i < 100 && !HasFailure(); ++i) {
    test::random_run(random, test::draw_run(random, 60'000), run_operations);
  }
}

}  // namespace
}  // namespace pawl
