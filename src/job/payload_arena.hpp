// job/payload_arena.hpp -- payloads that do not fit into a slot.
//
// Size classes are powers of two from 128 bytes; a block starts with 8 bytes of header. Each class
// is an array of blocks with a lock-free free list; blocks go back to their class and never to the
// system. When its own class has no block and no memory, a payload takes a free one up to eight times as
// large.
//
// Roles       store, release: any thread.  bytes: whoever holds the reference.
// Progress    lock-free, except when a class grows (a lock, 64 KB or one block at a time).
//
// A reference is what slot::payload holds: at most 64 means "inline, of that length"; else
//   bit 31 set    30..27 size class    26..0 index of the block
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <type_traits>

#include "base/atomic.hpp"
#include "base/region.hpp"
#include "base/tagged_stack.hpp"
#include "job/memory_budget.hpp"

namespace pawl {

class payload_arena {
 public:
  static constexpr std::size_t payload_bytes_max = 1u << 20;
  static constexpr std::uint32_t none = 0;  // never a reference to a block

  // Takes at most about `memory_bytes_max` from the system. Check is_ready() afterwards.
  explicit payload_arena(std::uint64_t memory_bytes_max, memory_budget* budget = nullptr) noexcept;
  [[nodiscard]] bool is_ready() const noexcept;

  // Copies `payload`, of at most payload_bytes_max. none: no memory, of those who may have some.
  std::uint32_t store(std::span<const std::byte> payload, need why = need::wanted) noexcept;
  void release(std::uint32_t reference) noexcept;
  [[nodiscard]] std::span<const std::byte> bytes(std::uint32_t reference) const noexcept;

  // The same for a value of a trivially copyable type.
  template <class T>
  std::uint32_t store_value(const T& value, need why = need::wanted) noexcept {
    return store(std::as_bytes(std::span<const T, 1>(&value, 1)), why);
  }
  template <class T>
  [[nodiscard]] T& value(std::uint32_t reference) const noexcept {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= header_bytes);
    return *reinterpret_cast<T*>(const_cast<std::byte*>(bytes(reference).data()));
  }
  static constexpr bool is_reference(std::uint32_t payload) noexcept {
    return (payload & 0x80000000u) != 0;
  }

  [[nodiscard]] std::uint64_t memory_bytes() const noexcept { return memory_.load(relaxed); }

 private:
  static constexpr unsigned larger_classes = 3;  // a payload may go so far beyond its own
  static constexpr std::size_t smallest_bytes = 128;
  static constexpr unsigned class_count = 15;  // 128 bytes to 2 MB: 1 MiB and its header
  static constexpr std::size_t header_bytes = 8;
  static constexpr std::uint32_t index_mask = (1u << 27) - 1;

  // A free block's header is its link in the free list, a used one's the length of the payload.
  struct links {
    std::byte* first;
    std::size_t block_bytes;
    atomic<std::uint32_t>& operator()(std::uint32_t index) const noexcept {
      return *reinterpret_cast<atomic<std::uint32_t>*>(first + index * block_bytes);
    }
  };

  struct size_class {
    explicit size_class(std::size_t bytes, std::size_t reserve) noexcept;
    const std::size_t block_bytes;
    region blocks;
    const links headers;
    tagged_stack<links> free;
    std::mutex growing;
    std::uint32_t fresh = 0;        // blocks taken so far; under the lock
    std::size_t counted_bytes = 0;  // of them, those that memory_ knows; under the lock
  };

  static constexpr std::uint32_t none_free = tagged_stack<links>::none;

  std::uint32_t take_fresh(size_class& c, need why) noexcept;
  bool grow(size_class& c, std::size_t bytes, need why) noexcept;

  const std::uint64_t memory_max_;
  const memory_account account_;
  atomic<std::uint64_t> memory_{0};
  std::array<std::unique_ptr<size_class>, class_count> classes_;
};

}  // namespace pawl
