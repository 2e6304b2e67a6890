// ready/credits.hpp -- how many more jobs may be alive.
//
// A credit is the right to have one job. Submitters take credits, the end of a job gives one back. A
// thread takes several at a time and keeps what it did not use (queue_share), so the shared number
// is touched once in many jobs.
//
// Roles       take, give, set_bound: any thread.  wait_take: application threads.
// Progress    take and give are lock-free; give takes a lock only when somebody waits.
//
// State       field     written by     read by   order
//             free_     all            all       seq_cst, see I2
//             waiting_  wait_take      give      seq_cst, see I2
//
// Invariants  I1  bound == free_ + credits held by threads + jobs alive.
//             I2  give adds, then looks for waiters; a waiter counts itself, then tries to take. Both
//                 with seq_cst read-modify-writes before the look, so one of them sees the other.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/atomic.hpp"

namespace pawl {

class credits {
 public:
  explicit credits(std::uint64_t bound) noexcept
      : free_(static_cast<std::int64_t>(bound)), bound_(bound), lump_(lump_of(bound)) {}

  // Takes up to `wanted`, as many as there are. 0: none.
  std::uint32_t take(std::uint32_t wanted) noexcept {
    std::int64_t free = free_.load(seq_cst);
    while (free > 0) {
      const std::int64_t taken = std::min<std::int64_t>(free, wanted);
      if (free_.compare_exchange_weak(free, free - taken, seq_cst)) {
        return static_cast<std::uint32_t>(taken);
      }
    }
    return 0;
  }

  // Takes as many for what was there before the bound was.
  void take_beyond(std::uint32_t count) noexcept { free_.fetch_sub(count, seq_cst); }

  [[nodiscard]] bool has_free() const noexcept { return free_.load(seq_cst) > 0; }

  // Is more in use than the bound, which was lowered?
  [[nodiscard]] bool is_exceeded() const noexcept { return free_.load(seq_cst) < 0; }

  void give(std::uint32_t count) noexcept {
    free_.fetch_add(count, seq_cst);
    if (waiting_.load(seq_cst) == 0) return;  // I2
    if (free_.load(relaxed) < wake_mark()) return;
    const std::lock_guard lock(mutex_);  // a waiter is between its look and its sleep, or asleep
    given_.notify_all();
  }

  // Blocks until `ready()` is true; at most until `until`. Woken when there is a good deal of room, so
  // that a full queue does not cost two system calls for each few jobs; looks for itself each
  // millisecond, so that a little room serves too.
  template <class Ready>
  bool wait_until_given(std::chrono::steady_clock::time_point until, Ready ready) {
    using clock = std::chrono::steady_clock;
    std::unique_lock lock(mutex_);
    waiting_.fetch_add(1, seq_cst);
    bool got = ready();
    for (auto now = clock::now(); !got && now < until; now = clock::now()) {
      given_.wait_until(lock, std::min(until, now + std::chrono::milliseconds(1)));
      got = ready();
    }
    waiting_.fetch_sub(1, seq_cst);
    return got;
  }

  // Wakes all waiters to ask again.
  void wake_waiters() noexcept {
    const std::lock_guard lock(mutex_);
    given_.notify_all();
  }

  // Lowering it below what is in use leaves free_ negative until enough jobs have ended.
  void set_bound(std::uint64_t bound) noexcept {
    const std::uint64_t before = bound_.exchange(bound, relaxed);  // relaxed: one caller at a time
    lump_.store(lump_of(bound), relaxed);
    const auto change = static_cast<std::int64_t>(bound) - static_cast<std::int64_t>(before);
    if (change > 0) {
      give(static_cast<std::uint32_t>(std::min<std::int64_t>(change, UINT32_MAX)));
    } else {
      free_.fetch_add(change, seq_cst);
    }
  }

  [[nodiscard]] std::uint64_t bound() const noexcept { return bound_.load(relaxed); }
  // How many are taken. Relaxed: a figure for people.
  [[nodiscard]] std::uint64_t in_use() const noexcept {
    const std::int64_t used = static_cast<std::int64_t>(bound_.load(relaxed)) - free_.load(relaxed);
    return used > 0 ? static_cast<std::uint64_t>(used) : 0;
  }
  // A small bound is exact: each credit must come back at once.
  [[nodiscard]] bool is_exact() const noexcept { return lump() == 1; }
  // How many a thread takes at a time: 1 for small bounds, so that those are exact.
  [[nodiscard]] std::uint32_t lump() const noexcept { return lump_.load(relaxed); }

 private:
  static std::uint32_t lump_of(std::uint64_t bound) noexcept {
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(bound / 4096, 1, 256));
  }

  [[nodiscard]] std::int64_t wake_mark() const noexcept {
    return static_cast<std::int64_t>(std::clamp<std::uint64_t>(bound() / 16, 1, 4096));
  }

  alignas(cache_line_bytes) atomic<std::int64_t> free_;
  // Beside it what is read with each job and written hardly ever.
  alignas(cache_line_bytes) atomic<std::uint64_t> bound_;
  atomic<std::uint32_t> lump_;
  alignas(cache_line_bytes) atomic<std::uint32_t> waiting_{0};
  std::mutex mutex_;
  std::condition_variable given_;
};

}  // namespace pawl
