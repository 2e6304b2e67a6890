// run_command.hpp -- `pawl run`.
#pragma once

#include "settings.hpp"

namespace pawl_tool {

// Reads lines from standard input and does a job for each. Returns the exit code. Called once,
// while the calling thread is the only one.
int run_jobs(const run_settings& settings);

}  // namespace pawl_tool
