// bench/contenders/commit_store.hpp -- a store as a queue: a batch of accepts in one commit, its jobs run, then
// their completions in another.
//
// Each producer does that by itself. Each completion names its job, as jobs end in any order.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "contenders/commit_contender.hpp"
#include "support/producers.hpp"
#include "support/sharded_sum.hpp"

namespace bench {

class commit_store : public commit_contender {
 public:
  commit_costs run(const commit_work& work) final;

 private:
  // Of any producer. Commits before it returns; the keys are consecutive. Returns the first.
  virtual std::uint64_t put(std::span<const commit_payload> payloads) = 0;
  // The same for jobs that were put.
  virtual void erase(std::uint64_t first_key, std::uint64_t count) = 0;
  // Jobs that are there.
  virtual std::uint64_t count() = 0;

  void produce(number_range range, std::uint64_t batch);

  sharded_sum sums_;
  std::mutex latencies_mutex_;
  std::vector<std::uint64_t> latencies_ns_;  // of this round, under it
};

}  // namespace bench
