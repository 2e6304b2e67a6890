#include "contenders/commit_store.hpp"

#include <algorithm>
#include <utility>

namespace bench {

commit_costs commit_store::run(const commit_work& work) {
  sums_.reset();
  latencies_ns_.clear();
  commit_costs costs;
  costs.seconds = time_end_to_end(
      work.jobs, work.producers, [] {},
      [&](number_range range) { produce(range, work.outstanding); }, [] { return true; });
  const sharded_sum::totals ran = sums_.read();
  require(ran.count == work.jobs && ran.sum == sum_to(work.jobs), "a store's sum");
  require(count() == 0, "jobs are left in a store");
  costs.latencies_ns = std::exchange(latencies_ns_, {});
  return costs;
}

void commit_store::produce(number_range range, std::uint64_t batch) {
  std::vector<commit_payload> payloads(std::min(batch, range.last - range.first + 1));
  std::vector<std::uint64_t> ns;
  for (std::uint64_t first = range.first; first <= range.last;) {
    const std::uint64_t count = std::min(batch, range.last - first + 1);
    for (std::uint64_t i = 0; i < count; ++i) payloads[i].number = first + i;
    const std::uint64_t begin = now_ns();
    const std::uint64_t key = put(std::span(payloads).first(count));
    ns.push_back(now_ns() - begin);
    for (std::uint64_t i = 0; i < count; ++i) sums_.add(payloads[i].number);
    erase(key, count);
    first += count;
  }
  const std::lock_guard lock(latencies_mutex_);
  latencies_ns_.insert(latencies_ns_.end(), ns.begin(), ns.end());
}

}  // namespace bench
