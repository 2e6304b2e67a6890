// stored_run.hpp -- what a store holds of a run: how far its input was read, and what became of each line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "input_position.hpp"
#include "job_result.hpp"

namespace pawl_tool {

// Why a store is not taken, for a person, and the exit code.
struct refusal {
  int exit_code;
  std::string why;
};

struct known_line {
  std::uint64_t sequence = 0;  // from 0
  std::uint64_t hash = 0;      // see hash_of_line()
};

struct stored_run {
  std::uint64_t epoch = 0;                 // the last one; 0: there is no store yet
  std::optional<input_position> position;  // none: no line has become a job
  std::vector<known_line> lines;           // those that became jobs, ascending
  std::vector<std::unique_ptr<job_result>>
      ended;                    // the completed ones, oldest first, then the dead
  std::uint64_t completed = 0;  // of `ended`
  std::uint64_t live_jobs = 0;
  std::uint64_t live_bytes = 0;        // of their payloads, without the heads
  std::uint64_t between_attempts = 0;  // of the live ones: they have failed before

  [[nodiscard]] std::uint64_t dead() const noexcept { return ended.size() - completed; }
};

// Reads the store, of which nothing changes. Of a directory that is not there, or holds no log, an empty
// run. Refused: a store that another process has, that is damaged, or that is not of `pawl run`.
[[nodiscard]] std::optional<refusal> read_run(const std::string& directory, stored_run& to);

// The last epoch in the directory; 0: none.
[[nodiscard]] std::uint64_t last_epoch(const std::string& directory);

}  // namespace pawl_tool
