// persistence/ring_memory.hpp -- the memory of a log_ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "base/mirrored_memory.hpp"
#include "persistence/log_ring.hpp"

namespace pawl {

class ring_memory {
 public:
  explicit ring_memory(mirrored_memory memory) noexcept : memory_(std::move(memory)) {}

  [[nodiscard]] std::uint64_t size() const noexcept { return memory_.size(); }
  [[nodiscard]] std::span<std::byte> span(std::uint64_t at, std::size_t bytes) const noexcept {
    return memory_.span(at, bytes);
  }
  void put(std::uint64_t at, publish_head head) const noexcept {
    std::memcpy(memory_.span(at, sizeof head).data(), &head, sizeof head);
  }
  [[nodiscard]] publish_head get(std::uint64_t at) const noexcept {
    publish_head head;
    std::memcpy(&head, memory_.span(at, sizeof head).data(), sizeof head);
    return head;
  }

 private:
  mirrored_memory memory_;
};

using thread_ring = log_ring<ring_memory>;

}  // namespace pawl
