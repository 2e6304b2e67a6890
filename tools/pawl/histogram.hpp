// histogram.hpp -- how long things took, in buckets that are at most 3 % wide.
//
// Log-linear: values below 64 have a bucket each; every power of two above has 32. add() may be
// called from any thread; a reader that comes meanwhile may miss the latest values.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace pawl_tool {

class histogram {
 public:
  void add(std::uint64_t value) noexcept;
  void add_all(const histogram& other) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept;
  [[nodiscard]] std::uint64_t max() const noexcept { return max_.load(std::memory_order_relaxed); }
  // The smallest bucket bound such that `share` (0 to 1) of the values are not above it; never more
  // than max(). 0 when there are no values.
  [[nodiscard]] std::uint64_t percentile(double share) const noexcept;

  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept;
  static constexpr std::uint64_t upper_bound_of(std::size_t bucket) noexcept;
  static constexpr std::size_t bucket_count = 64 + 58 * 32;

 private:
  void raise_max(std::uint64_t value) noexcept;

  // relaxed throughout: each bucket is a number of its own, read in full after the threads ended.
  std::array<std::atomic<std::uint64_t>, bucket_count> buckets_{};
  std::atomic<std::uint64_t> max_{0};
};

constexpr std::size_t histogram::bucket_of(std::uint64_t value) noexcept {
  if (value < 64) return static_cast<std::size_t>(value);
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - 6;
  return 64 + (shift - 1) * 32 + static_cast<std::size_t>((value >> shift) - 32);
}

constexpr std::uint64_t histogram::upper_bound_of(std::size_t bucket) noexcept {
  if (bucket < 64) return bucket;
  const auto shift = static_cast<unsigned>((bucket - 64) / 32 + 1);
  const std::uint64_t top = (bucket - 64) % 32 + 32;
  return (top << shift) + ((std::uint64_t{1} << shift) - 1);
}

}  // namespace pawl_tool
