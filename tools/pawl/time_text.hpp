// time_text.hpp -- moments of the wall clock as people and programs write them. All in UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pawl_tool {

// Nanoseconds since 1970 as "2026-11-26T15:39:29.123Z", or with nine digits behind the point.
[[nodiscard]] std::string time_text_ms(std::uint64_t wall_ns);
[[nodiscard]] std::string time_text_ns(std::uint64_t wall_ns);

// A date, a date and a time ("2026-11-26T15:39", with seconds and a fraction if wanted, "Z" at the
// end or not, a blank for "T"), or a duration such as "15m": so long before `now_ns`. Nothing: it
// is none of these, or outside of 1970 to 2200.
[[nodiscard]] std::optional<std::uint64_t> parse_time(std::string_view text, std::uint64_t now_ns);

}  // namespace pawl_tool
