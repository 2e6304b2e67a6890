// settings.hpp -- what `pawl run` was asked to do.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exit_codes.hpp"
#include "pawl/job.hpp"
#include "pawl/options.hpp"
#include "pawl/retry.hpp"
#include "program_exit.hpp"

namespace pawl_tool {

enum class kind_name { digest, exec, noop, sleep };
inline constexpr kind_name all_kinds[] = {kind_name::digest, kind_name::exec, kind_name::noop,
                                          kind_name::sleep};
enum class output_form { text, jsonl };

// With the bytes of one line, a job's payload is at most 1 MiB: the limit of the library.
inline constexpr std::size_t line_bytes_max = (std::size_t{1} << 20) - 16;

// The most of --concurrency.
inline constexpr unsigned drains_max = 64;  // of the library
inline constexpr unsigned processes_max = 1'024;

struct run_settings {
  std::optional<kind_name> kind;     // none: each line says its own (jsonl)
  std::vector<std::string> command;  // exec: the words after "--"
  bool jsonl = false;                // lines are JSON objects
  output_form form = output_form::text;
  char delimiter = '\n';
  bool keep_order = false;
  bool dry_run = false;
  bool quiet = false;
  unsigned concurrency = 1;
  pawl::priority priority = pawl::priority::normal;
  std::string tag;
  std::uint64_t window = 65'536;   // jobs in memory: submitted, and their output not yet written
  std::uint64_t memory_bytes = 0;  // of the scheduler, at most; 0: no bound beyond the window
  std::optional<std::chrono::nanoseconds> sleep_for;  // sleep: else each line says how long

  unsigned attempts = 1;  // starts
  pawl::backoff backoff;
  std::string backoff_text = "exp:1s,x2,cap=5m";  // as it was typed
  std::chrono::nanoseconds timeout{0};            // of an attempt; 0: none
  std::chrono::nanoseconds after{0};              // due so long after it was read
  exit_codes dead_on;                             // exec: not worth a retry

  pawl::rate_limit rate{};                            // of all starts
  std::string own_queue = "run";                      // of jobs that name none
  std::map<std::string, pawl::queue_options> queues;  // limits and weight of those that have any

  unsigned lane_word = 0;   // which word of a line is the key of its lane, from 1; 0: none is
  std::string lane_member;  // jsonl: which member is; empty: none is

  std::string store;        // its directory; empty: all is in memory
  bool begin_anew = false;  // what the store holds is thrown away

  std::uint64_t halt = 0;  // stop the intake after so many failures; 0: never

  // Jobs and their results are in a store.
  [[nodiscard]] bool keeps() const noexcept { return !store.empty(); }
};

}  // namespace pawl_tool
