// The first block of a segment, which may be anything. Its CRC is made right, as else hardly anything would get
// behind that; what is accepted is written again as the same bytes.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/check.hpp"
#include "base/crc32c.hpp"
#include "persistence/segment_header.hpp"

namespace pawl {
namespace {

void decode_and_encode(byte_span bytes) {
  std::array<std::byte, block_bytes> block{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), block.size()), block.begin());
  static_cast<void>(decode_segment_header(block));
  byte_writer(std::span(block).last<4>()).u32(crc32c(std::span(block).first<block_bytes - 4>()));
  const auto header = decode_segment_header(block);
  if (!header) {
    PAWL_CHECK(!header.error().where.empty());
    return;
  }
  std::array<std::byte, block_bytes> again;
  encode(*header, again);
  PAWL_CHECK(std::memcmp(again.data(), block.data(), block.size()) == 0);
}

}  // namespace
}  // namespace pawl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pawl::decode_and_encode(std::as_bytes(std::span(data, size)));
  return 0;
}
