// base/region.hpp -- address space reserved once, memory taken from its front as it is needed.
//
// So an array can grow without ever moving, and an index into it is an address for ever.
#pragma once

#include <cstddef>

namespace pawl {

class region {
 public:
  static constexpr std::size_t step_bytes = 2u << 20;  // a huge page on x86-64 and mostly on arm64

  region() noexcept = default;
  // Reserves; takes no memory. Null data(): the address space is not to be had.
  explicit region(std::size_t bytes) noexcept;
  region(region&& other) noexcept;
  region& operator=(region&& other) noexcept;
  ~region();

  // Makes the first `bytes` usable, zero-filled where they were not yet. Rounded up to step_bytes,
  // so that huge pages can serve. False: no memory. Not for two threads at a time.
  bool commit(std::size_t bytes) noexcept;
  // How many bytes more that takes.
  [[nodiscard]] std::size_t growth_for(std::size_t bytes) const noexcept {
    const std::size_t wanted = (bytes + step_bytes - 1) / step_bytes * step_bytes;
    return wanted > committed_ ? wanted - committed_ : 0;
  }

  // Gives the memory of [from, from + bytes) back to the system. The range stays usable and is
  // zero-filled when it is touched again. Both are multiples of step_bytes; the range is committed.
  void discard(std::size_t from, std::size_t bytes) noexcept;

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t committed_bytes() const noexcept { return committed_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t reserved_ = 0;
  std::size_t committed_ = 0;
};

}  // namespace pawl
