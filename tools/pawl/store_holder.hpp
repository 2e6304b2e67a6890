// store_holder.hpp -- who has a store open, found out without touching its lock: even a shared lock of
// ours would make an opening fail.
//
// The lock's text names a process, and /proc says whether that one holds a lock of that file. A
// process that we may not look at, one of another container, or a child that has kept the lock of a
// parent that is gone, is not seen.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace pawl_tool {

// Nobody: as far as can be seen.
[[nodiscard]] std::optional<pid_t> holder_of(const std::string& directory);

}  // namespace pawl_tool
