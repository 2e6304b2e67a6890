// settings.hpp -- what `pawl run` was asked to do.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pawl/job.hpp"

namespace pawl_tool {

enum class kind_name { digest, exec, noop, sleep };
enum class output_form { text, jsonl };

// Exit codes. Those of other commands of this program follow the same list.
inline constexpr int exit_all_completed = 0;
inline constexpr int exit_none_completed = 1;  // also: standard output or input failed
inline constexpr int exit_usage = 2;
inline constexpr int exit_some_died = 8;
inline constexpr int exit_interrupted = 130;

// With the bytes of one line, a job's payload is at most 1 MiB: the limit of the library.
inline constexpr std::size_t line_bytes_max = (std::size_t{1} << 20) - 16;

struct run_settings {
  kind_name kind = kind_name::noop;
  std::vector<std::string> command;  // exec: the words after "--"
  output_form form = output_form::text;
  char delimiter = '\n';
  bool keep_order = false;
  bool dry_run = false;
  bool quiet = false;
  unsigned concurrency = 1;
  pawl::priority priority = pawl::priority::normal;
  std::string tag;
  std::uint64_t window = 65'536;  // jobs in memory: submitted, and their output not yet written
  std::optional<std::chrono::nanoseconds> sleep_for;  // sleep: else each line says how long
};

}  // namespace pawl_tool
