// program_exit.hpp -- with what this program exits: one list for all its commands.
#pragma once

namespace pawl_tool {

inline constexpr int exit_all_completed = 0;   // or all was shown, and is sound
inline constexpr int exit_none_completed = 1;  // also: standard output or input failed
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_not_found = 3;
inline constexpr int exit_refused = 4;  // what is there is not in a state for this
inline constexpr int exit_damaged = 5;
inline constexpr int exit_some_died = 8;
inline constexpr int exit_interrupted = 130;

}  // namespace pawl_tool
