// pawl/log.hpp -- where the scheduler's own messages go.
#pragma once

#include <cstdint>
#include <string_view>

#include "pawl/job.hpp"

namespace pawl {

enum class log_level : std::uint8_t { info, warning, error };

struct log_record {
  log_level level = log_level::info;
  std::string_view event;    // stable name, such as "handler.threw"
  std::string_view message;  // for a person; at most 512 bytes, valid during the call
  job_id job;                // 0: concerns no one job
};

// `write` may be called from any thread, also at the same time. It must not throw and should not
// block. Null: warnings and errors go to standard error, at most ten lines a second.
struct log_sink {
  void (*write)(void* user, const log_record& record) = nullptr;
  void* user = nullptr;
};

}  // namespace pawl
