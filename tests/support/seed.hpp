// support/seed.hpp -- where a random test gets its seed: fresh in each run, printed, and repeatable.
//
//   PAWL_SEED=12345 bin/pawl_job_tests --gtest_filter=...   runs the same test with the same numbers
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace pawl::test {

using random_source = std::mt19937_64;

inline std::uint64_t fresh_seed() {
  std::uint64_t seed = 0;
  if (const char* given = std::getenv("PAWL_SEED"); given != nullptr) {
    seed = std::strtoull(given, nullptr, 10);
  } else {
    std::random_device device;
    seed = (std::uint64_t{device()} << 32) | device();
  }
  std::printf("PAWL_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

// A number from 0 to below - 1. Made here so that a seed means the same with every library.
template <class T = std::uint64_t>
T below(random_source& random, std::uint64_t limit) {
  return static_cast<T>(random() % limit);
}

inline bool one_in(random_source& random, std::uint64_t n) {
  return random() % n == 0;
}

}  // namespace pawl::test
