// policy/log_bound.hpp -- when the log of a process is long enough that nothing new is taken into it.
//
// Room is kept for what the jobs that are there come to. So the sum of both only grows, as an end takes at least
// what was kept for it: a bound that is reached stays so.
#pragma once

#include <cstdint>

namespace pawl {

// Of a job that is alive, below the bound: its end, among others of one cut.
inline constexpr std::uint64_t end_bytes_kept = 32;
// Below that a segment that has just begun would be much of it.
inline constexpr std::uint64_t bounded_segments_min = 4;

// 0: there is no bound.
constexpr bool is_log_bound(std::uint64_t bytes_max, std::uint64_t segment_bytes) noexcept {
  return bytes_max == 0 || bytes_max / bounded_segments_min >= segment_bytes;
}

constexpr bool is_too_long(std::uint64_t bytes, std::uint64_t jobs,
                           std::uint64_t bytes_max) noexcept {
  return bytes_max != 0 && bytes + end_bytes_kept * jobs >= bytes_max;
}

// How much may be written until that is asked again.
constexpr std::uint64_t bytes_between_looks(std::uint64_t bytes_max) noexcept {
  return bytes_max / 256;
}

}  // namespace pawl
