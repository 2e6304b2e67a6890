// bench/support/reference.hpp -- what a contender should reach, so that we do not win against a
// contender that was set up badly.
//
// Million jobs a second, low end of the range seen, measured on a 2-core machine (Sapphire Rapids,
// KVM) with the same Debian 12 packages and 32-byte payloads, alone on the machine. A contender
// below three quarters of its figure is printed as not reproduced, and a ratio to it is no win.
#pragma once

#include <string_view>

namespace bench {

struct reference_figure {
  std::string_view contender;
  bool bulk;
  unsigned producers;
  double million_jobs_per_s;
};

inline constexpr double reproduced_from = 0.75;

inline constexpr reference_figure reference_figures[] = {
    {"raw_moodycamel", true, 1, 82.0},
    {"raw_moodycamel", true, 2, 78.0},
    {"raw_moodycamel", false, 1, 13.0},
    {"raw_moodycamel", false, 2, 13.0},
    {"tbb_enqueue", false, 1, 2.5},
    {"tbb_enqueue", false, 2, 2.6},
    {"mutex_deque", false, 1, 2.1},
    {"mutex_deque", false, 2, 4.5},
    {"asio", false, 1, 1.8},
    {"asio", false, 2, 2.3},
};

// 0: nothing to compare with.
constexpr double reference_jobs_per_s(std::string_view contender, bool bulk,
                                      unsigned producers) noexcept {
  for (const reference_figure& one : reference_figures) {
    if (one.contender == contender && one.bulk == bulk && one.producers == producers) {
      return one.million_jobs_per_s * 1e6;
    }
  }
  return 0;
}

struct timer_reference {
  std::string_view contender;
  double schedule_and_fire_ns;
};

// bench/timers.cpp: high end of the range seen on the same machine. heap at 10 M timers, libuv at 1 M.
// libevent and asio were measured at 10 M only: at 1 M they can but be faster.
inline constexpr timer_reference timer_references[] = {
    {"heap", 432},
    {"libuv", 2'241},
    {"libevent", 5'125},
    {"asio", 1'291},
};

// 0: nothing to compare with.
constexpr double reference_timer_ns(std::string_view contender) noexcept {
  for (const timer_reference& one : timer_references) {
    if (one.contender == contender) return one.schedule_and_fire_ns;
  }
  return 0;
}

struct commit_reference {
  std::string_view contender;
  double jobs_per_s;
};

// bench/log_commit.cpp, durable, a thousand jobs and more a batch: low end of the range seen on the same
// machine.
inline constexpr commit_reference commit_references[] = {
    {"rocksdb", 233e3},
    {"sqlite", 214e3},
    {"lmdb", 1.22e6},
};

// 0: nothing to compare with.
constexpr double reference_commit_jobs_per_s(std::string_view contender) noexcept {
  for (const commit_reference& one : commit_references) {
    if (one.contender == contender) return one.jobs_per_s;
  }
  return 0;
}

}  // namespace bench
