// bench/contenders/logged_engine.hpp -- Pawl with a directory.
//
// A producer submits in bulks of up to 256 as long as it has fewer than `outstanding` jobs whose ticket
// is not durable, else it waits for the oldest ticket. When a job was durable is noted by
// options::durable, on the log's thread, so that a producer that learns of it late changes no figure.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "contenders/commit_contender.hpp"
#include "pawl/scheduler.hpp"
#include "support/producers.hpp"
#include "support/sharded_sum.hpp"

namespace bench {

class logged_engine final : public commit_contender {
 public:
  struct setup {
    std::string directory;
    commit_level level = commit_level::synced;
    std::string device = "auto";  // or uring, posix; uring ends the bench where the system has none
    bool small_segments = false;  // so that a short run has several
  };
  explicit logged_engine(const setup& wanted);
  ~logged_engine() override;

  [[nodiscard]] const char* name() const noexcept override { return "pawl"; }
  [[nodiscard]] bool has_uring() const { return engine_->health().log.io_uring; }
  commit_costs run(const commit_work& work) override;
  // Jobs one by one: how long from each submit until wait_durable() has returned.
  std::vector<std::uint64_t> run_singly(std::uint64_t jobs);
  // Stops, opens the directory again, and checks that no job is left in it. Nothing may follow.
  void check_reopened();

 private:
  // Calls whose jobs have the same ticket.
  struct submitted {
    std::uint64_t at_ns;
    std::uint64_t lsn;
    std::uint64_t jobs;
  };
  struct commit {
    std::uint64_t lsn;
    std::uint64_t at_ns;
  };
  struct window;

  void open(bool dispatch);
  void produce(number_range range, std::uint64_t outstanding);
  [[nodiscard]] bool is_through(std::uint64_t completed) const;
  void wait_until_durable(std::uint64_t lsn);
  void check_answers(std::uint64_t jobs);
  [[nodiscard]] std::vector<std::uint64_t> latencies(std::size_t first_commit) const;
  static void note_commit(void* user, std::uint64_t lsn);

  const commit_level level_;
  pawl::options options_;
  pawl::registry kinds_;
  pawl::kind_ref kind_;
  sharded_sum sums_;
  std::uint64_t jobs_before_ = 0;  // of rounds before
  // The log's thread writes commits_[commit_count_], then the count.
  std::vector<commit> commits_;
  std::atomic<std::size_t> commit_count_{0};
  std::mutex submits_mutex_;
  std::vector<submitted> submits_;  // of this round, under it
  pawl::queue_ref queue_;
  std::unique_ptr<pawl::scheduler> engine_;  // last: its handlers use the members above
};

}  // namespace bench
