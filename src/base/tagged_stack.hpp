// base/tagged_stack.hpp -- a lock-free stack of numbered things that are never freed.
//
// Roles       push, pop: any thread. The pusher holds the thing, the popper holds it afterwards.
// Progress    lock-free.
// Memory      none: the link of thing i is wherever `Links` says, and is readable for ever.
//
// State       field      written by                   read by   order
//             head_      pushers and poppers (CAS)    all       acq_rel / acquire [hand]
//             link(i)    the pusher of i              poppers   relaxed, see I2
//
// Invariants  I1  A thing is on the stack at most once.
//             I2  head_ carries a tag that grows with each push and pop, so a popper whose view of a
//                 link was overtaken fails its swap. What it read from the link is thrown away.
//
// The stack is Treiber's, with the tag of IBM's System/370 free lists.
// Checked by tests/model/depot_model.cpp.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"

namespace pawl {

// Links: atomic<std::uint32_t>& operator()(std::uint32_t index)
template <class Links>
class alignas(cache_line_bytes) tagged_stack {
 public:
  static constexpr std::uint32_t none = 0xffffffff;

  explicit tagged_stack(Links links) noexcept : links_(links) {}

  void push(std::uint32_t index) noexcept {
    std::uint64_t head = head_.load(relaxed);  // relaxed: the swap checks it
    do {
      links_(index).store(static_cast<std::uint32_t>(head), relaxed);  // I2
    } while (
        !head_.compare_exchange_weak(head, next_head(head, index), acq_rel, relaxed));  // [hand]
  }

  // none: the stack is empty.
  std::uint32_t pop() noexcept {
    std::uint64_t head = head_.load(acquire);  // [hand]
    for (;;) {
      const auto index = static_cast<std::uint32_t>(head);
      if (index == none) return none;
      const std::uint32_t next = links_(index).load(relaxed);                            // I2
      if (head_.compare_exchange_weak(head, next_head(head, next), acq_rel, acquire)) {  // [hand]
        return index;
      }
    }
  }

 private:
  // Tag in the upper half, index in the lower.
  static constexpr std::uint64_t next_head(std::uint64_t head, std::uint32_t index) noexcept {
    return (((head >> 32) + 1) << 32) | index;
  }

  Links links_;
  atomic<std::uint64_t> head_{none};
};

}  // namespace pawl
