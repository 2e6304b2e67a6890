// persistence/segment_header.hpp -- the first block of a segment: whose it is and where it belongs.
// FORMAT.md, section 2, says what each field means.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "pawl/error.hpp"

namespace pawl {

inline constexpr std::size_t block_bytes =
    4'096;  // what a header takes; frames are multiples of it
inline constexpr std::uint32_t segment_bytes_min = 65'536;
inline constexpr std::uint32_t segment_bytes_max = 1u << 30;
inline constexpr std::uint16_t format_major = 1;
inline constexpr std::uint16_t format_minor = 0;
inline constexpr std::uint64_t known_features = 0;

using id_bytes = std::array<std::byte, 16>;

// What one opening of a directory begins with: where the epochs before it ended.
struct epoch_base {
  std::uint64_t frame = 0;
  std::uint32_t crc = 0;
  std::uint64_t lsn = 0;
  std::uint64_t dropped_bytes = 0;
  friend bool operator==(const epoch_base&, const epoch_base&) noexcept = default;
};

// Of one run of the machine.
struct boot_moment {
  std::uint64_t wall_ns = 0;
  std::uint64_t boot_ns = 0;
  id_bytes boot_id{};
  friend bool operator==(const boot_moment&, const boot_moment&) noexcept = default;
};

struct segment_header {
  std::uint16_t minor = format_minor;
  std::uint32_t segment_bytes = 0;
  std::uint64_t needed_features = 0;
  std::uint64_t other_features = 0;
  id_bytes directory_id{};
  std::uint64_t number = 0;
  std::uint64_t epoch = 0;
  epoch_base base{};
  boot_moment made{};
  std::array<std::byte, 32> writer{};
  friend bool operator==(const segment_header&, const segment_header&) noexcept = default;
};

constexpr bool is_segment_length(std::uint64_t bytes) noexcept {
  return bytes >= segment_bytes_min && bytes <= segment_bytes_max && bytes % block_bytes == 0;
}

void encode(const segment_header& header, std::span<std::byte, block_bytes> block) noexcept;

// Errors:
//   corrupt  the magic, the CRC, or a field is wrong
//   version  it is of another format_major, or needs a feature that this release does not know
result<segment_header> decode_segment_header(
    std::span<const std::byte, block_bytes> block) noexcept;

}  // namespace pawl
