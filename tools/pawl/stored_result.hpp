// stored_result.hpp -- the result of a completed job, as a store keeps it.
//
//   u32 magic, u8 version (1), u8 marks, u8 kind, u8 attempts, u64 sequence, u64 line_hash,
//   u64 wait_ns, u64 run_ns, u32 exit_code, u32 signal, u32 input_bytes, u32 output_bytes,
//   u32 errors_bytes, input, output, error output
//
// Little-endian. The three texts share what is left of result_bytes_max: each is sure of a part of it, and
// what does not fit is cut off, which the marks say.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "job_result.hpp"
#include "settings.hpp"

namespace pawl_tool {

struct stored_result {
  std::uint64_t sequence = 0;   // of the line in the input, from 0
  std::uint64_t line_hash = 0;  // see hash_of_line()
  kind_name kind = kind_name::noop;
  unsigned attempts = 1;  // at most 255
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::chrono::nanoseconds waited{0};
  std::chrono::nanoseconds ran{0};
  bool is_words = false;  // of `input`, see job_input
  std::string input;
  std::string output;
  std::string errors;
  bool input_cut = false;
  bool output_cut = false;
  bool errors_cut = false;

  friend bool operator==(const stored_result&, const stored_result&) = default;
};

// At most pawl::result_bytes_max.
[[nodiscard]] std::vector<std::byte> encode(const stored_result& result);
// Nothing: it is no result of ours, or of a later release.
[[nodiscard]] std::optional<stored_result> decode_result(std::span<const std::byte> bytes);

// For the output, as if the job had just ended.
[[nodiscard]] job_result shown(stored_result&& result, pawl::job_id id);

}  // namespace pawl_tool
