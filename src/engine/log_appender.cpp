#include "engine/log_appender.hpp"

#include <algorithm>
#include <bit>
#include <chrono>

#include "base/check.hpp"
#include "engine/wal.hpp"

namespace pawl {

bool log_appender::find_room(std::size_t bytes) noexcept {
  PAWL_CHECK(bytes <= publish_bytes_max);
  // From here on nobody reads the ring, so that its bytes may be written over.
  if (wal_.is_over()) drops_ = true;
  if (drops_ && bytes + publish_head_bytes <= size_) return true;
  return grow(bytes);
}

bool log_appender::grow(std::size_t bytes) noexcept {
  if (size_ == ring_bytes_max) return false;
  const std::size_t size =
      std::max({std::bit_ceil(bytes + publish_head_bytes), 2 * size_, std::size_t{ring_bytes_min}});
  thread_ring* const ring = wal_.add_ring(size);
  if (ring == nullptr) return false;
  ring_ = ring;
  size_ = size;
  return ring_->has_room(bytes);
}

void log_appender::wait_for_room(std::size_t bytes) noexcept {
  // Now and then it looks by itself: memory that was not to be had may have come, of which nobody tells.
  while (!wal_.wait_until(std::chrono::seconds(1), [&] { return has_room(bytes); })) {
  }
}

std::uint64_t log_appender::publish(std::size_t bytes, durability level) noexcept {
  if (drops_) return wal_.now_lsn();
  ring_->publish(bytes, wal_.cut_);
  const std::uint64_t lsn = wal_.cut_.now();  // before the want: wal_sleep.hpp, I2
  if (level == durability::durable) {
    wal_.sleep_.published_durable();
  } else {
    wal_.sleep_.published();
  }
  return lsn;
}

}  // namespace pawl
