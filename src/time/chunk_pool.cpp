#include "time/chunk_pool.hpp"

#include <algorithm>
#include <bit>
#include <new>

#include "base/check.hpp"

namespace pawl {

chunk_pool::chunk_pool(std::size_t chunks_max, memory_account account) noexcept
    : segments_max_((chunks_max + segment_chunks - 1) / segment_chunks),
      account_(account),
      memory_(segments_max_ * region::step_bytes) {
  if (memory_.data() == nullptr) return;
  const std::size_t words = segments_max_ / 64 + 1;
  segments_.reset(new (std::nothrow) segment[segments_max_]);
  with_room_.reset(new (std::nothrow) std::uint64_t[words]);
  if (with_room_ != nullptr) std::fill_n(with_room_.get(), words, UINT64_MAX);
}

std::uint32_t chunk_pool::take() noexcept {
  PAWL_CHECK(used_ * sizeof(timer_chunk) < memory_.committed_bytes());  // else not reserved
  // As fewer are used than lie in what is committed, the lowest segment with room is committed.
  std::uint32_t word = 0;
  while (with_room_[word] == 0) ++word;
  const auto index = word * 64 + static_cast<std::uint32_t>(std::countr_zero(with_room_[word]));
  segment& from = segments_[index];
  std::uint32_t taken = from.free;
  if (taken != timer_chunk::none) {
    from.free = (*this)[taken].next;
  } else {
    taken = index * segment_chunks + from.fresh++;
  }
  if (from.used++ == 0) {
    if (index == spare_) {
      spare_ = timer_chunk::none;
    } else {
      account_.take(region::step_bytes, need::accepted);
      ++held_;
    }
  }
  if (from.used == segment_chunks) with_room_[word] &= with_room_[word] - 1;
  ++used_;
  return taken;
}

void chunk_pool::give(std::uint32_t index) noexcept {
  const std::uint32_t home = index / segment_chunks;
  segment& to = segments_[home];
  with_room_[home / 64] |= std::uint64_t{1} << (home % 64);
  (*this)[index].next = to.free;
  to.free = index;
  --used_;
  if (--to.used == 0) empty_segment(home);
}

void chunk_pool::empty_segment(std::uint32_t index) noexcept {
  segments_[index] = {};
  if (account_.is_low()) return return_segment(index);
  if (spare_ == timer_chunk::none) {
    spare_ = index;
    return;
  }
  const std::uint32_t gone = std::max(spare_, index);
  spare_ = std::min(spare_, index);
  return_segment(gone);
}

void chunk_pool::return_segment(std::uint32_t index) noexcept {
  memory_.discard(index * region::step_bytes, region::step_bytes);
  account_.give(region::step_bytes);
  --held_;
}

}  // namespace pawl
