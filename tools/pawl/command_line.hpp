// command_line.hpp -- what the user typed, as settings.
#pragma once

#include <optional>

#include "settings.hpp"
#include "store_query.hpp"

namespace pawl_tool {

struct command_line {
  // What to do, one of them; none: everything has been said.
  std::optional<run_settings> run{};
  std::optional<store_query> read{};
  int exit_code = 0;  // then
};

// Prints help and the version to standard output, mistakes to standard error.
command_line parse_command_line(int count, char** words);

}  // namespace pawl_tool
