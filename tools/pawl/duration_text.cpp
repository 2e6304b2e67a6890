#include "duration_text.hpp"

#include <charconv>
#include <utility>

namespace pawl_tool {

namespace {

constexpr double nanoseconds_max = 36'525 * 86'400e9;  // the library's longest delay

std::optional<std::chrono::nanoseconds> in_range(double nanoseconds) noexcept {
  if (!(nanoseconds >= 0 && nanoseconds <= nanoseconds_max)) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds));
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) noexcept {
  constexpr std::pair<std::string_view, double> units[] = {
      {"", 1e9},  {"ns", 1},   {"us", 1e3},    {"ms", 1e6},
      {"s", 1e9}, {"m", 60e9}, {"h", 3'600e9}, {"d", 86'400e9}};
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  for (const auto& [unit, nanoseconds] : units) {
    if (unit == std::string_view(rest, static_cast<std::size_t>(end - rest))) {
      return in_range(number * nanoseconds);
    }
  }
  return std::nullopt;
}

std::optional<std::chrono::nanoseconds> duration_of_seconds(double seconds) noexcept {
  return in_range(seconds * 1e9);
}

}  // namespace pawl_tool
