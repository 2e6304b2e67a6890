// engine/wal_waiters.hpp -- who waits for the log: for a sync, for room in a ring, for a floor.
//
// Roles       wait: any thread.   look: the log's thread, after each change that somebody may wait for.
// Progress    look() takes the lock only if somebody waits.
//
// State       field    written by   read by        order
//             count_   waiters      log's thread   acq_rel [count], see I1
//
// Invariants  I1  No lost end of a wait. A waiter counts itself, then looks; the log's thread changes
//                 something, then looks at the count; both by a read-modify-write of count_. If the waiter's is
//                 the later one, it reads what the other wrote or what follows from it, and so sees the
//                 change. Else the log's thread sees the waiter, and takes the lock: the waiter is before
//                 its look then, or sleeps on the condition.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/atomic.hpp"

namespace pawl {

class wal_waiters {
 public:
  // Waits until `is_over()`, which is called under the lock, says so. `ask` is called once, after the count.
  // False: the time has passed and it is not over.
  template <class Ask, class IsOver>
  bool wait(std::chrono::steady_clock::time_point end, Ask ask, IsOver is_over) {
    count_.fetch_add(1, acq_rel);  // [count]
    ask();
    std::unique_lock lock(mutex_);
    const bool over = changed_.wait_until(lock, end, is_over);
    lock.unlock();
    count_.fetch_sub(1, acq_rel);
    return over;
  }
  void look() noexcept {
    if (count_.fetch_add(0, acq_rel) == 0) return;  // [count]
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }

 private:
  atomic<std::uint32_t> count_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace pawl
