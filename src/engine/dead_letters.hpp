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

#include "job/memory_budget.hpp"

namespace pawl {

class dead_letters {
 public:
  struct letter {
    std::uint32_t slot = 0;
    std::uint64_t died_ns = 0;
  };

  dead_letters(std::uint32_t jobs_max, memory_budget* budget) noexcept
      : jobs_max_(jobs_max), account_(budget, memory_pool::dead_letters) {}

  // Keeps the slot of a job that died. The slot the caller must free now, if any: the oldest one's, if that
  // is one too many or the budget has nothing for a longer list; or this one's if none are kept or there is
  // no memory for it.
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
    if (letters_.size() <= jobs_max_ && count_memory()) return std::nullopt;
    return take_oldest();
  }

  // Gives up the oldest one for want of memory, if more than `kept_min` are there: the slot is the caller's.
  std::optional<std::uint32_t> purge_oldest(std::uint64_t kept_min) noexcept {
    const std::lock_guard lock(mutex_);
    if (letters_.size() <= kept_min) return std::nullopt;
    ++purged_;
    return take_oldest();
  }
  // The same with the letter of that slot, if it is here and is_still() says so under the lock.
  template <class F>
  bool purge(std::uint32_t slot, F is_still) noexcept {
    bool is_purged = false;
    look_at(slot, [&](const letter&) {
      is_purged = is_still();
      purged_ += is_purged ? 1 : 0;
      return is_purged;
    });
    return is_purged;
  }
  // How many of both, ever.
  [[nodiscard]] std::uint64_t purged() const noexcept {
    const std::lock_guard lock(mutex_);
    return purged_;
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
  // Nodes of both tables, of so many letters at once; what was counted stays so.
  static constexpr std::size_t counted_at_once = 256;
  static constexpr std::size_t letter_bytes = 160;

  bool count_memory() noexcept {
    if (letters_.size() <= counted_) return true;
    // The first ones are few, and some must be kept: so they are not refused.
    const need why = counted_ < memory_report::letters_kept_min ? need::accepted : need::wanted;
    if (!account_.take(counted_at_once * letter_bytes, why)) return false;
    counted_ += counted_at_once;
    return true;
  }
  std::uint32_t take_oldest() noexcept {
    const std::uint32_t oldest = letters_.begin()->second.slot;
    take_out(letters_.begin());
    return oldest;
  }
  void take_out(std::map<std::uint64_t, letter>::iterator at) noexcept {
    numbers_.erase(at->second.slot);
    letters_.erase(at);
  }

  const std::uint32_t jobs_max_;
  const memory_account account_;
  std::size_t counted_ = 0;  // letters of which the budget knows
  std::uint64_t purged_ = 0;
  mutable std::mutex mutex_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, letter> letters_;                   // by number: the order of deaths
  std::unordered_map<std::uint32_t, std::uint64_t> numbers_;  // by slot
};

}  // namespace pawl
