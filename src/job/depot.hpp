// job/depot.hpp -- how free slots travel between threads: by the magazine.
//
// A thread takes and frees slots in a magazine of its own, without any shared memory. Only when it
// is empty or full does the thread go to the depot, which keeps full magazines (with slots in them)
// and empty ones on two lock-free stacks. One exchange in 256 jobs.
//
// Roles       take_full, put_full, take_empty, put_empty: any thread.
// Progress    lock-free.
// Memory      the magazines are given to the constructor; none is ever freed.
//
// State       field            written by                 read by     order
//             magazine.next    see base/tagged_stack.hpp
//             magazine.count,  the thread that holds it   the same    plain: handed over by the
//             magazine.slots                                          stack's [hand]
//
// Invariant   I1  A magazine is on one stack or held by one thread.
//
// Magazines and depot are Bonwick and Adams, "Magazines and Vmem" (USENIX 2001).
// Checked by tests/job/depot_test.cpp, tests/model/depot_model.cpp.
#pragma once

#include <cstdint>
#include <span>

#include "base/atomic.hpp"
#include "base/tagged_stack.hpp"

namespace pawl {

#ifdef PAWL_MODEL
inline constexpr std::uint32_t magazine_slots =
    2;  // toy size: shrink the capacity, not the algorithm
#else
inline constexpr std::uint32_t magazine_slots = 254;  // with the two words in front: 1 KB
#endif

struct magazine {
  atomic<std::uint32_t> next{0};
  plain<std::uint32_t> count{0};
  plain<std::uint32_t> slots[magazine_slots];

  [[nodiscard]] bool is_empty() const noexcept { return count == 0; }
  [[nodiscard]] bool is_full() const noexcept { return count == magazine_slots; }
  void push(std::uint32_t slot) noexcept {
    slots[count] = slot;
    count = count + 1;
  }
  std::uint32_t pop() noexcept {
    count = count - 1;
    return slots[count];
  }
  // The slot that the `ahead`-th pop from now will return; the last one if there are not as many.
  [[nodiscard]] std::uint32_t peek(std::uint32_t ahead) const noexcept {
    const std::uint32_t left = count;
    return slots[left > ahead ? left - 1 - ahead : 0];
  }
};

class depot {
 public:
  // `magazines` is kept, not owned. All of them start as held by the caller.
  explicit depot(std::span<magazine> magazines) noexcept
      : magazines_(magazines.data()), full_({magazines.data()}), empty_({magazines.data()}) {}

  // Null: there is none.
  magazine* take_full() noexcept { return at(full_.pop()); }
  magazine* take_empty() noexcept { return at(empty_.pop()); }
  void put_full(magazine* m) noexcept { full_.push(index_of(m)); }
  void put_empty(magazine* m) noexcept { empty_.push(index_of(m)); }

 private:
  struct links {
    magazine* first;
    atomic<std::uint32_t>& operator()(std::uint32_t index) const noexcept {
      return first[index].next;
    }
  };
  using stack = tagged_stack<links>;

  magazine* at(std::uint32_t index) const noexcept {
    return index == stack::none ? nullptr : &magazines_[index];
  }
  std::uint32_t index_of(const magazine* m) const noexcept {
    return static_cast<std::uint32_t>(m - magazines_);
  }

  magazine* const magazines_;
  stack full_;
  stack empty_;
};

}  // namespace pawl
