#include "job/slab.hpp"

#include <algorithm>
#include <new>
#include <span>

namespace pawl {

slab::slab(std::uint32_t slots, std::uint32_t magazines) noexcept
    : slots_max_(slots),
      magazines_max_(slots / magazine_slots + 1 + magazines),
      slots_(std::size_t{slots} * sizeof(slot)),
      magazines_(std::size_t{magazines_max_} * sizeof(magazine)),
      depot_(std::span(reinterpret_cast<magazine*>(magazines_.data()), magazines_max_)) {}

bool slab::take_fresh(magazine& into) noexcept {
  const std::lock_guard lock(growing_);
  const std::uint32_t first = fresh_.load(relaxed);  // relaxed: only written under the lock
  const std::uint32_t count = std::min(magazine_slots, slots_max_ - first);
  if (count == 0 || !slots_.commit((std::size_t{first} + count) * sizeof(slot))) return false;
  magazine* const empty = take_magazine_locked();
  if (empty == nullptr) return false;
  depot_.put_empty(empty);
  // Zero-filled memory is a slab of free slots: version 0, state free, generation 0.
  for (std::uint32_t i = count; i > 0; --i) into.push(first + i - 1);
  fresh_.store(first + count, release);
  return true;
}

magazine* slab::take_magazine() noexcept {
  const std::lock_guard lock(growing_);
  return take_magazine_locked();
}

magazine* slab::take_magazine_locked() noexcept {
  if (fresh_magazines_ == magazines_max_) return nullptr;
  if (!magazines_.commit((std::size_t{fresh_magazines_} + 1) * sizeof(magazine))) return nullptr;
  auto* const first = reinterpret_cast<magazine*>(magazines_.data());
  return new (first + fresh_magazines_++) magazine;
}

}  // namespace pawl
