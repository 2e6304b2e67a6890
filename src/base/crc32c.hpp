// base/crc32c.hpp -- the checksum of what is written to disk: CRC-32C (Castagnoli), as iSCSI has it (RFC
// 3720, B.4). It finds every error of up to 32 bits in a row, and any other but one in 2^32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pawl {

// The CRC of `bytes`; or, with `before`, of bytes whose CRC that is and these behind them.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept;

}  // namespace pawl
