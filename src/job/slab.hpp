// job/slab.hpp -- all slots, and the free ones among them.
//
// Roles       operator[], holds: any thread.  take_fresh, take_magazine: any thread, under a lock
//             that is met only while there are more jobs alive than ever before.
// Memory      address space for everything is reserved by the constructor and taken in steps of
//             2 MB; nothing is given back before the destructor.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/region.hpp"
#include "job/depot.hpp"
#include "job/slot.hpp"

namespace pawl {

class slab {
 public:
  // Room for `slots` slots and for `magazines` more magazines than those slots fill.
  // Check is_ready() afterwards.
  slab(std::uint32_t slots, std::uint32_t magazines) noexcept;

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

  // Fills an empty magazine with slots never used before, and puts a new empty one into the depot:
  // so there is always a magazine for every slot that becomes free. False: none left, or no memory.
  bool take_fresh(magazine& into) noexcept;
  // A magazine never used before. Null: none left, or no memory.
  magazine* take_magazine() noexcept;

 private:
  magazine* take_magazine_locked() noexcept;

  const std::uint32_t slots_max_;
  const std::uint32_t magazines_max_;
  region slots_;
  region magazines_;
  depot depot_;
  std::mutex growing_;
  atomic<std::uint32_t> fresh_{0};  // written under growing_; slots below it are committed
  std::uint32_t fresh_magazines_ = 0;
};

}  // namespace pawl
