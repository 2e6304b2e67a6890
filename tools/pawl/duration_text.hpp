// duration_text.hpp -- reads durations such as "1.5", "200ms", "2m".
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace pawl_tool {

// A number and one of ns, us, ms, s, m, h, d; without a unit, seconds. Nothing: it is none, it is
// negative, or above 100 years.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_duration(
    std::string_view text) noexcept;

[[nodiscard]] std::optional<std::chrono::nanoseconds> duration_of_seconds(double seconds) noexcept;

}  // namespace pawl_tool
