// What stands where a frame should be, which may be anything. Its magic, epoch and CRC are made right, as else
// hardly anything would get behind those; what is sound is built again as the same bytes.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.hpp"
#include "base/crc32c.hpp"
#include "persistence/block_memory.hpp"
#include "persistence/frame.hpp"

namespace pawl {
namespace {

constexpr std::uint64_t epoch = 2;
constexpr std::size_t bytes_max = 64u << 10;
const frame_place place{.directory_id = {std::byte{1}}, .segment = 3, .offset = block_bytes};

void sign(std::span<std::byte> frame) {
  byte_writer(frame).u32(0x4d415246);
  byte_writer(frame.subspan(16)).u64(epoch);
  std::array<std::byte, 32> where{};
  byte_writer w(where);
  w.bytes(place.directory_id);
  w.u64(place.segment);
  w.u64(place.offset);
  byte_writer(frame.subspan(4)).u32(crc32c(byte_span(frame).subspan(8), crc32c(where)));
}

void read_and_build(byte_span bytes) {
  if (bytes.size() > bytes_max) return;
  static_cast<void>(frame_view::at(place, epoch, bytes));
  const std::size_t blocks =
      std::max<std::size_t>(1, (bytes.size() + block_bytes - 1) / block_bytes);
  std::vector<std::byte> frame(blocks * block_bytes);
  std::copy(bytes.begin(), bytes.end(), frame.begin());
  sign(frame);
  const auto f = frame_view::at(place, epoch, frame);
  if (!f) return;
  block_memory room(bytes_max);
  frame_builder builder(room.span());
  f->for_each_chunk([&](const chunk& c) { builder.add(c); });
  const auto again = builder.finish(f->head(), place);
  PAWL_CHECK(again.crc == f->crc() && again.bytes.size() == f->size());
  PAWL_CHECK(std::memcmp(again.bytes.data(), frame.data(), f->size()) == 0);
}

}  // namespace
}  // namespace pawl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pawl::read_and_build(std::as_bytes(std::span(data, size)));
  return 0;
}
