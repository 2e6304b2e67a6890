// bench/support/sharded_sum.hpp -- what handlers compute, without sharing a cache line.
//
// Roles: add() on any thread, read() on the thread that waits, reset() when nobody adds.
// Each thread owns one line and is its only writer, so add() needs no read-modify-write.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace bench {

inline constexpr unsigned thread_lines_max = 512;

namespace detail {
inline constexpr unsigned no_line = ~0u;
extern constinit thread_local unsigned thread_line;
unsigned take_thread_line();  // given back when the thread ends
unsigned thread_lines_used() noexcept;
}  // namespace detail

class sharded_sum {
 public:
  struct totals {
    std::uint64_t sum = 0;
    std::uint64_t count = 0;
  };

  void add(std::uint64_t number) noexcept {
    unsigned index = detail::thread_line;
    if (index == detail::no_line) [[unlikely]]
      index = detail::take_thread_line();
    line& mine = lines_[index];
    mine.sum.store(mine.sum.load(std::memory_order_relaxed) + number, std::memory_order_relaxed);
    // release: who has seen the count has the sum.
    mine.count.store(mine.count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  [[nodiscard]] totals read() const noexcept {
    totals all;
    const unsigned used = detail::thread_lines_used();
    for (unsigned i = 0; i < used; ++i) {
      all.count += lines_[i].count.load(std::memory_order_acquire);
      all.sum += lines_[i].sum.load(std::memory_order_relaxed);
    }
    return all;
  }

  void reset() noexcept {
    for (line& one : lines_) {
      one.sum.store(0, std::memory_order_relaxed);
      one.count.store(0, std::memory_order_relaxed);
    }
  }

 private:
  struct alignas(64) line {
    std::atomic<std::uint64_t> sum{0};
    std::atomic<std::uint64_t> count{0};
  };
  std::array<line, thread_lines_max> lines_;
};

// 1 + 2 + ... + n.
constexpr std::uint64_t sum_to(std::uint64_t n) noexcept {
  return n % 2 == 0 ? n / 2 * (n + 1) : (n + 1) / 2 * n;
}

}  // namespace bench
