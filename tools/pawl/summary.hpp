// summary.hpp -- what a run has come to, in a few lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "settings.hpp"
#include "tally.hpp"

namespace pawl_tool {

struct run_outcome {
  totals counts;
  std::uint64_t submitted = 0;  // lines that came in: as jobs, or refused
  std::chrono::nanoseconds wall{0};
  bool halted = false;  // by --halt
};

// Several lines, each of them complete.
[[nodiscard]] std::string summary_text(const run_settings& settings, const run_outcome& outcome,
                                       const tally& times);

// Of a run that was not interrupted.
[[nodiscard]] int exit_code_of(const run_outcome& outcome) noexcept;

}  // namespace pawl_tool
