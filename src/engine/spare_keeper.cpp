#include "engine/spare_keeper.hpp"

#include "base/thread.hpp"
#include "persistence/segment_name.hpp"

namespace pawl {

spare_keeper::~spare_keeper() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    changed_.notify_all();
  }
  if (thread_) thread_->join();
}

void spare_keeper::want(std::uint64_t number) noexcept {
  const std::lock_guard lock(mutex_);
  if (wanted_ == number || ready_.has(number)) return;
  if (!thread_) thread_ = start_thread("pawl-s", 0, [this] { run(); });
  if (!thread_) return;  // the system has no more of them: who needs the file makes it
  wanted_ = number;
  changed_.notify_all();
}

bool spare_keeper::take(std::uint64_t number) noexcept {
  std::unique_lock lock(mutex_);
  if (ready_.take(number)) return true;
  if (wanted_ != number) return false;
  changed_.wait(lock, [&] { return done_ == number; });
  if (made_ != number) return false;
  made_ = 0;
  return true;
}

void spare_keeper::run() noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_over_ || wanted_ != done_; });
    if (is_over_) return;
    const std::uint64_t number = wanted_;
    lock.unlock();
    const bool is_made = device_.create(file_name(spare_prefix, number), bytes_).has_value();
    lock.lock();
    done_ = number;
    if (is_made) made_ = number;
    changed_.notify_all();
  }
}

}  // namespace pawl
