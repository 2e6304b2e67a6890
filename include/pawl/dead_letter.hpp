// pawl/dead_letter.hpp -- jobs that ended without success, kept with their causes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pawl/job.hpp"
#include "pawl/retry.hpp"

namespace pawl {

// Why an attempt failed.
struct error_note {
  unsigned attempt = 0;  // 1: the first start
  error_kind kind = 0;
  duration at{0};    // since boot
  std::string text;  // what the handler noted or threw; at most 111 bytes
};

struct dead_letter {
  job_status status;               // as it died: cause, attempts, queue, kind, priority
  std::uint64_t version = 0;       // names this death: scheduler::requeue() takes it
  duration died{0};                // since boot
  std::uint8_t crashes = 0;        // how often it took the process down while nothing else ran
  std::vector<error_note> errors;  // of the last four failed attempts, oldest first
};

// Which of the dead letters. What is not set does not restrict.
struct dead_filter {
  std::optional<queue_ref> queue;
  std::optional<kind_ref> kind;
  std::optional<dead_cause> cause;
  std::optional<duration> died_before;  // since boot
};

// A part of the list, oldest death first.
struct dead_page {
  std::vector<dead_letter> letters;
  std::uint64_t cursor = 0;  // give it to the next call; 0: there are no more
};

}  // namespace pawl
