// ready/order_heap.hpp -- one priority of an ordered queue: places, the smallest key first, and among
// equal keys those first that became ready first.
//
// Memory      grows, while it holds more places than ever before; gives nothing back. The budget is told of
//             each step; a push of what was accepted before is not refused by it.
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

#include "job/slot.hpp"
#include "ready/ordered_places.hpp"

namespace pawl {

class order_heap final : public ordered_places {
 public:
  bool put_back(const order_marks& marks, std::span<const std::uint64_t> places) noexcept override {
    const std::lock_guard lock(mutex_);
    if (!make_room(places.size(), need::accepted)) return false;
    for (const std::uint64_t place : places) {
      const order_mark& mark = marks[band_entry{place}.slot()];
      insert({mark.key.load(relaxed), mark.number.load(relaxed), place});
    }
    set_size(entries_.size());
    return true;
  }

  std::size_t pop(std::span<std::uint64_t> into) noexcept override {
    if (looks_empty()) return 0;
    const std::lock_guard lock(mutex_);
    std::size_t taken = 0;
    while (taken < into.size() && !entries_.empty()) {
      into[taken++] = entries_.front().place;
      std::pop_heap(entries_.begin(), entries_.end(), is_later);
      entries_.pop_back();
    }
    set_size(entries_.size());
    return taken;
  }

 private:
  struct entry {
    std::uint64_t key;
    std::uint64_t number;
    std::uint64_t place;
  };
  static bool is_later(const entry& a, const entry& b) noexcept {
    return a.key != b.key ? a.key > b.key : a.number > b.number;
  }

  bool add(const order_marks& marks, std::span<const std::uint64_t> places,
           need why) noexcept override {
    const std::lock_guard lock(mutex_);
    if (!make_room(places.size(), why)) return false;
    for (const std::uint64_t place : places) {
      order_mark& mark = marks[band_entry{place}.slot()];
      mark.number.store(next_number_, relaxed);
      insert({mark.key.load(relaxed), next_number_++, place});
    }
    set_size(entries_.size());
    return true;
  }

  void keep_those(keep_place is_kept, void* keep) noexcept override {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const entry& e) { return !is_kept(keep, e.place); });
    std::make_heap(entries_.begin(), entries_.end(), is_later);
    set_size(entries_.size());
  }

  bool make_room(std::size_t more, need why) noexcept {
    if (entries_.capacity() - entries_.size() >= more) return true;
    const std::size_t wanted = std::max(2 * entries_.capacity(), entries_.size() + more);
    const std::size_t bytes = (wanted - entries_.capacity()) * sizeof(entry);
    if (!account().take(bytes, why)) return false;
    try {
      entries_.reserve(wanted);
      return true;
    } catch (const std::bad_alloc&) {
      account().give(bytes);
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
};

}  // namespace pawl
