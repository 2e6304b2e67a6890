// engine/job_times.hpp -- how long the jobs of one queue and kind waited and ran, as one thread saw it.
//
// Roles       record: the one thread that holds the context.  add_to: any thread.
// Progress    wait-free, but where a time comes into a group of 16 buckets for the first time: that
//             allocates 128 bytes. Without memory for it, or when the budget is low, the time is not
//             counted. Times of the same kind of work lie in a few groups; there are 60.
// State       field     written by              read by   order
//             groups_   owner, once each        readers   release / acquire
//             buckets   owner                   readers   relaxed: each count stands for itself
//             sum_, carries_  owner             readers   relaxed: they may be of a slightly other
//                                                         moment than the buckets
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

#include "base/atomic.hpp"
#include "job/memory_budget.hpp"
#include "pawl/histogram.hpp"
#include "pawl/metrics.hpp"

namespace pawl {

class time_recorder {
 public:
  explicit time_recorder(const memory_account& account = {}) noexcept : account_(account) {}
  time_recorder(const time_recorder&) = delete;
  time_recorder& operator=(const time_recorder&) = delete;
  ~time_recorder() {
    for (auto& g : groups_) delete g.load(relaxed);
  }

  void record(std::uint64_t ns) noexcept {
    const std::size_t bucket = histogram::bucket_of(ns);
    atomic<group*>& place = groups_[bucket / group_buckets];
    group* g = place.load(relaxed);
    if (g == nullptr) [[unlikely]] {
      g = make_group();
      if (g == nullptr) return;
      place.store(g, release);
    }
    atomic<std::uint64_t>& cell = (*g)[bucket % group_buckets];
    cell.store(cell.load(relaxed) + 1, relaxed);
    const std::uint64_t sum = sum_.load(relaxed) + ns;
    sum_.store(sum, relaxed);
    if (sum < ns) [[unlikely]]
      carries_.store(carries_.load(relaxed) + 1, relaxed);
  }

  void add_to(histogram& h) const {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      const group* const g = groups_[i].load(acquire);
      if (g == nullptr) continue;
      for (std::size_t j = 0; j < group_buckets; ++j) {
        const std::uint64_t times = (*g)[j].load(relaxed);
        if (times != 0) h.add(i * group_buckets + j, times);
      }
    }
    h.add_sum(carries_.load(relaxed), sum_.load(relaxed));
  }

 private:
  static constexpr std::size_t group_buckets = 16;
  using group = std::array<atomic<std::uint64_t>, group_buckets>;

  [[gnu::noinline, gnu::cold]] group* make_group() noexcept {
    if (!account_.take(sizeof(group), need::dispensable)) return nullptr;
    auto* const made = new (std::nothrow) group{};
    if (made == nullptr) account_.give(sizeof(group));
    return made;
  }

  const memory_account account_;
  std::array<atomic<group*>, histogram::bucket_count / group_buckets> groups_{};
  atomic<std::uint64_t> sum_{0};  // in nanoseconds; that of a long backlog does not fit
  atomic<std::uint64_t> carries_{0};
};

struct job_times {
  explicit job_times(const memory_account& account) noexcept
      : wait(account), lag(account), run(account), total(account) {}

  time_recorder wait;
  time_recorder lag;
  time_recorder run;
  time_recorder total;

  void add_to(job_histograms& sum) const {
    wait.add_to(sum.wait);
    lag.add_to(sum.lag);
    run.add_to(sum.run);
    total.add_to(sum.total);
  }
};

}  // namespace pawl
