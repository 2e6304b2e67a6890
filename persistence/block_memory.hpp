// persistence/block_memory.hpp -- memory for reads and writes past the page cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "persistence/segment_header.hpp"

namespace pawl {

// Memory, not cleared, whose address is a multiple of block_bytes.
class block_memory {
 public:
  explicit block_memory(std::size_t bytes)
      : held_(std::make_unique_for_overwrite<std::byte[]>(bytes + block_bytes)), bytes_(bytes) {}
  [[nodiscard]] std::span<std::byte> span() noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(held_.get());
    const std::size_t shift = (block_bytes - address % block_bytes) % block_bytes;
    return {held_.get() + shift, bytes_};
  }

 private:
  std::unique_ptr<std::byte[]> held_;
  std::size_t bytes_;
};

}  // namespace pawl
