#include "base/crc32c.hpp"

#include <isa-l/crc.h>

#include <algorithm>
#include <limits>

namespace pawl {

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
  // ISA-L takes lengths as int, reads only, and leaves the complements to its caller.
  constexpr std::size_t once = std::size_t{1} << 30;
  static_assert(once <= std::numeric_limits<int>::max());
  std::uint32_t crc = ~before;
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), once);
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    crc = crc32_iscsi(data, static_cast<int>(n), crc);
    bytes = bytes.subspan(n);
  }
  return ~crc;
}

}  // namespace pawl
