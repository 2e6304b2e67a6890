// bench/support/clock.hpp -- one clock for latencies, and the time stamp counter for single calls.
#pragma once

#include <time.h>
#include <x86intrin.h>

#include <cstdint>

namespace bench {

inline std::uint64_t now_ns() noexcept {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(t.tv_nsec);
}

inline void sleep_until_ns(std::uint64_t when) noexcept {
  timespec t{};
  t.tv_sec = static_cast<time_t>(when / 1'000'000'000u);
  t.tv_nsec = static_cast<long>(when % 1'000'000'000u);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) != 0) {
  }
}

inline void sleep_ns(std::uint64_t time) noexcept {
  sleep_until_ns(now_ns() + time);
}

// Everything before it has been done, and nothing after it has begun.
inline std::uint64_t read_tsc() noexcept {
  unsigned processor = 0;
  const std::uint64_t ticks = __rdtscp(&processor);
  _mm_lfence();
  return ticks;
}

// Measured, because no processor we know of tells a guest its own frequency reliably.
inline double measure_tsc_ns_per_tick() noexcept {
  const std::uint64_t ns_begin = now_ns();
  const std::uint64_t begin = read_tsc();
  sleep_ns(50'000'000);
  const std::uint64_t ns_end = now_ns();
  const std::uint64_t end = read_tsc();
  return static_cast<double>(ns_end - ns_begin) / static_cast<double>(end - begin);
}

}  // namespace bench
