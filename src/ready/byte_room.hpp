// ready/byte_room.hpp -- how many more payload bytes may be alive, of a queue or of a scheduler.
//
// Unlike credits (credits.hpp) bytes are taken job by job: payloads differ too much for a thread to set some
// aside. So a bound in bytes is exact, and costs a read-modify-write with each submit and each end of a job
// that has a payload. Who waits for bytes waits where credits are given: the end of a job gives its bytes
// first, then its credit, and wakes who waits for either (credits.hpp I2). Bytes that come back without a
// credit, by a smaller replacement or a higher bound, are found by the look that a waiter takes each
// millisecond.
//
// Roles       take, add, give, looks: any thread.  set_bound: one thread at a time.
// Progress    lock-free.
//
// State       field   written by       read by  order
//             used_   takers, givers   all      seq_cst where somebody may wait for it: who gives changes
//                                               it before the look for waiters, who waits looks at it after
//                                               he announced himself. relaxed in the first look of take():
//                                               the swap checks it, and a taker that was told of an end
//                                               (by the hook, the waiter's lock) sees what it gave
//             bound_  set_bound        all      relaxed: it applies from some moment on
//
// Invariants  I1  take() never brings used_ above the bound that it saw. A bound that was lowered below what
//                 is in use refuses until enough was given.
//             I2  used_ is the sum of the payloads of the live jobs whose word says that they are weighed,
//                 and of those on their way in or out (engine/weighing.hpp).
#pragma once

#include <cstdint>

#include "base/atomic.hpp"

namespace pawl {

class byte_room {
 public:
  explicit byte_room(std::uint64_t bound) noexcept : bound_(bound) {}

  // False: it does not fit.
  bool take(std::uint64_t bytes) noexcept {
    std::uint64_t used = used_.load(relaxed);
    do {
      if (!fits(bytes, used)) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, seq_cst, relaxed));
    return true;
  }
  // Whether it fits or not: of a job that is there.
  void add(std::uint64_t bytes) noexcept { used_.fetch_add(bytes, seq_cst); }
  void give(std::uint64_t bytes) noexcept { used_.fetch_sub(bytes, seq_cst); }

  [[nodiscard]] bool has_room_for(std::uint64_t bytes) const noexcept {
    return fits(bytes, used_.load(seq_cst));
  }
  // Would it fit if nothing else was there?
  [[nodiscard]] bool may_ever_hold(std::uint64_t bytes) const noexcept { return fits(bytes, 0); }
  // Is more in use than the bound, which was lowered or came later?
  [[nodiscard]] bool is_exceeded() const noexcept { return !fits(0, used_.load(relaxed)); }

  void set_bound(std::uint64_t bound) noexcept { bound_.store(bound, relaxed); }
  [[nodiscard]] std::uint64_t bound() const noexcept { return bound_.load(relaxed); }  // 0: none
  // Relaxed: a figure for people.
  [[nodiscard]] std::uint64_t in_use() const noexcept { return used_.load(relaxed); }

 private:
  [[nodiscard]] bool fits(std::uint64_t bytes, std::uint64_t used) const noexcept {
    const std::uint64_t bound = bound_.load(relaxed);
    return bound == 0 || (used <= bound && bytes <= bound - used);
  }

  atomic<std::uint64_t> bound_;  // beside what else is read and hardly ever written
  alignas(cache_line_bytes) atomic<std::uint64_t> used_{0};
};

}  // namespace pawl
