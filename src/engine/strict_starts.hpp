// engine/strict_starts.hpp -- jobs that are ready and may not start before what was said of them is durable
// (queue_options::strict_start). Their places wait here, by the LSN that they wait for, and go on from here to
// the front of their band.
//
// Roles       hold: who would push a place.   release: the log's thread, each time more is durable.
// Waiting     Under a lock, of a push or of a release at a time; who pushes for other queues never comes here.
//
// Invariant   I1  No place waits for an LSN that a release has told: hold() looks at what was told last under the
//                 lock in which release() takes what waits, so a place is taken by the release that it
//                 waits for, or hold() gives it back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "base/atomic.hpp"

namespace pawl {

class strict_starts {
 public:
  struct start {
    std::uint64_t place = 0;
    unsigned queue = 0;
    unsigned band = 0;
  };

  // Whether there ever was a queue with a log that asks for it. relaxed: who pushes a job of one knows of its queue, and
  // the log's thread has read a record that was published after it; until then nothing waits for what it tells.
  [[nodiscard]] bool is_used() const noexcept { return is_used_.load(relaxed); }
  void use() noexcept { is_used_.store(true, relaxed); }

  // False: that LSN is durable by now, and the start is not held.
  bool hold(std::uint64_t lsn, const start& s) {
    const std::lock_guard lock(mutex_);
    if (lsn <= durable_lsn_) return false;
    waiting_[lsn].push_back(s);
    ++count_;
    return true;
  }

  // Takes those that wait for an LSN up to that one: in the order of LSNs, and of coming among equals.
  std::vector<start> release(std::uint64_t durable_lsn) {
    std::vector<start> free;
    const std::lock_guard lock(mutex_);
    durable_lsn_ = durable_lsn;
    const auto end = waiting_.upper_bound(durable_lsn);
    for (auto at = waiting_.begin(); at != end; at = waiting_.erase(at)) {
      if (free.empty()) {
        free.swap(at->second);
      } else {
        free.insert(free.end(), at->second.begin(), at->second.end());
      }
    }
    count_ -= free.size();
    return free;
  }

  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  atomic<bool> is_used_{false};
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::vector<start>> waiting_;  // by what they wait for
  std::size_t count_ = 0;
  std::uint64_t durable_lsn_ = 0;  // that was told last
};

}  // namespace pawl
