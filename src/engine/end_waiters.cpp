#include "engine/end_waiters.hpp"

#include <algorithm>
#include <chrono>

namespace pawl {

void end_waiters::add(waiter& w) noexcept {
  bucket& b = bucket_of(w.id);
  const std::lock_guard lock(b.mutex);
  w.next = b.first;
  b.first = &w;
  w.stopped = b.stopped || (w.inside_handler && b.stopped_inside);
}

void end_waiters::wait(waiter& w, duration limit) noexcept {
  bucket& b = bucket_of(w.id);
  std::unique_lock lock(b.mutex);
  // A limit that would overflow the clock is no limit: cut it to a century.
  const duration longest = std::chrono::hours(24 * 365 * 100);
  w.signal.wait_for(lock, std::clamp(limit, duration(0), longest),
                    [&w] { return w.told || w.stopped; });
}

void end_waiters::remove(waiter& w) noexcept {
  bucket& b = bucket_of(w.id);
  const std::lock_guard lock(b.mutex);
  for (waiter** link = &b.first; *link != nullptr; link = &(*link)->next) {
    if (*link == &w) {
      *link = w.next;
      break;
    }
  }
  if (b.first == nullptr) b.emptied.notify_all();
}

void end_waiters::tell(const job_status& ended) noexcept {
  bucket& b = bucket_of(ended.id);
  const std::lock_guard lock(b.mutex);
  for (waiter* w = b.first; w != nullptr; w = w->next) {
    if (w->id != ended.id) continue;
    w->status = ended;
    w->told = true;
    w->signal.notify_one();
  }
}

void end_waiters::stop(bool inside_only) noexcept {
  for (bucket& b : buckets_) {
    const std::lock_guard lock(b.mutex);
    b.stopped_inside = true;
    b.stopped = b.stopped || !inside_only;
    for (waiter* w = b.first; w != nullptr; w = w->next) {
      if (inside_only && !w->inside_handler) continue;
      w->stopped = true;
      w->signal.notify_one();
    }
  }
}

void end_waiters::wait_until_empty() noexcept {
  for (bucket& b : buckets_) {
    std::unique_lock lock(b.mutex);
    b.emptied.wait(lock, [&b] { return b.first == nullptr; });
  }
}

}  // namespace pawl
