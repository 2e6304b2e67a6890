#include "histogram.hpp"

#include <algorithm>
#include <cmath>

namespace pawl_tool {

namespace {
using std::memory_order_relaxed;
}

void histogram::add(std::uint64_t value) noexcept {
  buckets_[bucket_of(value)].fetch_add(1, memory_order_relaxed);
  raise_max(value);
}

void histogram::add_all(const histogram& other) noexcept {
  for (std::size_t i = 0; i < bucket_count; ++i) {
    buckets_[i].fetch_add(other.buckets_[i].load(memory_order_relaxed), memory_order_relaxed);
  }
  raise_max(other.max());
}

void histogram::raise_max(std::uint64_t value) noexcept {
  std::uint64_t seen = max_.load(memory_order_relaxed);
  while (value > seen && !max_.compare_exchange_weak(seen, value, memory_order_relaxed)) {
  }
}

std::uint64_t histogram::count() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& bucket : buckets_) sum += bucket.load(memory_order_relaxed);
  return sum;
}

std::uint64_t histogram::percentile(double share) const noexcept {
  const std::uint64_t values = count();
  if (values == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(values)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    seen += buckets_[i].load(memory_order_relaxed);
    if (seen >= std::max<std::uint64_t>(wanted, 1)) return std::min(upper_bound_of(i), max());
  }
  return max();
}

}  // namespace pawl_tool
