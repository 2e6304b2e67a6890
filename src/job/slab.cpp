#include "job/slab.hpp"

#include <algorithm>
#include <new>
#include <span>

namespace pawl {

slab::slab(std::uint32_t slots, std::uint32_t magazines, memory_budget* budget) noexcept
    : slots_max_(slots),
      magazines_max_(slots / magazine_slots + 1 + magazines),
      slots_(std::size_t{slots} * sizeof(slot)),
      magazines_(std::size_t{magazines_max_} * sizeof(magazine)),
      depot_(std::span(reinterpret_cast<magazine*>(magazines_.data()), magazines_max_)),
      slot_account_(budget, memory_pool::slots),
      row_account_(budget, memory_pool::side_tables) {}

bool slab::take_fresh(magazine& into) noexcept {
  const std::lock_guard lock(growing_);
  const std::uint32_t first = fresh_.load(relaxed);  // relaxed: only written under the lock
  const std::uint32_t count = std::min(magazine_slots, slots_max_ - first);
  if (count == 0 || !grow_slots((std::size_t{first} + count) * sizeof(slot))) return false;
  magazine* const empty = take_magazine_locked();
  if (empty == nullptr) return false;
  depot_.put_empty(empty);
  // Zero-filled memory is a slab of free slots: version 0, state free, generation 0.
  for (std::uint32_t i = count; i > 0; --i) {
    if (given_ != 0) (*this)[first + i - 1].generation = given_;
    into.push(first + i - 1);
  }
  fresh_.store(first + count, release);
  return true;
}

// A magazine for all of these slots, and those that are not in use among them.
bool slab::begin_restore(std::uint32_t count, std::uint64_t given) noexcept {
  const std::lock_guard lock(growing_);
  given_ = given;
  if (!grow_slots(std::size_t{count} * sizeof(slot))) return false;
  for (std::uint32_t slots = 0; slots < count; slots += magazine_slots) {
    magazine* const empty = take_magazine_locked();
    if (empty == nullptr) return false;
    depot_.put_empty(empty);
  }
  fresh_.store(count, release);
  return true;
}

std::uint64_t slab::largest_generation() const noexcept {
  std::uint64_t largest = given_;
  for (std::uint32_t i = 0; holds(i); ++i) {
    largest = std::max<std::uint64_t>(largest, (*this)[i].generation);
  }
  return largest;
}

bool slab::grow_slots(std::size_t bytes) noexcept {
  const std::size_t more = slots_.growth_for(bytes);
  if (more == 0) return true;
  const std::size_t slots = more / sizeof(slot);
  if (!slot_account_.take(more, need::wanted, slots * promised_bytes)) return false;
  if (!row_account_.take(slots * row_bytes_, need::wanted)) {
    slot_account_.give(more, slots * promised_bytes);
    return false;
  }
  if (slots_.commit(bytes)) return true;
  row_account_.give(slots * row_bytes_);
  slot_account_.give(more, slots * promised_bytes);
  return false;
}

bool slab::add_rows(row which, std::size_t bytes) noexcept {
  const std::lock_guard lock(growing_);
  const auto bit = static_cast<std::uint8_t>(which);
  if ((rows_ & bit) != 0) return true;
  if (!row_account_.take(slots_.committed_bytes() / sizeof(slot) * bytes, need::wanted))
    return false;
  rows_ = static_cast<std::uint8_t>(rows_ | bit);
  row_bytes_ += bytes;
  return true;
}

magazine* slab::take_magazine() noexcept {
  const std::lock_guard lock(growing_);
  return take_magazine_locked();
}

magazine* slab::take_magazine_locked() noexcept {
  if (fresh_magazines_ == magazines_max_) return nullptr;
  // Of a thread, or of slots that are there: so it is not refused.
  const std::size_t bytes = (std::size_t{fresh_magazines_} + 1) * sizeof(magazine);
  const std::size_t more = magazines_.growth_for(bytes);
  if (more != 0) slot_account_.take(more, need::accepted);
  if (!magazines_.commit(bytes)) {
    slot_account_.give(more);
    return nullptr;
  }
  auto* const first = reinterpret_cast<magazine*>(magazines_.data());
  return new (first + fresh_magazines_++) magazine;
}

}  // namespace pawl
