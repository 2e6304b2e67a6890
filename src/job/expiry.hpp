// job/expiry.hpp -- until when a job may start, in 32 bits: a span after its submit.
//
//   bits 31..30  unit    bits 29..0  how many of them, at least 1
//
// The span is cut to whole units, so a job may expire early by less than a unit: a microsecond of
// spans up to 17 minutes, a millisecond up to 12 days, a second up to 34 years, else an hour.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "pawl/job.hpp"

namespace pawl {

namespace detail {
inline constexpr std::array<std::uint64_t, 4> expiry_units_ns{1'000, 1'000'000, 1'000'000'000,
                                                              3'600'000'000'000};
inline constexpr unsigned expiry_count_bits = 30;
inline constexpr std::uint32_t expiry_count_max = (1u << expiry_count_bits) - 1;
}  // namespace detail

// 0, which is no expiry, for spans of 0 and less.
constexpr std::uint32_t encode_expiry(duration span) noexcept {
  if (span.count() <= 0) return 0;
  const auto ns = static_cast<std::uint64_t>(span.count());
  for (std::uint32_t unit = 0; unit < detail::expiry_units_ns.size(); ++unit) {
    const std::uint64_t count = ns / detail::expiry_units_ns[unit];
    if (count > detail::expiry_count_max) continue;
    return (unit << detail::expiry_count_bits) |
           static_cast<std::uint32_t>(std::max<std::uint64_t>(count, 1));
  }
  return ~std::uint32_t{0};  // not reached: 2^63 ns are 2.5 million hours
}

// The time of expiry of a job that was submitted at `submitted_ns`; UINT64_MAX: never.
constexpr std::uint64_t expiry_ns(std::uint64_t submitted_ns, std::uint32_t coded) noexcept {
  if (coded == 0) return UINT64_MAX;
  const std::uint64_t span = detail::expiry_units_ns[coded >> detail::expiry_count_bits] *
                             (coded & detail::expiry_count_max);
  return submitted_ns > UINT64_MAX - span ? UINT64_MAX : submitted_ns + span;
}

}  // namespace pawl
