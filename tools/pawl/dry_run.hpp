// dry_run.hpp -- `pawl run --dry-run`: says what would be run, and runs nothing.
#pragma once

#include "settings.hpp"

namespace pawl_tool {

// One line per job. Returns the exit code.
int dry_run(const run_settings& settings);

}  // namespace pawl_tool
