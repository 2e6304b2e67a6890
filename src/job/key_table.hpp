// job/key_table.hpp -- a flat hash table of what goes by a key: who holds a unique one, a lane.
//
// Linear probing without tombstones: taking an entry out moves those behind it back. The table doubles
// when three quarters are full and halves when an eighth is, so its memory follows its size; the first
// places are kept. The budget is asked before it doubles; while it does, the old places are there too. One user at a time (unique_keys.hpp and lanes.hpp have a lock for each table).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/check.hpp"
#include "base/key_hash.hpp"
#include "base/mapped_array.hpp"
#include "job/memory_budget.hpp"
#include "pawl/job.hpp"
#include "pawl/unique.hpp"

namespace pawl {

// Who holds a unique key.
struct key_entry {
  key_hash key;
  job_id job;              // 0: an empty place
  std::uint64_t bits = 0;  // 63..2 kept until, ns of the boot clock   1 the job let go   0 until

  [[nodiscard]] bool is_empty() const noexcept { return !job; }
  [[nodiscard]] std::uint64_t kept_until_ns() const noexcept { return bits >> 2; }
  [[nodiscard]] bool has_let_go() const noexcept { return (bits & 2) != 0; }
  [[nodiscard]] unique_until until() const noexcept {
    return (bits & 1) != 0 ? unique_until::started : unique_until::finished;
  }
  void hold(job_id holder, unique_until until, std::uint64_t kept_until_ns) noexcept {
    constexpr std::uint64_t longest = UINT64_MAX >> 2;
    job = holder;
    bits = (std::min(kept_until_ns, longest) << 2) | (until == unique_until::started ? 1u : 0u);
  }
  void let_go() noexcept { bits |= 2; }
  void take_again() noexcept { bits &= ~std::uint64_t{2}; }
};
static_assert(sizeof(key_entry) == 32);

// `Entry` is a value with a `key` and is_empty(). References to entries are valid until the next insert,
// erase or clean.
template <class Entry>
class key_table {
 public:
  static constexpr std::size_t places_min = 16;

  // Before the first insert.
  void set_account(memory_account account) noexcept { account_ = account; }

  // Null: it is not there.
  Entry* find(const key_hash& key) noexcept {
    if (places_.is_null()) return nullptr;
    Entry& e = places_[place_of(key)];
    return e.is_empty() ? nullptr : &e;
  }

  // An entry for a key that has none; the caller makes it one that is not empty. Null: no memory.
  Entry* insert(const key_hash& key) noexcept {
    if (size_ + 1 > capacity_ / 4 * 3 && !resize(std::max(capacity_ * 2, places_min))) {
      return nullptr;
    }
    ++size_;
    Entry& e = places_[place_of(key)];
    e.key = key;
    return &e;
  }

  void erase(Entry& e) noexcept {
    take_out(static_cast<std::size_t>(&e - places_.data()));
    shrink();
  }

  // Looks at so many places more, one turn after the other, and takes out the entries that are over.
  template <class F>
  void clean(unsigned looks, F is_over) noexcept {
    if (size_ == 0) return;
    for (; looks > 0; --looks) {
      cursor_ &= capacity_ - 1;
      if (!places_[cursor_].is_empty() && is_over(std::as_const(places_[cursor_]))) {
        take_out(cursor_);  // another one may be there now
      } else {
        ++cursor_;
      }
    }
    shrink();
  }

  // Calls f(entry) of all, or of those whose keys end in these bits. f must not change the table.
  template <class F>
  void for_each(F f) noexcept {
    for (std::size_t i = 0; i < capacity_; ++i) {
      if (!places_[i].is_empty()) f(places_[i]);
    }
  }
  template <class F>
  void for_each_ending(std::uint64_t bits, std::uint64_t mask, F f) noexcept {
    PAWL_CHECK(capacity_ <= mask);
    for (std::size_t at = bits; capacity_ != 0; ++at) {
      at &= capacity_ - 1;
      if (places_[at].is_empty()) return;
      if ((places_[at].key.low & mask) == bits) f(places_[at]);
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return capacity_ * sizeof(Entry); }

 private:
  // Where the key is, or else the place for it.
  [[nodiscard]] std::size_t place_of(const key_hash& key) const noexcept {
    std::size_t at = key.low & (capacity_ - 1);
    while (!places_[at].is_empty() && places_[at].key != key) at = (at + 1) & (capacity_ - 1);
    return at;
  }

  // An entry behind the hole moves into it, unless its first place lies between the two.
  void take_out(std::size_t hole) noexcept {
    const std::size_t mask = capacity_ - 1;
    for (std::size_t at = (hole + 1) & mask; !places_[at].is_empty(); at = (at + 1) & mask) {
      const std::size_t from_first = (at - places_[at].key.low) & mask;
      if (from_first < ((at - hole) & mask)) continue;
      places_[hole] = places_[at];
      hole = at;
    }
    places_[hole] = {};
    --size_;
  }

  void shrink() noexcept {
    while (capacity_ > places_min && size_ < capacity_ / 8 && resize(capacity_ / 2)) {
    }
  }

  bool resize(std::size_t capacity) noexcept {
    const std::size_t bytes = capacity * sizeof(Entry);
    const bool grows = capacity > capacity_;
    if (grows && !account_.take(bytes - memory_bytes(), need::wanted)) return false;
    mapped_array<Entry> places(capacity);
    if (places.is_null()) {
      if (grows) account_.give(bytes - memory_bytes());
      return false;
    }
    if (!grows) account_.give(memory_bytes() - bytes);
    places_.swap(places);
    const std::size_t before = std::exchange(capacity_, capacity);
    for (std::size_t i = 0; i < before; ++i) {
      if (!places[i].is_empty()) places_[place_of(places[i].key)] = places[i];
    }
    return true;
  }

  memory_account account_;
  mapped_array<Entry> places_;
  std::size_t capacity_ = 0;  // 0 or a power of two
  std::size_t size_ = 0;
  std::size_t cursor_ = 0;  // of clean()
};

}  // namespace pawl
