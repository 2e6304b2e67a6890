// priority_text.hpp -- reads a priority by its name.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "pawl/job.hpp"

namespace pawl_tool {

[[nodiscard]] inline std::optional<pawl::priority> parse_priority(std::string_view text) noexcept {
  for (std::size_t i = 0; i < pawl::priority_count; ++i) {
    const auto p = static_cast<pawl::priority>(i);
    if (name(p) == text) return p;
  }
  return std::nullopt;
}

}  // namespace pawl_tool
