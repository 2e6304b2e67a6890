// engine/generation_floor.hpp -- up to which generation ids may be given: as far as the log says durably.
//
// After a crash no id is given again, because none at or above the last durable floor ever was. Raising it takes
// a sync, so it is raised ahead of time, in steps that double: half a step before it is reached.
//
// Roles       may_give, soft_ceiling, ceiling, ask: any thread.   The others: the log's thread.
// Progress    wait-free, but for ask(): lock-free.
//
// State       field      written by     read by       order
//             ceiling_   log's thread   any           release / acquire [floor]: it is durable
//             soft_      log's thread   any           relaxed: a stale one asks too early, or goes to ceiling_
//             asked_     any            log's thread  seq_cst: a want of wal_sleep.hpp follows
//
// Invariants  I1  ceiling_ only grows, and not above generation_max + 1, but for open(), after which ids are unique
//                 for the life of the process only.
//             I2  soft_ <= ceiling_.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/atomic.hpp"
#include "job/id.hpp"

namespace pawl {

class generation_floor {
 public:
  static constexpr std::uint64_t step_min = std::uint64_t{1} << 10;
  static constexpr std::uint64_t step_max = std::uint64_t{1} << 24;
  static constexpr std::uint64_t last = generation_max + 1;

  // `durable` is that of the log now. A higher one is asked for at once.
  explicit generation_floor(std::uint64_t durable) noexcept
      : ceiling_(durable), soft_(soft_of(durable, step_min)), asked_(durable) {}

  [[nodiscard]] bool may_give(std::uint64_t generation) const noexcept {
    return generation < ceiling_.load(acquire);  // [floor]
  }
  [[nodiscard]] std::uint64_t ceiling() const noexcept { return ceiling_.load(acquire); }
  // Generations below need no question.
  [[nodiscard]] std::uint64_t soft_ceiling() const noexcept { return soft_.load(relaxed); }
  // True: nobody has asked for so much; the log's thread must know.
  bool ask(std::uint64_t generation) noexcept {
    std::uint64_t before = asked_.load(seq_cst);
    while (before < generation) {
      if (asked_.compare_exchange_weak(before, generation, seq_cst, seq_cst)) return true;
    }
    return false;
  }

  // The floor that is to be made durable next; 0: none.
  [[nodiscard]] std::uint64_t next() const noexcept {
    const std::uint64_t now = ceiling_.load(relaxed);  // relaxed: its own
    const std::uint64_t asked = asked_.load(seq_cst);
    if (now >= last || asked < soft_.load(relaxed)) return 0;
    return std::min(std::max(now, asked + 1) + step_, last);
  }
  // It is.
  void raise(std::uint64_t durable) noexcept {
    soft_.store(soft_of(durable, step_), relaxed);
    ceiling_.store(durable, release);  // [floor]
    step_ = std::min(2 * step_, step_max);
  }
  // There will be none any more, and nobody is to wait for one.
  void open() noexcept {
    ceiling_.store(~std::uint64_t{0}, release);
    soft_.store(~std::uint64_t{0}, relaxed);
  }

 private:
  static constexpr std::uint64_t soft_of(std::uint64_t floor, std::uint64_t step) noexcept {
    if (floor >= last) return floor;
    return floor > step / 2 ? floor - step / 2 : 0;
  }

  atomic<std::uint64_t> ceiling_;
  atomic<std::uint64_t> soft_;
  atomic<std::uint64_t> asked_;
  std::uint64_t step_ = step_min;  // the log's thread's: of the next raise
};

}  // namespace pawl
