// job/memory_budget.hpp -- what all pools have taken from the system together, and whether one may take more.
//
// A pool asks before each of its steps: 2 MB of slots, a block of 256 places, a doubled table. So no job
// pays for it, and a lock is good enough: it is held for a few additions.
//
// Roles       take, give, look: any thread.  is_low: any thread, a load.
//
// Each slot brings a promise: so many bytes for what its job may need once it is accepted, which is a place
// and an entry among the timers. What is taken from `places` and `timers` is paid out of the promises first
// and counts only beyond them:
//
//   used = what the other pools have taken + max(places + timers, promised)
//
// Invariants  I1  Whatever the order, used <= the bound after a take that was not of need::accepted.
//             I2  Those that are can exceed it only by what they have taken beyond the promises.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/atomic.hpp"
#include "base/check.hpp"
#include "pawl/memory.hpp"

namespace pawl {

// On whose behalf memory is taken.
enum class need : std::uint8_t {
  accepted,    // of a job that must not be lost, or of a thread that has to run: never refused
  wanted,      // of something new: refused when the budget is used up
  dispensable  // refused when it is nearly used up
};

class memory_budget {
 public:
  // 0: no bound.
  explicit memory_budget(std::uint64_t bytes_max = 0) noexcept : max_(bytes_max) {}

  // Before it is taken. `promised`: by the slots among it. False: it must not be.
  bool take(memory_pool pool, std::uint64_t bytes, need why, std::uint64_t promised = 0) noexcept {
    if (why == need::dispensable && is_low()) return false;
    const std::lock_guard lock(mutex_);
    taken_[at(pool)] += bytes;
    promised_ += promised;
    const std::uint64_t limit = why == need::dispensable ? low_mark() : max_;
    if (max_ != 0 && why != need::accepted && used() > limit) {
      taken_[at(pool)] -= bytes;
      promised_ -= promised;
      return false;
    }
    note_use();
    return true;
  }
  // After it was given back; or it was not to be had.
  void give(memory_pool pool, std::uint64_t bytes, std::uint64_t promised = 0) noexcept {
    const std::lock_guard lock(mutex_);
    PAWL_CHECK(taken_[at(pool)] >= bytes && promised_ >= promised);
    taken_[at(pool)] -= bytes;
    promised_ -= promised;
    note_use();
  }

  [[nodiscard]] std::uint64_t bound() const noexcept { return max_; }
  // Seven eighths of it are used. relaxed: a decision that may be a moment late.
  [[nodiscard]] bool is_low() const noexcept { return is_low_.load(relaxed); }

  [[nodiscard]] memory_report look() const noexcept {
    const std::lock_guard lock(mutex_);
    memory_report r;
    r.bytes_max = max_;
    r.by_pool = taken_;
    for (const std::uint64_t bytes : taken_) r.bytes += bytes;
    r.set_aside_bytes = used() - r.bytes;
    return r;
  }

 private:
  static constexpr std::size_t at(memory_pool p) noexcept { return static_cast<std::size_t>(p); }
  [[nodiscard]] std::uint64_t low_mark() const noexcept { return max_ - max_ / 8; }

  [[nodiscard]] std::uint64_t used() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t bytes : taken_) sum += bytes;
    const std::uint64_t paid = taken_[at(memory_pool::places)] + taken_[at(memory_pool::timers)];
    return sum - paid + std::max(paid, promised_);
  }
  void note_use() noexcept { is_low_.store(max_ != 0 && used() > low_mark(), relaxed); }

  const std::uint64_t max_;
  mutable std::mutex mutex_;
  std::array<std::uint64_t, memory_pool_count> taken_{};
  std::uint64_t promised_ = 0;
  atomic<bool> is_low_{false};  // written under the lock
};

// One pool's way to the budget. Without one it says yes to everything.
class memory_account {
 public:
  memory_account() noexcept = default;
  memory_account(memory_budget* budget, memory_pool pool) noexcept : budget_(budget), pool_(pool) {}

  bool take(std::uint64_t bytes, need why, std::uint64_t promised = 0) const noexcept {
    return budget_ == nullptr || budget_->take(pool_, bytes, why, promised);
  }
  void give(std::uint64_t bytes, std::uint64_t promised = 0) const noexcept {
    if (budget_ != nullptr) budget_->give(pool_, bytes, promised);
  }
  [[nodiscard]] bool is_low() const noexcept { return budget_ != nullptr && budget_->is_low(); }

 private:
  memory_budget* budget_ = nullptr;
  memory_pool pool_{};
};

}  // namespace pawl
