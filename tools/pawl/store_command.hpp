// store_command.hpp -- `pawl wal`, `store`, `jobs` and `dead`: they read, and change nothing.
#pragma once

#include "store_query.hpp"

namespace pawl_tool {

// Returns the exit code.
int read_store(const store_query& asked);

}  // namespace pawl_tool
