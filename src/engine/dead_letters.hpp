// engine/dead_letters.hpp -- the dead jobs that keep their slot, oldest first.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <new>
#include <optional>

namespace pawl {

class dead_letters {
 public:
  explicit dead_letters(std::uint32_t jobs_max) noexcept : jobs_max_(jobs_max) {}

  // Keeps the slot of a job that died. The slot the caller must free now, if any: the oldest one's,
  // or this one's if none are kept or there is no memory for the list.
  std::optional<std::uint32_t> keep(std::uint32_t slot) noexcept {
    if (jobs_max_ == 0) return slot;
    const std::lock_guard lock(mutex_);
    try {
      slots_.push_back(slot);
    } catch (const std::bad_alloc&) {
      return slot;
    }
    if (slots_.size() <= jobs_max_) return std::nullopt;
    const std::uint32_t oldest = slots_.front();
    slots_.pop_front();
    return oldest;
  }

 private:
  const std::uint32_t jobs_max_;
  std::mutex mutex_;
  std::deque<std::uint32_t> slots_;
};

}  // namespace pawl
