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
#include "pawl/job.hpp"

namespace pawl_tool {

struct totals {
  std::uint64_t started = 0;    // attempts
  std::uint64_t restarted = 0;  // of them, those after a job's first
  std::uint64_t retried = 0;    // attempts that failed and are made again
  std::uint64_t timed_out = 0;  // attempts
  std::uint64_t ended = 0;      // jobs: completed, dead, or known to be one of them
  std::uint64_t completed = 0;
  std::uint64_t dead = 0;
  std::uint64_t known_completed = 0;  // before this run, as its store says
  std::uint64_t known_dead = 0;
  std::uint64_t known_failed = 0;    // live ones that had failed attempts before
  std::uint64_t interrupted = 0;     // attempts that do not count; the store has these jobs still
  std::uint64_t refused = 0;         // never became a job: the line was too long, for example
  std::uint64_t released_jobs = 0;   // nothing of them is in memory any more
  std::uint64_t released_bytes = 0;  // of their lines

  // The numbers are not of one moment: a difference may be off by what has just happened.
  [[nodiscard]] std::uint64_t waiting_for_retry() const noexcept {
    const std::uint64_t failed = retried + known_failed;
    return failed > restarted ? failed - restarted : 0;
  }
  [[nodiscard]] std::uint64_t running() const noexcept {
    const std::uint64_t over = ended - known_completed - known_dead + retried + interrupted;
    return started > over ? started - over : 0;
  }
};

class tally {
 public:
  tally();

  // By the thread that runs a job.
  void started(unsigned attempt, std::chrono::nanoseconds waited) noexcept;
  // `now` is what the job is: completed, dead, or scheduled for another attempt.
  void attempt_ended(pawl::job_state now, bool timed_out, std::chrono::nanoseconds ran) noexcept;
  // By the thread that runs it: an attempt that does not count.
  void interrupted() noexcept;
  // What the store of this run holds, once, before jobs run.
  void known(std::uint64_t completed, std::uint64_t dead, std::uint64_t failed) noexcept;
  // By the intake.
  void refused() noexcept;
  // By whoever is the last to hold something of these jobs.
  void released(std::uint64_t jobs, std::uint64_t line_bytes) noexcept;

  [[nodiscard]] totals read() const noexcept;
  // How long jobs waited for their first start, and how long attempts ran.
  void read_times(histogram& waited, histogram& ran) const noexcept;

 private:
  struct alignas(64) shard {
    std::atomic<std::uint64_t> started{0};
    std::atomic<std::uint64_t> restarted{0};
    std::atomic<std::uint64_t> retried{0};
    std::atomic<std::uint64_t> timed_out{0};
    std::atomic<std::uint64_t> completed{0};
    std::atomic<std::uint64_t> dead{0};
    std::atomic<std::uint64_t> interrupted{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> released_jobs{0};
    std::atomic<std::uint64_t> released_bytes{0};
    histogram waited;
    histogram ran;
  };
  static constexpr std::size_t shard_count = 64;

  shard& mine() noexcept;

  std::unique_ptr<std::array<shard, shard_count>> shards_;
  std::atomic<std::uint64_t> known_completed_{0};
  std::atomic<std::uint64_t> known_dead_{0};
  std::atomic<std::uint64_t> known_failed_{0};
};

}  // namespace pawl_tool
