// lsn_range.hpp -- reads which log sequence numbers are meant: "7", "7..9", "7..", "..9".
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "whole_number.hpp"

namespace pawl_tool {

struct lsn_range {
  std::uint64_t first = 0;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  friend bool operator==(const lsn_range&, const lsn_range&) = default;
};

// Nothing: it is none, or its end is before its beginning.
[[nodiscard]] inline std::optional<lsn_range> parse_lsn_range(std::string_view text) noexcept {
  const std::size_t dots = text.find("..");
  lsn_range range;
  if (dots == text.npos) {
    const auto only = parse_u64(text);
    if (!only) return std::nullopt;
    return lsn_range{*only, *only};
  }
  const std::string_view first = text.substr(0, dots);
  const std::string_view last = text.substr(dots + 2);
  const auto from = first.empty() ? range.first : parse_u64(first);
  const auto to = last.empty() ? range.last : parse_u64(last);
  if (!from || !to || *from > *to || text == "..") return std::nullopt;
  return lsn_range{*from, *to};
}

}  // namespace pawl_tool
