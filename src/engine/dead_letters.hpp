// engine/dead_letters.hpp -- the dead jobs that keep their slot, oldest death first.
//
// Whoever brings a job to its death hands its slot over; from then on the slot, its payload and its
// extras are this table's, and are looked at under its lock, until it gives them back: to be freed, or
// to be made ready again.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <unordered_map>

namespace pawl {

class dead_letters {
 public:
  struct letter {
    std::uint32_t slot = 0;
    std::uint64_t died_ns = 0;
  };

  explicit dead_letters(std::uint32_t jobs_max) noexcept : jobs_max_(jobs_max) {}

  // Keeps the slot of a job that died. The slot the caller must free now, if any: the oldest one's,
  // or this one's if none are kept or there is no memory for the list.
  std::optional<std::uint32_t> keep(std::uint32_t slot, std::uint64_t died_ns) noexcept {
    if (jobs_max_ == 0) return slot;
    const std::lock_guard lock(mutex_);
    const std::uint64_t number = next_++;
    try {
      numbers_.emplace(slot, number);
      letters_.emplace_hint(letters_.end(), number, letter{slot, died_ns});
    } catch (const std::bad_alloc&) {
      numbers_.erase(slot);
      return slot;
    }
    if (letters_.size() <= jobs_max_) return std::nullopt;
    const std::uint32_t oldest = letters_.begin()->second.slot;
    take_out(letters_.begin());
    return oldest;
  }

  // Calls f(number, letter) for each from `number` on, oldest death first, until it says false. Under
  // the lock.
  template <class F>
  void for_each_from(std::uint64_t number, F f) const {
    const std::lock_guard lock(mutex_);
    for (auto at = letters_.lower_bound(number); at != letters_.end(); ++at) {
      if (!f(at->first, at->second)) return;
    }
  }

  // If the slot is here: calls f(letter) under the lock, and if that says true the slot is the
  // caller's again. False: it is not here.
  template <class F>
  bool look_at(std::uint32_t slot, F f) {
    const std::lock_guard lock(mutex_);
    const auto found = numbers_.find(slot);
    if (found == numbers_.end()) return false;
    const auto at = letters_.find(found->second);
    if (f(static_cast<const letter&>(at->second))) take_out(at);
    return true;
  }

  [[nodiscard]] std::uint64_t size() const noexcept {
    const std::lock_guard lock(mutex_);
    return letters_.size();
  }

 private:
  void take_out(std::map<std::uint64_t, letter>::iterator at) noexcept {
    numbers_.erase(at->second.slot);
    letters_.erase(at);
  }

  const std::uint32_t jobs_max_;
  mutable std::mutex mutex_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, letter> letters_;                   // by number: the order of deaths
  std::unordered_map<std::uint32_t, std::uint64_t> numbers_;  // by slot
};

}  // namespace pawl
