// ready/front_list.hpp -- places that were taken from a band and not started; served before it.
//
// A gate closed while a drain held a batch, or a stop cut it short: what is left comes back here, at
// the front, so that order is kept. Rare, so a lock will do; the count lets everyone else pass by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>

#include "base/atomic.hpp"

namespace pawl {

class front_list {
 public:
  void push(std::span<const std::uint64_t> places) {
    const std::lock_guard lock(mutex_);
    places_.insert(places_.begin(), places.begin(), places.end());
    count_.store(places_.size(), release);
  }

  // Behind what is there.
  void append(std::span<const std::uint64_t> places) {
    const std::lock_guard lock(mutex_);
    places_.insert(places_.end(), places.begin(), places.end());
    count_.store(places_.size(), release);
  }

  template <class Keep>
  void keep_if(Keep keep) {
    if (looks_empty()) return;
    const std::lock_guard lock(mutex_);
    std::erase_if(places_, [&keep](std::uint64_t place) { return !keep(place); });
    count_.store(places_.size(), release);
  }

  template <class F>
  void for_each(F f) {
    if (looks_empty()) return;
    const std::lock_guard lock(mutex_);
    for (const std::uint64_t place : places_) f(place);
  }

  std::size_t pop(std::span<std::uint64_t> into) {
    if (looks_empty()) return 0;
    const std::lock_guard lock(mutex_);
    std::size_t taken = 0;
    while (taken < into.size() && !places_.empty()) {
      into[taken++] = places_.front();
      places_.pop_front();
    }
    count_.store(places_.size(), release);
    return taken;
  }

  // acquire: who announces a push does so after it; see queue_gate.hpp.
  [[nodiscard]] bool looks_empty() const noexcept { return count_.load(acquire) == 0; }

 private:
  std::mutex mutex_;
  std::deque<std::uint64_t> places_;
  atomic<std::size_t> count_{0};
};

}  // namespace pawl
