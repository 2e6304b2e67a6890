// attempt_error.hpp -- how an attempt failed, as the number that a dead letter has room for.
//
//   1 to 255    the exit code        256 + N     signal N        pawl::error_timeout   it ran too long
//   0           something else
#pragma once

#include "job_result.hpp"
#include "pawl/retry.hpp"

namespace pawl_tool {

[[nodiscard]] inline pawl::error_kind error_number(const job_result& result) noexcept {
  if (result.timed_out) return pawl::error_timeout;
  if (result.signal) return static_cast<pawl::error_kind>(256 + *result.signal);
  return static_cast<pawl::error_kind>(result.exit_code.value_or(0));
}

// Fills what the number says of the end.
inline void read_error_number(pawl::error_kind number, job_result& result) noexcept {
  if (number >= 1 && number <= 255) result.exit_code = number;
  if (number > 256 && number < 512) result.signal = number - 256;
}

}  // namespace pawl_tool
