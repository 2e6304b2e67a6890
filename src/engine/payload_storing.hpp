// engine/payload_storing.hpp -- where the payload of a job goes: into its slot, or into a block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "job/payload_arena.hpp"
#include "job/slot.hpp"

namespace pawl {

// Words of 16 bytes, the last one overlapping: a call of memcpy costs more than these.
inline void copy_inline(std::byte* to, std::span<const std::byte> from) noexcept {
  const std::size_t size = from.size();
  if (size < 16) {
    for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
    return;
  }
  for (std::size_t at = 0; at + 16 <= size; at += 16) std::memcpy(to + at, from.data() + at, 16);
  std::memcpy(to + size - 16, from.data() + size - 16, 16);
}

// 64 bytes or less go into the slot, more into the arena. False: no memory.
inline bool store_payload(payload_arena& blocks, slot& job,
                          std::span<const std::byte> payload) noexcept {
  if (payload.size() <= inline_payload_bytes) {
    copy_inline(job.body, payload);
    job.payload = static_cast<std::uint32_t>(payload.size());
    return true;
  }
  const std::uint32_t reference = blocks.store(payload);
  if (reference == payload_arena::none) return false;
  job.payload = reference;
  return true;
}

}  // namespace pawl
