// output_writer.hpp -- writes the results, each of them whole, from one thread.
//
// Roles: hand_over() by any thread that ran a job, and by the intake for lines it refused; close()
//   by the owner, once.
// Order: as they come, or with settings.keep_order in the order of the input; then every sequence
//   number is handed over once, except that a run which is cut short has gaps, skipped by close().
// Memory: without order, hand_over() blocks while results of 8 MiB wait to be written. In order it
//   never blocks, since the result that all others wait for could be behind the caller; there the
//   job_window bounds what is held. Written results are released in the tally.
// Failure: the first write that fails stops the run at once; later results are dropped.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "console.hpp"
#include "job_result.hpp"
#include "job_window.hpp"
#include "output_buffer.hpp"
#include "settings.hpp"
#include "stop_request.hpp"
#include "tally.hpp"

namespace pawl_tool {

class output_writer {
 public:
  output_writer(const run_settings& settings, console& messages, tally& counts, job_window& window,
                stop_request& stop);
  ~output_writer() { close(); }

  void hand_over(std::unique_ptr<job_result> result);

  // Writes what is left and ends the thread.
  void close();

  // After close(): the errno of the write to standard output that failed, else 0.
  [[nodiscard]] int failed_errno() const noexcept { return out_.failed_errno(); }

 private:
  using batch = std::vector<std::unique_ptr<job_result>>;

  void run();
  void take(batch& results);
  void put_in_order(std::unique_ptr<job_result> result);
  void write(const job_result& result);
  void flush();

  const run_settings& settings_;
  tally& counts_;
  job_window& window_;
  stop_request& stop_;

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable room_;
  batch handed_over_;  // guarded by mutex_, like the next two
  std::uint64_t waiting_bytes_ = 0;
  bool closing_ = false;

  // The thread's own.
  std::deque<std::unique_ptr<job_result>> ordered_;  // from next_sequence_ on; null: not here yet
  std::uint64_t next_sequence_ = 0;
  output_buffer out_;
  output_buffer errors_;
  std::uint64_t written_jobs_ = 0;  // since the last flush
  std::uint64_t written_line_bytes_ = 0;

  std::thread thread_;
};

}  // namespace pawl_tool
