#include "job/payload_arena.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace pawl {

namespace {
constexpr std::size_t growth_bytes = 64u << 10;
}

payload_arena::size_class::size_class(std::size_t bytes, std::size_t reserve) noexcept
    : block_bytes(bytes), blocks(reserve), headers{blocks.data(), bytes}, free(headers) {}

payload_arena::payload_arena(std::uint64_t memory_bytes_max, memory_budget* budget) noexcept
    : memory_max_(memory_bytes_max), account_(budget, memory_pool::payloads) {
  for (unsigned c = 0; c < class_count; ++c) {
    const std::size_t block = smallest_bytes << c;
    // Any one class may take the whole budget, as far as its index reaches.
    const std::uint64_t reserve =
        std::min<std::uint64_t>(memory_bytes_max + block, std::uint64_t{index_mask} * block);
    classes_[c].reset(new (std::nothrow) size_class(block, reserve));
  }
}

bool payload_arena::is_ready() const noexcept {
  return std::all_of(classes_.begin(), classes_.end(),
                     [](const auto& c) { return c && c->blocks.data() != nullptr; });
}

std::uint32_t payload_arena::store(std::span<const std::byte> payload, need why) noexcept {
  const std::size_t wanted = std::max(payload.size() + header_bytes, smallest_bytes);
  auto number = static_cast<unsigned>(std::bit_width(wanted - 1) - 7);  // 128 is class 0
  std::uint32_t index = classes_[number]->free.pop();
  if (index == none_free) [[unlikely]] {
    index = take_fresh(*classes_[number], why);
    const unsigned largest = std::min(number + larger_classes, class_count - 1);
    while (index == none_free && number < largest) index = classes_[++number]->free.pop();
    if (index == none_free) return none;
  }
  const size_class& c = *classes_[number];
  // relaxed: the payload is published by the job's word
  c.headers(index).store(static_cast<std::uint32_t>(payload.size()), relaxed);
  std::memcpy(c.blocks.data() + index * c.block_bytes + header_bytes, payload.data(),
              payload.size());
  return 0x80000000u | (number << 27) | index;
}

void payload_arena::release(std::uint32_t reference) noexcept {
  classes_[(reference >> 27) & 0xf]->free.push(reference & index_mask);
}

std::span<const std::byte> payload_arena::bytes(std::uint32_t reference) const noexcept {
  const size_class& c = *classes_[(reference >> 27) & 0xf];
  const std::uint32_t index = reference & index_mask;
  return {c.blocks.data() + index * c.block_bytes + header_bytes, c.headers(index).load(relaxed)};
}

std::uint32_t payload_arena::take_fresh(size_class& c, need why) noexcept {
  const std::lock_guard lock(c.growing);
  const std::size_t needed = (std::size_t{c.fresh} + 1) * c.block_bytes;
  if (needed > c.counted_bytes) {
    const std::size_t more = std::max(growth_bytes, c.block_bytes);
    if (c.fresh >= index_mask - 1) return c.free.none;
    // The sum may overshoot the limit by what other classes take in this moment; it is then given
    // back, so the limit holds.
    if (memory_.fetch_add(more, relaxed) + more > memory_max_ ||
        !grow(c, c.counted_bytes + more, why)) {
      memory_.fetch_sub(more, relaxed);
      return c.free.none;
    }
    c.counted_bytes += more;
  }
  return c.fresh++;
}

// The budget knows what the class has from the system, which is more than what it has used.
bool payload_arena::grow(size_class& c, std::size_t bytes, need why) noexcept {
  const std::size_t more = c.blocks.growth_for(bytes);
  if (more != 0 && !account_.take(more, why)) return false;
  if (c.blocks.commit(bytes)) return true;
  if (more != 0) account_.give(more);
  return false;
}

}  // namespace pawl
