// time/chunk_pool.hpp -- memory for lists of timers, in chunks of 1 KB, given back when it is free.
//
// Memory   address space for everything is reserved by the constructor. Chunks lie in segments of
//          2 MB. A chunk is taken from the lowest segment that has one, so what lives long gathers at
//          the front; a segment that becomes empty goes back to the system, but for one that is kept
//          so that a pool that breathes does not fault its pages in again and again; not even that one
//          when memory is low. The budget is told of each segment and never refuses one: what comes here
//          belongs to jobs that were accepted.
// Threads  one owner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/region.hpp"
#include "job/memory_budget.hpp"

namespace pawl {

// What a timing wheel keeps of a timer. The wheel reads due_ns; the rest is its owner's.
struct timer_entry {
  std::uint64_t due_ns;  // on the boot clock
  std::uint32_t slot;
  std::uint32_t version;
};

struct timer_chunk {
  static constexpr std::uint32_t capacity = 63;
  static constexpr std::uint32_t none = UINT32_MAX;  // no index of a chunk

  std::uint32_t next;  // in a pile, or among the free chunks of a segment
  std::uint32_t unused[3];
  std::array<timer_entry, capacity> entries;
};
static_assert(sizeof(timer_entry) == 16 && sizeof(timer_chunk) == 1024);

class chunk_pool {
 public:
  // Check is_ready() afterwards.
  explicit chunk_pool(std::size_t chunks_max, memory_account account = {}) noexcept;

  // False: the address space was not to be had.
  [[nodiscard]] bool is_ready() const noexcept {
    return memory_.data() != nullptr && segments_ != nullptr && with_room_ != nullptr;
  }

  timer_chunk& operator[](std::uint32_t index) const noexcept {
    return reinterpret_cast<timer_chunk*>(memory_.data())[index];
  }

  // After this take() works while fewer than `chunks` are in use. False: no memory, or more than
  // chunks_max; nothing has changed.
  [[nodiscard]] bool reserve(std::size_t chunks) noexcept {
    return memory_.commit(chunks * sizeof(timer_chunk));
  }

  std::uint32_t take() noexcept;
  void give(std::uint32_t index) noexcept;

  [[nodiscard]] std::size_t used() const noexcept { return used_; }
  // What the system has given us and not got back, in whole segments.
  [[nodiscard]] std::size_t held_bytes() const noexcept { return held_ * region::step_bytes; }

 private:
  static constexpr std::uint32_t segment_chunks = region::step_bytes / sizeof(timer_chunk);

  struct segment {
    std::uint32_t free = timer_chunk::none;  // first of a list
    std::uint16_t fresh = 0;                 // chunks from here on were never taken
    std::uint16_t used = 0;
  };

  void empty_segment(std::uint32_t index) noexcept;
  void return_segment(std::uint32_t index) noexcept;

  std::size_t segments_max_;
  memory_account account_;
  region memory_;
  std::unique_ptr<segment[]> segments_;
  std::unique_ptr<std::uint64_t[]> with_room_;  // a bit a segment: not all of it is used
  std::size_t used_ = 0;                        // chunks
  std::size_t held_ = 0;                        // segments
  std::uint32_t spare_ = timer_chunk::none;     // the empty segment that is held
};

}  // namespace pawl
