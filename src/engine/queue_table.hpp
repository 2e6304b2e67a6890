// engine/queue_table.hpp -- all queues of a scheduler, by number and by name.
//
// Roles       at: any thread, lock-free.  the rest: any thread, under the lock.
// State       queues_[i]  written once, release  read by all, acquire
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include "base/atomic.hpp"
#include "job/memory_budget.hpp"
#include "ready/ready_queue.hpp"

namespace pawl {

class queue_table {
 public:
  explicit queue_table(memory_budget* budget) noexcept
      : budget_(budget), account_(budget, memory_pool::queues) {}

  // Null: no such queue.
  [[nodiscard]] ready_queue* at(unsigned index) const noexcept {
    return index < queues_max ? queues_[index].load(acquire) : nullptr;
  }

  // The queue of that name, after `prepare(queue, is_new)` was called for it, before others can
  // see a new one. Null and `full` false: no memory.
  template <class Prepare>
  ready_queue* find_or_add(std::string_view name, const queue_options& wanted, Prepare prepare,
                           bool& full) noexcept {
    full = false;
    const std::lock_guard lock(mutex_);
    for (unsigned i = 0; i < count_; ++i) {
      if (owned_[i]->name() == name) {
        prepare(*owned_[i], false);
        return owned_[i].get();
      }
    }
    if (count_ == queues_max) {
      full = true;
      return nullptr;
    }
    const std::size_t bytes = ready_queue::bytes_of(wanted.order);
    if (!account_.take(bytes, need::wanted)) return nullptr;
    try {
      owned_[count_] = std::make_unique<ready_queue>(count_, std::string(name), wanted, budget_);
    } catch (const std::bad_alloc&) {
      account_.give(bytes);
      return nullptr;
    }
    ready_queue* const added = owned_[count_].get();
    prepare(*added, true);
    queues_[count_++].store(added, release);
    return added;
  }

  // Calls f(queue) for each, under the lock: none is added meanwhile.
  template <class F>
  void for_each(F f) const {
    const std::lock_guard lock(mutex_);
    for (unsigned i = 0; i < count_; ++i) f(*owned_[i]);
  }

 private:
  memory_budget* const budget_;
  const memory_account account_;
  std::array<atomic<ready_queue*>, queues_max> queues_{};
  mutable std::mutex mutex_;
  std::array<std::unique_ptr<ready_queue>, queues_max> owned_{};
  unsigned count_ = 0;
};

}  // namespace pawl
