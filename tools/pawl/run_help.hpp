// run_help.hpp -- what `pawl run --help` says above the list of options.
#pragma once

namespace pawl_tool {

extern const char* const run_help;

}  // namespace pawl_tool
