// fresh_store.hpp -- throws away what a store holds (`pawl run --new`).
#pragma once

#include <optional>
#include <string>

#include "stored_run.hpp"

namespace pawl_tool {

// Removes the files of the log and the board, and nothing else; `lock` stays, which nobody removes. Refused
// while a process has the store. Of a directory that is not there nothing is removed.
[[nodiscard]] std::optional<refusal> empty_store(const std::string& directory);

// "process 4242 has it open", as far as it can be said.
[[nodiscard]] std::string held_text(const std::string& directory);

}  // namespace pawl_tool
