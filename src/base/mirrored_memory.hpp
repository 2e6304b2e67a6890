// base/mirrored_memory.hpp -- memory that is mapped twice, one behind the other, so that what goes round its end
// lies in one piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace pawl {

class mirrored_memory {
 public:
  // Zero-filled; `bytes` is a power of two and a multiple of a page. A child of fork() has none of it.
  // Nothing: there is no memory, or no descriptor, and errno says which.
  static std::optional<mirrored_memory> make(std::size_t bytes) noexcept;
  mirrored_memory(mirrored_memory&& other) noexcept;
  mirrored_memory& operator=(mirrored_memory&& other) noexcept;
  ~mirrored_memory();

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // `bytes`, at most size(), from `position`, taken modulo size().
  [[nodiscard]] std::span<std::byte> span(std::uint64_t position,
                                          std::size_t bytes) const noexcept {
    return {first_ + (position & (size_ - 1)), bytes};
  }

 private:
  mirrored_memory(std::byte* first, std::size_t size) noexcept : first_(first), size_(size) {}

  std::byte* first_;
  std::size_t size_;
};

}  // namespace pawl
