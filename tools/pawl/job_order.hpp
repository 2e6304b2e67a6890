// job_order.hpp -- what a line asks for, whatever its form.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lane_field.hpp"
#include "pawl/job.hpp"
#include "settings.hpp"

namespace pawl_tool {

struct job_order {
  kind_name kind = kind_name::noop;
  std::string_view text;  // of the line, or of what the reader of --jsonl holds
  bool is_words = false;  // see job_input
  std::string queue;      // empty: the run's
  std::string lane;       // the key; empty: none
  pawl::priority priority = pawl::priority::normal;
  std::chrono::nanoseconds after{0};
  unsigned attempts = 0;                // 0: those of the run
  std::chrono::nanoseconds timeout{0};  // 0: that of the run
};

// A line as it is, with what the command line says.
[[nodiscard]] inline job_order plain_order(const run_settings& settings, std::string_view line) {
  job_order order;
  order.kind = settings.kind.value_or(kind_name::noop);
  order.text = line;
  order.lane = word_of(line, settings.lane_word);
  order.priority = settings.priority;
  order.after = settings.after;
  return order;
}

// Why a line is no job.
struct line_mistake {
  std::uint64_t column = 0;  // in bytes, from 1; 0: the line as a whole
  std::string_view cause;    // in one word
  std::string error;         // for a person
};

}  // namespace pawl_tool
