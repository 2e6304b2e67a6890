// time/tick.hpp -- the wheel's unit of time: 1.024 us, and where a tick lies as seen from another.
//
// What is due is rounded up and what is now is rounded down, so nothing is ever early; it is late by
// less than a tick. Ticks have 54 bits, nine digits of six, and so reach to 2^64 ns: 584 years.
// The last tick stands for UINT64_MAX ns alone: what is due in the last two ticks waits for that.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace pawl {

inline constexpr unsigned tick_shift = 10;  // 1,024 ns
inline constexpr unsigned digit_bits = 6;
inline constexpr unsigned tick_digits = 9;
inline constexpr std::uint64_t last_tick = (std::uint64_t{1} << (digit_bits * tick_digits)) - 1;

constexpr std::uint64_t tick_of_due(std::uint64_t due_ns) noexcept {
  const bool rest = (due_ns & ((1u << tick_shift) - 1)) != 0;
  return std::min((due_ns >> tick_shift) + rest, last_tick);
}

constexpr std::uint64_t tick_of_now(std::uint64_t now_ns) noexcept {
  return now_ns == UINT64_MAX ? last_tick : std::min(now_ns >> tick_shift, last_tick - 1);
}

// The first nanosecond of a tick: tick_of_now() of it is that tick.
constexpr std::uint64_t ns_of_tick(std::uint64_t tick) noexcept {
  return tick >= last_tick ? UINT64_MAX : tick << tick_shift;
}

constexpr unsigned digit_of(std::uint64_t tick, unsigned level) noexcept {
  return static_cast<unsigned>(tick >> (digit_bits * level)) & 63u;
}

// The highest digit in which the two differ; 0 when they are equal.
constexpr unsigned level_of(std::uint64_t tick, std::uint64_t hand) noexcept {
  const auto highest_bit = 63u ^ static_cast<unsigned>(std::countl_zero((tick ^ hand) | 1));
  return highest_bit * 43 >> 8;  // / digit_bits, for what is less than 64
}

// The first tick of a bucket: the hand's digits above `level`, then `digit`, then zeros.
constexpr std::uint64_t start_of(std::uint64_t hand, unsigned level, unsigned digit) noexcept {
  const unsigned shift = digit_bits * level;
  return (((hand >> shift) & ~std::uint64_t{63}) | digit) << shift;
}

}  // namespace pawl
