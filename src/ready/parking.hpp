// ready/parking.hpp -- lines of jobs that wait for something of their own, linked through a table
// beside the slab, so that waiting allocates nothing and leaving from the middle costs nothing.
//
// Threads   a line and the links of the jobs in it belong to whoever holds the line's lock. owner() may
//           be asked without it, and asked again with it.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/region.hpp"

namespace pawl {

struct parked_link {
  static constexpr std::uint32_t none = UINT32_MAX;

  std::uint32_t next;
  std::uint32_t previous;
  std::uint32_t number;  // in the order of arrival
  atomic<std::uint32_t>
      owner;  // 0: not in a line; else what line it is in, whatever that means to it
};

// The links of all slots: zero-filled memory that is touched by jobs that wait.
class parking_lot {
 public:
  // Reserves; takes no memory to speak of. Check is_ready().
  explicit parking_lot(std::size_t slots) noexcept : links_(slots * sizeof(parked_link)) {
    is_ready_ = links_.data() != nullptr && links_.commit(slots * sizeof(parked_link));
  }
  [[nodiscard]] bool is_ready() const noexcept { return is_ready_; }
  parked_link& operator[](std::uint32_t slot) const noexcept {
    return reinterpret_cast<parked_link*>(links_.data())[slot];
  }
  // relaxed: a hint, to be confirmed under the line's lock.
  [[nodiscard]] std::uint32_t owner_of(std::uint32_t slot) const noexcept {
    return (*this)[slot].owner.load(relaxed);
  }

 private:
  region links_;
  bool is_ready_ = false;
};

class parked_line {
 public:
  [[nodiscard]] bool is_empty() const noexcept { return first_ == parked_link::none; }
  [[nodiscard]] std::uint32_t first() const noexcept { return first_; }
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

  // Last in line, with a new number.
  void join(parking_lot& lot, std::uint32_t slot, std::uint32_t owner) noexcept {
    lot[slot].number = next_number_++;
    insert_before(lot, slot, parked_link::none, owner);
  }
  // Back to where its number puts it: near the front.
  void rejoin(parking_lot& lot, std::uint32_t slot, std::uint32_t owner) noexcept {
    std::uint32_t after = first_;
    while (after != parked_link::none &&
           static_cast<std::int32_t>(lot[after].number - lot[slot].number) < 0) {
      after = lot[after].next;
    }
    insert_before(lot, slot, after, owner);
  }
  void leave(parking_lot& lot, std::uint32_t slot) noexcept {
    parked_link& link = lot[slot];
    (link.previous == parked_link::none ? first_ : lot[link.previous].next) = link.next;
    (link.next == parked_link::none ? last_ : lot[link.next].previous) = link.previous;
    link.owner.store(0, relaxed);
    --size_;
  }

 private:
  void insert_before(parking_lot& lot, std::uint32_t slot, std::uint32_t after,
                     std::uint32_t owner) noexcept {
    parked_link& link = lot[slot];
    link.next = after;
    link.previous = after == parked_link::none ? last_ : lot[after].previous;
    (link.previous == parked_link::none ? first_ : lot[link.previous].next) = slot;
    (after == parked_link::none ? last_ : lot[after].previous) = slot;
    link.owner.store(owner, relaxed);
    ++size_;
  }

  std::uint32_t first_ = parked_link::none;
  std::uint32_t last_ = parked_link::none;
  std::uint32_t size_ = 0;
  std::uint32_t next_number_ = 0;
};

}  // namespace pawl
