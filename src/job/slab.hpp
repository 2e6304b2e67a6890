// job/slab.hpp -- all slots, and the free ones among them.
//
// Roles       operator[], holds: any thread.  take_fresh, take_magazine: any thread, under a lock
//             that is met only while there are more jobs alive than ever before.
// Memory      address space for everything is reserved by the constructor and taken in steps of
//             2 MB, each of which the budget is asked for; nothing is given back before the destructor.
//             With its slots it takes what jobs may need beside them: see row.
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>

#include "base/region.hpp"
#include "job/depot.hpp"
#include "job/memory_budget.hpp"
#include "job/slot.hpp"

namespace pawl {

// What there is beside each slot. The tables are their users' (parking.hpp, order_marks.hpp, lane.hpp), are
// reserved as a whole and touched by slots in use; so they are counted with the slots.
enum class row : std::uint8_t {
  lanes = 1u << 0,
  order = 1u << 1,
};

class slab {
 public:
  // Of the budget, for each slot: a link of parking.hpp, and a place in a list of jobs that a gate, or the
  // blocking pool, holds back.
  static constexpr std::size_t row_bytes_min = 24;
  // Promised to each: a place in a band, and an entry among the timers.
  static constexpr std::size_t promised_bytes = 24;

  // Room for `slots` slots and for `magazines` more magazines than those slots fill.
  // Check is_ready() afterwards.
  slab(std::uint32_t slots, std::uint32_t magazines, memory_budget* budget = nullptr) noexcept;

  // False: the address space was not to be had.
  [[nodiscard]] bool is_ready() const noexcept {
    return slots_.data() != nullptr && magazines_.data() != nullptr;
  }

  slot& operator[](std::uint32_t index) const noexcept {
    return reinterpret_cast<slot*>(slots_.data())[index];
  }
  // Was a slot of that index ever handed out? Ids and places from outside are checked with it.
  [[nodiscard]] bool holds(std::uint32_t index) const noexcept {
    return index < fresh_.load(acquire);
  }

  [[nodiscard]] depot& free_slots() noexcept { return depot_; }

  // Brings the first `count` slots into use as an earlier process left them: is_used(slot) says which of
  // them its jobs have, and the others are free. Generations of free slots go on above `given`. First of
  // all, at most once. False: no memory.
  template <class F>
  bool restore(std::uint32_t count, std::uint64_t given, F is_used) noexcept {
    if (!begin_restore(count, given)) return false;
    magazine* into = nullptr;
    for (std::uint32_t i = count; i-- > 0;) {
      if (is_used(i)) continue;
      (*this)[i].generation = given;
      if (into == nullptr) into = depot_.take_empty();
      into->push(i);
      if (into->is_full()) depot_.put_full(std::exchange(into, nullptr));
    }
    if (into != nullptr) depot_.put_full(into);
    return true;
  }
  // Slots whose generation is below this may be taken without a question.
  [[nodiscard]] std::uint64_t ceiling() const noexcept { return ceiling_.load(relaxed); }
  void set_ceiling(std::uint64_t generation) noexcept { ceiling_.store(generation, relaxed); }
  // The largest generation that any slot has.
  [[nodiscard]] std::uint64_t largest_generation() const noexcept;

  // Fills an empty magazine with slots never used before, and puts a new empty one into the depot:
  // so there is always a magazine for every slot that becomes free. False: none left, or no memory.
  bool take_fresh(magazine& into) noexcept;
  // A magazine never used before. Null: none left, or no memory.
  magazine* take_magazine() noexcept;

  // Before the first user of such rows, of `bytes` each, touches one. False: no memory.
  bool add_rows(row which, std::size_t bytes) noexcept;

  // What there is memory for, in use or free; and what the budget counts for each of them.
  struct extent {
    std::uint64_t slots;
    std::uint64_t bytes_each;
  };
  [[nodiscard]] extent look() const noexcept {
    const std::lock_guard lock(growing_);
    return {slots_.committed_bytes() / sizeof(slot), sizeof(slot) + row_bytes_ + promised_bytes};
  }

 private:
  bool begin_restore(std::uint32_t count, std::uint64_t given) noexcept;
  magazine* take_magazine_locked() noexcept;
  bool grow_slots(std::size_t bytes) noexcept;

  const std::uint32_t slots_max_;
  const std::uint32_t magazines_max_;
  region slots_;
  region magazines_;
  depot depot_;
  const memory_account slot_account_;
  const memory_account row_account_;
  mutable std::mutex growing_;
  atomic<std::uint32_t> fresh_{0};  // written under growing_; slots below it are committed
  std::uint64_t given_ = 0;         // generation of slots never used
  // relaxed: a number to compare with; whoever finds his above it asks the log (engine/wal.hpp).
  atomic<std::uint64_t> ceiling_{generation_max};
  std::uint32_t fresh_magazines_ = 0;
  std::uint8_t rows_ = 0;  // row
  std::size_t row_bytes_ = row_bytes_min;
};

}  // namespace pawl
