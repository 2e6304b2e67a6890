// ready/order_marks.hpp -- where the jobs of ordered queues stand, by slot: a table beside the slab, so
// that other jobs pay nothing for it.
//
// Written    key: the holder of the free slot, before its job is ready.  number: who pushes its place,
//            under the lock of the heap.
// Read       by who has a place of the job. relaxed: a place may be stale, and its slot another job's by
//            now; where a stale place stands in a heap is no matter, who pops it drops it.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/region.hpp"

namespace pawl {

struct order_mark {
  atomic<std::uint64_t> key;     // smaller first
  atomic<std::uint64_t> number;  // among equal keys; in the order in which they became ready
};

// Zero-filled memory that is touched by jobs of ordered queues.
class order_marks {
 public:
  // Reserves; takes no memory. Check is_ready().
  explicit order_marks(std::size_t slots) noexcept
      : bytes_(slots * sizeof(order_mark)), marks_(bytes_) {}
  [[nodiscard]] bool is_ready() const noexcept { return marks_.data() != nullptr; }

  // Before the first ordered queue. False: no memory. Not for two threads at a time.
  bool prepare() noexcept { return marks_.commit(bytes_); }

  order_mark& operator[](std::uint32_t slot) const noexcept {
    return reinterpret_cast<order_mark*>(marks_.data())[slot];
  }

 private:
  const std::size_t bytes_;
  region marks_;
};

}  // namespace pawl
