// store_help.hpp -- what `pawl wal --help` and its like say above the list of verbs.
#pragma once

#include <string>
#include <string_view>

namespace pawl_tool {

// Of "wal", "store", "jobs" or "dead".
[[nodiscard]] std::string help_of(std::string_view command);

}  // namespace pawl_tool
