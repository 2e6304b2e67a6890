// command_line.hpp -- what the user typed, as settings.
#pragma once

#include <optional>

#include "settings.hpp"

namespace pawl_tool {

struct command_line {
  std::optional<run_settings> run;  // what to do; none: everything has been said
  int exit_code = 0;                // then
};

// Prints help and the version to standard output, mistakes to standard error.
command_line parse_command_line(int count, char** words);

}  // namespace pawl_tool
