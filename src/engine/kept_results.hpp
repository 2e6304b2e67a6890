// engine/kept_results.hpp -- what completed jobs left behind, oldest first.
//
// The bytes are blocks of the payload arena. Whoever keeps one hands it over; whoever takes one out has to
// release it. Under one lock: only jobs that leave something pay for it.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <unordered_map>

#include "job/memory_budget.hpp"
#include "pawl/job.hpp"

namespace pawl {

class kept_results {
 public:
  struct entry {
    job_id id;
    std::uint64_t version = 0;  // of the job's end
    std::uint64_t lsn = 0;      // that says so; 0: nothing does, or it was recovered
    std::uint32_t block = 0;
    std::uint8_t marks = 0;  // slot_mark of the job: was its end logged?
  };

  kept_results(std::uint32_t results_max, memory_budget* budget) noexcept
      : results_max_(results_max), account_(budget, memory_pool::payloads) {}

  // Keeps it. The one that the caller must forget now, if any: the oldest, if that is one too many or the
  // budget has nothing for a longer list; this one, if none are kept or there is no memory for it.
  std::optional<entry> keep(const entry& e) noexcept {
    if (results_max_ == 0) return e;
    const std::lock_guard lock(mutex_);
    const std::uint64_t number = next_++;
    try {
      numbers_.emplace(e.id.value, number);
      entries_.emplace_hint(entries_.end(), number, e);
    } catch (const std::bad_alloc&) {
      numbers_.erase(e.id.value);
      return e;
    }
    if (entries_.size() <= results_max_ && count_memory()) return std::nullopt;
    return take_out(entries_.begin());
  }

  // The entry of that job, which is the caller's then.
  std::optional<entry> take(job_id id) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = numbers_.find(id.value);
    if (found == numbers_.end()) return std::nullopt;
    return take_out(entries_.find(found->second));
  }

  // Calls f(entry) under the lock. False: there is none of that job.
  template <class F>
  bool look_at(job_id id, F f) const {
    const std::lock_guard lock(mutex_);
    const auto found = numbers_.find(id.value);
    if (found == numbers_.end()) return false;
    f(entries_.find(found->second)->second);
    return true;
  }

  // Calls f(number, entry) for each from `number` on, oldest first, until it says false. Under the lock.
  template <class F>
  void for_each_from(std::uint64_t number, F f) const {
    const std::lock_guard lock(mutex_);
    for (auto at = entries_.lower_bound(number); at != entries_.end(); ++at) {
      if (!f(at->first, at->second)) return;
    }
  }

  [[nodiscard]] std::uint64_t size() const noexcept {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

 private:
  // Nodes of both tables, of so many entries at once; what was counted stays so.
  static constexpr std::size_t counted_at_once = 256;
  static constexpr std::size_t entry_bytes = 176;

  bool count_memory() noexcept {
    if (entries_.size() <= counted_) return true;
    if (!account_.take(counted_at_once * entry_bytes, need::wanted)) return false;
    counted_ += counted_at_once;
    return true;
  }
  entry take_out(std::map<std::uint64_t, entry>::iterator at) noexcept {
    const entry e = at->second;
    numbers_.erase(e.id.value);
    entries_.erase(at);
    return e;
  }

  const std::uint32_t results_max_;
  const memory_account account_;
  std::size_t counted_ = 0;  // entries of which the budget knows
  mutable std::mutex mutex_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, entry> entries_;                    // by number: the order of ends
  std::unordered_map<std::uint64_t, std::uint64_t> numbers_;  // by id
};

}  // namespace pawl
