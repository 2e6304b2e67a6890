// time/due_heap.hpp -- what is due later, to the nanosecond: stands in for the wheel where the clock is
// a test's.
//
// The wheel fires with its tick, up to a microsecond late, and stops at times at which it has only to
// move entries. Under a clock that stands still between steps both would show. Entries that are due at
// the same nanosecond fire in an order drawn from the seed.
//
// Plain: one thread at a time. Out of memory ends the process.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "policy/retry.hpp"
#include "time/chunk_pool.hpp"

namespace pawl {

class due_heap {
 public:
  explicit due_heap(std::uint64_t seed) noexcept : seed_(seed) {}

  void push(const timer_entry& entry) {
    const std::uint64_t number = std::uint64_t{entry.slot} << 32 | entry.version;
    items_.push_back({entry, mix(seed_ ^ number)});
    std::push_heap(items_.begin(), items_.end(), is_later);
  }

  // Takes out all that are due and calls fire(std::span<const timer_entry>) with each; it may push.
  template <class Fire>
  void step(std::uint64_t now_ns, Fire&& fire) {
    while (!items_.empty() && items_.front().entry.due_ns <= now_ns) {
      const timer_entry due = items_.front().entry;
      pop();
      fire(std::span<const timer_entry>(&due, 1));
    }
  }

  // When the first is due that is_wanted(entry) says is not stale; UINT64_MAX: never.
  template <class IsWanted>
  std::uint64_t next_ns(IsWanted is_wanted) {
    while (!items_.empty() && !is_wanted(items_.front().entry)) pop();
    return items_.empty() ? UINT64_MAX : items_.front().entry.due_ns;
  }

  // Calls keep(timer_entry&) with each, which may change it; drops those for which it says false.
  template <class Keep>
  void change(Keep keep) {
    std::erase_if(items_, [&keep](item& i) { return !keep(i.entry); });
    std::make_heap(items_.begin(), items_.end(), is_later);
  }

  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }

 private:
  struct item {
    timer_entry entry;
    std::uint64_t rank;  // among those due at the same time
  };
  static bool is_later(const item& a, const item& b) noexcept {
    return a.entry.due_ns != b.entry.due_ns ? a.entry.due_ns > b.entry.due_ns : a.rank > b.rank;
  }
  void pop() {
    std::pop_heap(items_.begin(), items_.end(), is_later);
    items_.pop_back();
  }

  const std::uint64_t seed_;
  std::vector<item> items_;
};

}  // namespace pawl
