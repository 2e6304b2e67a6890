// engine/option_checks.hpp -- what the options of a submit come to, before anything is done about them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "engine/settings.hpp"
#include "engine/unique_jobs.hpp"
#include "pawl/job.hpp"

namespace pawl {

// A priority from outside its enumeration counts as the lowest.
inline unsigned band_of(priority p) noexcept {
  return std::min(static_cast<unsigned>(p), static_cast<unsigned>(priority_count - 1));
}

// Is there nothing to it but a priority and, if `cursor` is null, perhaps a cursor? One test of all of them together.
inline bool is_plain(const job_options& how, const source_cursor* cursor) noexcept {
  const auto number = [](const void* p) { return reinterpret_cast<std::intptr_t>(p); };
  return (number(cursor) | how.after.count() | how.at.time_since_epoch().count() |
          how.expires.count() | how.run_timeout.count() | how.deadline.count() |
          number(how.backoff) | number(how.unique) | static_cast<std::intptr_t>(how.lane.size()) |
          static_cast<std::intptr_t>(how.durability.has_value())) == 0;
}

// Nor a cursor.
inline bool is_plain(const job_options& how) noexcept {
  return is_plain(how, how.cursor);
}

inline bool is_in_range(const job_options& how) noexcept {
  constexpr duration longest = std::chrono::hours(24 * 36525);  // a century
  const auto fits = [&](duration d) { return d >= duration(0) && d <= longest; };
  const bool two_dues = how.after.count() != 0 && how.at != std::chrono::system_clock::time_point{};
  return !two_dues && fits(how.after) && fits(how.expires) && fits(how.run_timeout) &&
         fits(how.deadline) && (!how.durability || *how.durability <= durability::durable) &&
         (how.backoff == nullptr || check_backoff(*how.backoff)) &&
         (how.unique == nullptr || is_in_range(*how.unique));
}

inline bool is_later(const job_options& how) noexcept {
  return how.after.count() > 0 || how.at != std::chrono::system_clock::time_point{};
}

}  // namespace pawl
