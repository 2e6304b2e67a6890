// persistence/segment_name.hpp -- the names of a log's files. FORMAT.md, section 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pawl {

inline constexpr std::string_view segment_prefix = "wal-";
inline constexpr std::string_view spare_prefix = "spare-";
inline constexpr std::string_view segment_suffix = ".seg";

inline std::string file_name(std::string_view prefix, std::uint64_t number) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string name(prefix);
  for (int shift = 60; shift >= 0; shift -= 4) name += digits[(number >> shift) & 0xf];
  return name.append(segment_suffix);
}

// The number, if `name` is one of those, written as above.
inline std::optional<std::uint64_t> number_in(std::string_view name, std::string_view prefix) {
  if (name.size() != prefix.size() + 16 + segment_suffix.size()) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : name.substr(prefix.size(), 16)) {
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                                                  : 16;
    if (digit > 15) return std::nullopt;
    number = number << 4 | digit;
  }
  if (number == 0 || name != file_name(prefix, number)) return std::nullopt;
  return number;
}

}  // namespace pawl
