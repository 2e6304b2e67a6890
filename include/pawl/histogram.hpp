// pawl/histogram.hpp -- how often something took how long.
//
// Counts of times by buckets: one each for 0 to 15 ns, then 16 equally wide ones from each power of two
// to the next. So a bucket is never wider than a 16th of the times in it, from nanoseconds to centuries,
// and there are 960 of them at most.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pawl/job.hpp"

namespace pawl {

class histogram {
 public:
  static constexpr std::size_t bucket_count = 960;

  // The bucket of a time, and the least and the greatest time of a bucket, all in nanoseconds.
  static constexpr std::size_t bucket_of(std::uint64_t ns) noexcept {
    ns = std::min(ns, longest_ns);
    // How far the leading five bits have to come down: from there, 16 to 31, or less where it is 0.
    const auto shift = static_cast<unsigned>(std::bit_width(ns | steps)) - 5;
    return shift * steps + static_cast<std::size_t>(ns >> shift);
  }
  static constexpr std::uint64_t least_ns(std::size_t bucket) noexcept {
    if (bucket < steps) return bucket;
    return (std::uint64_t{steps} + bucket % steps) << (bucket / steps - 1);
  }
  static constexpr std::uint64_t greatest_ns(std::size_t bucket) noexcept {
    if (bucket < steps) return bucket;
    return least_ns(bucket) + (std::uint64_t{1} << (bucket / steps - 1)) - 1;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  // Of all times; exact but for the rounding of a double.
  [[nodiscard]] double sum_seconds() const noexcept {
    return (static_cast<double>(carries_) * 0x1p64 + static_cast<double>(sum_ns_)) * 1e-9;
  }
  // 0 if there are none.
  [[nodiscard]] duration mean() const noexcept {
    if (count_ == 0) return duration(0);
    return duration(static_cast<std::int64_t>(sum_seconds() * 1e9 / static_cast<double>(count_)));
  }

  // The time that so large a part (0 to 1) of all times do not exceed, or up to a 16th more than it; never
  // less. 0.5: the median; 1: the longest. 0 if there are none.
  [[nodiscard]] duration quantile(double part) const noexcept {
    const double wanted = part * static_cast<double>(count_);
    std::uint64_t rank = wanted <= 1 ? 1 : static_cast<std::uint64_t>(wanted);
    if (static_cast<double>(rank) < wanted) ++rank;
    rank = std::min(rank, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= rank && seen != 0) return duration(static_cast<std::int64_t>(greatest_ns(i)));
    }
    return duration(0);
  }
  // How many took at most `limit`, or up to a 16th longer.
  [[nodiscard]] std::uint64_t count_up_to(duration limit) const noexcept {
    if (limit < duration(0)) return 0;
    const std::size_t last = bucket_of(static_cast<std::uint64_t>(limit.count()));
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i <= last && i < counts_.size(); ++i) sum += counts_[i];
    return sum;
  }
  // By bucket, as far as there are any.
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }

  // For who makes a histogram: `times` of one bucket; and how long they were, carries * 2^64 + ns.
  void add(std::size_t bucket, std::uint64_t times) {
    if (counts_.size() <= bucket) counts_.resize(bucket + 1);
    counts_[bucket] += times;
    count_ += times;
  }
  void add_sum(std::uint64_t carries, std::uint64_t ns) noexcept {
    sum_ns_ += ns;
    carries_ += carries + (sum_ns_ < ns ? 1 : 0);
  }
  histogram& operator+=(const histogram& other) {
    for (std::size_t i = 0; i < other.counts_.size(); ++i) add(i, other.counts_[i]);
    add_sum(other.carries_, other.sum_ns_);
    return *this;
  }

 private:
  static constexpr std::uint64_t steps = 16;
  static constexpr std::uint64_t longest_ns = INT64_MAX;

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ns_ = 0;
  std::uint64_t carries_ = 0;  // the times of a long backlog do not fit in 64 bits together
};

}  // namespace pawl
