// json_job.hpp -- reads a job from a line of JSON (--jsonl). The one place that knows the JSON
// library.
//
// One object; its members, none of which may come twice:
//   kind      "digest", "exec", "noop" or "sleep"; else that of the command line
//   payload   a string: what a line would be. exec: a string for the COMMAND of the command line, or
//             an array of strings: the last words of COMMAND, or without one the whole command
//   queue     1 to 128 of [A-Za-z0-9._-]; queues of one priority share the threads evenly
//   priority  as --priority
//   delay     as --after, a string such as "1.5s", or a number of seconds
//   timeout   as --timeout, in the same two forms
//   attempts  as --attempts
//   and the one that --lane names: a string, or a whole number
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "job_order.hpp"

namespace pawl_tool {

// Is it one of the above?
[[nodiscard]] bool is_json_job_member(std::string_view name);

class json_job_reader {
 public:
  explicit json_job_reader(const run_settings& settings) : settings_(settings) {}

  // Fills `order`, whose text is valid until the next call. Nothing: it is good. No mistake throws.
  std::optional<line_mistake> read(std::string_view line, job_order& order);

 private:
  const run_settings& settings_;
  std::string payload_;
};

}  // namespace pawl_tool
