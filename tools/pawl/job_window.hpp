// job_window.hpp -- how far the intake may run ahead of the jobs and of their output.
//
// Roles: the intake alone calls the blocking members; any thread calls changed() after it
//   counted something in the tally or gave back output.
// Progress: the intake sleeps only after it announced so and looked again; changed() wakes it when
//   it is announced. A wake that comes while everything is full again is followed by a short nap, so
//   that fast jobs cost one wake for many of them, not one each.
// Why it cannot lock up with ordered output: lines are admitted in order, so whatever is held
//   back waits for a line that has been admitted already; and a lone line always fits.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "captured_output.hpp"
#include "line_reader.hpp"
#include "stop_request.hpp"
#include "tally.hpp"

namespace pawl_tool {

struct window_limits {
  std::uint64_t jobs_max = 65'536;  // not yet released: waiting, running or to be written
  std::uint64_t unfinished_jobs_max = 65'536;  // waiting or running
  bool retries_are_unfinished = true;  // false: jobs that wait for a retry do not count there
  // Of lines not yet released. A line is held at most four times over: as payload, as copy for its
  // result, as text to be written, and in the writer's buffer.
  std::uint64_t line_bytes_max = std::uint64_t{16} << 20;
  std::uint64_t held_output_bytes_max = std::uint64_t{64} << 20;
};

class job_window {
 public:
  job_window(const window_limits& limits, const tally& counts, const capture_budget& captures,
             const stop_request& stop);

  // Blocks until the first of `lines` may go in. Returns how many may; 0: the intake is to stop.
  std::size_t acquire(std::span<const input_line> lines);

  // Blocks until everything acquired has been released. False: the intake was stopped before.
  bool wait_all_released();

  // Jobs that are there before the first line comes. `bytes`: of those that are not yet released.
  void adopt(std::uint64_t jobs, std::uint64_t bytes) noexcept {
    acquired_jobs_.fetch_add(jobs);
    acquired_bytes_ += bytes;
  }
  // No more lines will come.
  void close() noexcept { closed_.store(true); }
  // How many jobs there are, once that is known. Any thread.
  [[nodiscard]] std::optional<std::uint64_t> total() const noexcept {
    if (!closed_.load()) return std::nullopt;
    return acquired_jobs();
  }

  [[nodiscard]] std::uint64_t acquired_jobs() const noexcept { return acquired_jobs_.load(); }

  void changed() noexcept;

  // Nothing more is let in.
  [[nodiscard]] bool stopped() const noexcept { return stop_.intake_stopped(); }

 private:
  template <class Ready>
  bool wait_until(Ready ready);
  std::size_t room(std::span<const input_line> lines) const;

  const window_limits limits_;
  const tally& counts_;
  const capture_budget& captures_;
  const stop_request& stop_;
  const descriptor wake_;
  std::atomic<std::uint64_t> acquired_jobs_{0};  // written by the intake, read for progress
  std::uint64_t acquired_bytes_ = 0;
  std::atomic<bool> closed_{false};
  std::atomic<bool> waiting_{false};
};

}  // namespace pawl_tool
