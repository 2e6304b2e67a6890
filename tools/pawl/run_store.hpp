// run_store.hpp -- takes up the run that a store holds: what is known already, and whether it is this run.
#pragma once

#include <cstdint>
#include <optional>

#include "input_prefix.hpp"
#include "line_reader.hpp"
#include "settings.hpp"
#include "stored_run.hpp"

namespace pawl_tool {

struct taken_run {
  stored_run known;
  input_beginning input;
};

// Before the scheduler opens it, which starts the jobs that are left. Reads as much of the input as the
// store has read before; if that was stopped or failed, the reader says so. But for --new nothing changes.
// Refused also: a run of another command, and an input that begins otherwise.
[[nodiscard]] std::optional<refusal> take_up(const run_settings& settings, line_reader& reader,
                                             taken_run& to);

// The scheduler has opened the store: was it as it had been read, or has another process come in between?
[[nodiscard]] std::optional<refusal> check_taken(const run_settings& settings,
                                                 const stored_run& known);

}  // namespace pawl_tool
