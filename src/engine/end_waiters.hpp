// engine/end_waiters.hpp -- threads that wait for the end of a job.
//
// A waiter puts itself on the list, then sets the job's waiter flag by a swap of its word. Who ends
// the job sees the flag in the word that its own swap replaced, and only then comes here. So a job
// nobody waits for pays one bit test, and no end is missed: the swap of the flag comes before the
// end or fails.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "pawl/job.hpp"

namespace pawl {

class end_waiters {
 public:
  // On the waiting thread's stack, from add() to remove().
  struct waiter {
    job_id id;
    job_status status;  // set with `told`
    bool told = false;
    bool stopped = false;         // the scheduler stopped first
    bool inside_handler = false;  // the stop waits for this thread
    std::condition_variable signal;
    waiter* next = nullptr;
  };

  void add(waiter& w) noexcept;
  // Blocks until told, stopped or `limit` has passed. Then remove() it.
  void wait(waiter& w, duration limit) noexcept;
  void remove(waiter& w) noexcept;

  void tell(const job_status& ended) noexcept;
  // Ends all waits, also those that begin later; at first only those inside a handler, for which the
  // stop would wait in vain.
  void stop_inside_handlers() noexcept { stop(true); }
  void stop_all() noexcept { stop(false); }
  // Blocks until no waiter is on the list.
  void wait_until_empty() noexcept;

 private:
  struct bucket {
    std::mutex mutex;
    std::condition_variable emptied;
    waiter* first = nullptr;
    bool stopped = false;
    bool stopped_inside = false;
  };
  void stop(bool inside_only) noexcept;
  bucket& bucket_of(job_id id) noexcept { return buckets_[(id.value * 0x9e3779b97f4a7c15u) >> 58]; }

  std::array<bucket, 64> buckets_;
};

}  // namespace pawl
