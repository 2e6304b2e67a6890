// pawl/retry.hpp -- when a failed attempt is made again, as values.
//
// A backoff says how long to wait before the n-th retry; a retry rule says what a kind of error is
// worth. Both are plain values: copied at submit or with the registry, never called back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "pawl/job.hpp"

namespace pawl {

// What is random in a delay, so that jobs that failed together do not come back together.
//   full          anything from 0 to the delay
//   equal         half of the delay, and anything up to the other half
//   decorrelated  anything from the base to three times the previous delay
// After M. Brooker, "Exponential Backoff And Jitter" (AWS, 2015).
enum class jitter : std::uint8_t { none, full, equal, decorrelated };

// The delay before a retry. Every arithmetic step saturates, and the cap is applied last.
struct backoff {
  enum class shape : std::uint8_t {
    fixed,        // base
    linear,       // base * n before the n-th retry
    exponential,  // base * factor ^ (n - 1)
    table,        // delays[n - 1]; the last one again when they run out
  };
  static constexpr std::size_t table_max = 8;

  shape form = shape::exponential;
  pawl::jitter jitter = pawl::jitter::equal;
  std::uint8_t table_count = 0;              // of `delays`; at least 1 for a table
  std::uint16_t factor = 2;                  // 1 to 1,000
  duration base = std::chrono::seconds(1);   // 0 to a year
  duration cap = std::chrono::minutes(5);    // 0 to a year
  std::array<duration, table_max> delays{};  // 0 to a year each

  static constexpr backoff fixed(duration every, pawl::jitter j = pawl::jitter::none) noexcept {
    backoff b;
    b.form = shape::fixed;
    b.jitter = j;
    b.base = every;
    b.cap = every;
    return b;
  }
  static constexpr backoff linear(duration step, duration cap,
                                  pawl::jitter j = pawl::jitter::none) noexcept {
    backoff b;
    b.form = shape::linear;
    b.jitter = j;
    b.base = step;
    b.cap = cap;
    return b;
  }
  static constexpr backoff exponential(duration base, std::uint16_t factor, duration cap,
                                       pawl::jitter j = pawl::jitter::equal) noexcept {
    backoff b;
    b.jitter = j;
    b.base = base;
    b.factor = factor;
    b.cap = cap;
    return b;
  }
  // Delays beyond the 8th are left out.
  static constexpr backoff table(std::initializer_list<duration> delays,
                                 pawl::jitter j = pawl::jitter::none) noexcept {
    backoff b;
    b.form = shape::table;
    b.jitter = j;
    b.base = duration(0);
    b.cap = duration(0);
    for (const duration d : delays) {
      if (b.table_count == table_max) break;
      b.delays[b.table_count++] = d;
      if (d > b.cap) b.cap = d;
    }
    return b;
  }
};

// A number by which a program tells its errors apart, such as an errno or an HTTP status. 0: any.
using error_kind = std::uint16_t;
// What a handler threw, and an attempt that ran too long.
inline constexpr error_kind error_thrown = 0xffff;
inline constexpr error_kind error_timeout = 0xfffe;

// An error of that kind gets at most `attempts_max` starts; 1: it is not worth a retry.
struct retry_rule {
  error_kind kind = 0;
  std::uint8_t attempts_max = 1;
};

}  // namespace pawl
