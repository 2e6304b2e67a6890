// tally.hpp -- what has become of the jobs so far.
//
// Each thread counts in one of 64 shards, so that threads rarely share a cache line. Counts only
// grow. The orders are sequentially consistent where job_window compares them with its own flag.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "histogram.hpp"

namespace pawl_tool {

struct totals {
  std::uint64_t started = 0;  // handlers entered
  std::uint64_t ended = 0;    // handlers through: completed + dead
  std::uint64_t completed = 0;
  std::uint64_t dead = 0;
  std::uint64_t refused = 0;         // never became a job: the line was too long, for example
  std::uint64_t released_jobs = 0;   // nothing of them is in memory any more
  std::uint64_t released_bytes = 0;  // of their lines
};

class tally {
 public:
  tally();

  // By the thread that runs a job.
  void started() noexcept;
  void ended(bool completed, std::chrono::nanoseconds waited,
             std::chrono::nanoseconds ran) noexcept;
  // By the intake.
  void refused() noexcept;
  // By whoever is the last to hold something of these jobs.
  void released(std::uint64_t jobs, std::uint64_t line_bytes) noexcept;

  [[nodiscard]] totals read() const noexcept;
  void read_times(histogram& waited, histogram& ran) const noexcept;

 private:
  struct alignas(64) shard {
    std::atomic<std::uint64_t> started{0};
    std::atomic<std::uint64_t> completed{0};
    std::atomic<std::uint64_t> dead{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> released_jobs{0};
    std::atomic<std::uint64_t> released_bytes{0};
    histogram waited;
    histogram ran;
  };
  static constexpr std::size_t shard_count = 64;

  shard& mine() noexcept;

  std::unique_ptr<std::array<shard, shard_count>> shards_;
};

}  // namespace pawl_tool
