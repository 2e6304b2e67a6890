// progress.hpp -- one line that says how far the run is.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "tally.hpp"

namespace pawl_tool {

struct progress_view {
  std::uint64_t done = 0;
  std::uint64_t running = 0;
  std::uint64_t waiting_for_retry = 0;
  std::uint64_t failed = 0;
  double jobs_per_second = 0;
  std::optional<std::uint64_t> total;  // known once the input has ended
};

// What does not fit into 79 columns at the end, the rate and the time left, is left out. `colored`:
// failures are red.
[[nodiscard]] std::string progress_line(const progress_view& view, bool colored);

// Makes a view of the totals, and smooths the rate over the last few looks.
class progress_meter {
 public:
  using clock = std::chrono::steady_clock;

  explicit progress_meter(clock::time_point start) : last_time_(start) {}
  progress_view look(const totals& now, std::optional<std::uint64_t> total, clock::time_point time);

 private:
  clock::time_point last_time_;
  std::uint64_t last_done_ = 0;
  double rate_ = 0;
  bool has_rate_ = false;
};

}  // namespace pawl_tool
