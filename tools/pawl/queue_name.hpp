// queue_name.hpp -- what the library takes for the name of a queue.
#pragma once

#include <string_view>

namespace pawl_tool {

inline constexpr std::string_view queue_name_rule = "1 to 128 of [A-Za-z0-9._-]";

[[nodiscard]] inline bool is_queue_name(std::string_view name) {
  constexpr std::string_view good =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= 128 && name.find_first_not_of(good) == name.npos;
}

}  // namespace pawl_tool
