// job_result.hpp -- what became of one line, on its way from the job to the output.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "captured_output.hpp"
#include "pawl/job.hpp"

namespace pawl_tool {

struct job_result {
  std::uint64_t sequence = 0;          // of the line in the input, from 0
  std::uint64_t line_bytes = 0;        // what the intake has accounted for
  pawl::job_id id;                     // 0: refused, it never became a job
  std::string_view kind;               // its name; empty: the line was no job, so nobody knows
  std::string input;                   // the line or the payload; empty when nothing will show it
  bool is_words = false;               // `input` is an array of words, see job_input
  std::uint64_t column = 0;            // refused: where in the line, from 1; 0: the line as a whole
  std::string_view state;              // "completed", "dead" or "refused"
  std::string_view cause;              // pawl's name of a dead_cause or a reject, else empty
  std::string error;                   // for a person; empty: it completed
  bool timed_out = false;              // the attempt ran too long
  bool hopeless = false;               // failed, and another attempt would fail the same way
  unsigned attempts = 0;               // starts; what follows is of the last one
  std::optional<int> exit_code;        // exec
  std::optional<int> signal;           // exec, ended by this signal
  std::chrono::nanoseconds waited{0};  // from its acceptance and its delay to this start
  std::chrono::nanoseconds ran{0};
  captured_output output;
  captured_output errors;  // exec: what it wrote to its standard error
  bool is_cut = false;     // from a store, which has kept only the beginning of these two

  [[nodiscard]] bool completed() const noexcept { return error.empty() && !timed_out; }
};

}  // namespace pawl_tool
