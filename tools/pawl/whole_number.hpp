// whole_number.hpp -- reads a word that is a whole number and nothing else.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pawl_tool {

// Nothing: it is none, or not from `least` to `most`.
[[nodiscard]] inline std::optional<std::uint32_t> parse_whole_number(std::string_view text,
                                                                     std::uint32_t least,
                                                                     std::uint32_t most) noexcept {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || number < least || number > most) return std::nullopt;
  return number;
}

// Of any size that fits.
[[nodiscard]] inline std::optional<std::uint64_t> parse_u64(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

}  // namespace pawl_tool
