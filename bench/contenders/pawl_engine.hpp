// bench/contenders/pawl_engine.hpp -- the scheduler under test: defaults, and everything verified.
//
// Ids, counters and limits are on, as they always are. The queue blocks its producers at jobs_max
// live jobs (the default million above the backlog). One job in 1,000 is dealt with by id: in turn
// it is found, cancelled, or waited for. A wait is for a job 16 samples back, so that a producer
// does not stop for its own newest job each time.
//
// A backlog is jobs of priority bulk in the same queue, submitted and held by pause() before the
// clock starts. The jobs on the clock have priority normal. Whenever a drain finds none of them it
// takes some of the backlog: backlog_ran says how many, and they are replaced after the clock.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "contenders/contender.hpp"
#include "pawl/scheduler.hpp"

namespace bench {

class pawl_engine final : public contender {
 public:
  explicit pawl_engine(std::uint64_t backlog = 0);
  ~pawl_engine() override;

  [[nodiscard]] const char* name() const noexcept override { return "pawl"; }
  [[nodiscard]] bool has_bulk() const noexcept override { return true; }
  double run(const workload& work) override;

  // Of the last run.
  [[nodiscard]] std::uint64_t backlog_ran() const noexcept { return backlog_ran_; }

 private:
  struct producer;

  void fill_backlog(std::uint64_t jobs);
  void prepare_samples(const workload& work);
  void check_answers(const workload& work, std::uint64_t cancelled) const;
  void produce(number_range range, std::size_t bulk);
  void produce_single(producer& me, number_range range);
  void produce_bulk(producer& me, number_range range, std::size_t bulk);
  void deal_with_sample(producer& me, std::uint64_t number, pawl::job_id id);
  void wait_for(pawl::job_id id);

  sharded_sum sums_;          // jobs on the clock
  sharded_sum backlog_sums_;  // jobs of the backlog
  std::uint64_t backlog_ = 0;
  std::uint64_t backlog_ran_ = 0;
  // By sample index; each is written by one handler or one producer.
  std::unique_ptr<std::atomic<bool>[]> started_;
  std::unique_ptr<std::atomic<bool>[]> cancel_taken_;
  std::uint64_t samples_ = 0;
  pawl::kind_ref kind_;
  pawl::kind_ref backlog_kind_;
  pawl::queue_ref queue_;
  std::unique_ptr<pawl::scheduler> engine_;  // last: its handlers use the members above
};

}  // namespace bench
