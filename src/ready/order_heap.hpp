// ready/order_heap.hpp -- one priority of an ordered queue: places, the smallest key first, and among
// equal keys those first that became ready first.
//
// One heap under one lock, so its order is exact: a pop takes what is first of all that was pushed
// before it. A push or a pop of many places holds the lock once.
//
// Roles       all members: any thread.
// Progress    under a lock; looks_empty() is wait-free.
// Memory      grows, while it holds more places than ever before; gives nothing back.
//
// State       field     written by                   read by               order
//             count_    push, pop, under the lock    pickers, without it   release / acquire [count]
//
// Invariants  I1  count_ is the number of places, whenever nobody holds the lock.
//             I2  What queue_gate.hpp asks of a look: it sees every push whose announcement came before, in
//                 the order of the work word's read-modify-writes. Who pushes stores count_ before it
//                 announces, which releases; a picker that cleared the work bit, or looked at the word
//                 before its pop, has acquired. So it reads that count or a later one, and a later one of
//                 0 means that somebody has popped the place. A pusher that announces after the picker
//                 cleared the bit sets it again. No pop fails while a place is there.
//
// Checked by tests/ready/order_heap_test.cpp; with the gate around it by tests/engine/ordered_test.cpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <span>
#include <vector>

#include "base/atomic.hpp"
#include "job/slot.hpp"
#include "ready/order_marks.hpp"

namespace pawl {

class order_heap {
 public:
  // Of jobs that became ready just now: behind those of the same key. False: no memory; none was pushed.
  bool push(const order_marks& marks, std::span<const std::uint64_t> places) noexcept {
    const std::lock_guard lock(mutex_);
    if (!make_room(places.size())) return false;
    for (const std::uint64_t place : places) {
      order_mark& mark = marks[band_entry{place}.slot()];
      mark.number.store(next_number_, relaxed);
      insert({mark.key.load(relaxed), next_number_++, place});
    }
    count_.store(entries_.size(), release);  // [count]
    return true;
  }

  // Of jobs that were taken and not started: to where they were. False: no memory; none was pushed.
  bool put_back(const order_marks& marks, std::span<const std::uint64_t> places) noexcept {
    const std::lock_guard lock(mutex_);
    if (!make_room(places.size())) return false;
    for (const std::uint64_t place : places) {
      const order_mark& mark = marks[band_entry{place}.slot()];
      insert({mark.key.load(relaxed), mark.number.load(relaxed), place});
    }
    count_.store(entries_.size(), release);  // [count]
    return true;
  }

  // The first ones, in order. How many were written to the front of `into`.
  std::size_t pop(std::span<std::uint64_t> into) noexcept {
    if (looks_empty()) return 0;
    const std::lock_guard lock(mutex_);
    std::size_t taken = 0;
    while (taken < into.size() && !entries_.empty()) {
      into[taken++] = entries_.front().place;
      std::pop_heap(entries_.begin(), entries_.end(), is_later);
      entries_.pop_back();
    }
    count_.store(entries_.size(), release);  // [count]
    return taken;
  }

  // Drops the places of which keep(place) says false.
  template <class Keep>
  void keep_if(Keep keep) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&keep](const entry& e) { return !keep(e.place); });
    std::make_heap(entries_.begin(), entries_.end(), is_later);
    count_.store(entries_.size(), release);  // [count]
  }

  [[nodiscard]] bool looks_empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return count_.load(acquire); }  // [count]

 private:
  struct entry {
    std::uint64_t key;
    std::uint64_t number;
    std::uint64_t place;
  };
  static bool is_later(const entry& a, const entry& b) noexcept {
    return a.key != b.key ? a.key > b.key : a.number > b.number;
  }

  bool make_room(std::size_t more) noexcept {
    if (entries_.capacity() - entries_.size() >= more) return true;
    try {
      entries_.reserve(std::max(2 * entries_.capacity(), entries_.size() + more));
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  void insert(const entry& e) noexcept {  // there is room
    entries_.push_back(e);
    std::push_heap(entries_.begin(), entries_.end(), is_later);
  }

  std::mutex mutex_;
  std::vector<entry> entries_;  // a heap by is_later
  std::uint64_t next_number_ = 0;
  alignas(cache_line_bytes) atomic<std::size_t> count_{0};
};

}  // namespace pawl
