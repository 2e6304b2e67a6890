#include "persistence/segment_header.hpp"

#include <algorithm>

#include "base/crc32c.hpp"

namespace pawl {
namespace {

constexpr std::array<std::byte, 8> segment_magic{std::byte{0x89}, std::byte{0x50}, std::byte{0x41},
                                                 std::byte{0x57}, std::byte{0x4c}, std::byte{0x0d},
                                                 std::byte{0x0a}, std::byte{0x1a}};
constexpr std::size_t segment_crc_offset = block_bytes - 4;
constexpr std::size_t segment_fields_bytes = 160;

failure damaged(std::string_view where) noexcept {
  return {.code = errc::corrupt, .where = where};
}
failure unknown(std::string_view where) noexcept {
  return {.code = errc::version, .where = where};
}

}  // namespace

void encode(const segment_header& header, std::span<std::byte, block_bytes> block) noexcept {
  byte_writer w(block);
  w.bytes(segment_magic);
  w.u16(format_major);
  w.u16(header.minor);
  w.u32(header.segment_bytes);
  w.u64(header.needed_features);
  w.u64(header.other_features);
  w.bytes(header.directory_id);
  w.u64(header.number);
  w.u64(header.epoch);
  w.u64(header.base.frame);
  w.u32(header.base.crc);
  w.zeros(4);
  w.u64(header.base.lsn);
  w.u64(header.base.dropped_bytes);
  w.u64(header.made.wall_ns);
  w.u64(header.made.boot_ns);
  w.bytes(header.made.boot_id);
  w.bytes(header.writer);
  PAWL_CHECK(w.size() == segment_fields_bytes);
  w.zeros(segment_crc_offset - segment_fields_bytes);
  w.u32(crc32c(block.first<segment_crc_offset>()));
}

result<segment_header> decode_segment_header(
    std::span<const std::byte, block_bytes> block) noexcept {
  byte_reader r(block);
  if (r.array<8>() != segment_magic) return damaged("segment header: this is not a segment");
  // The major is looked at before the CRC: another format may have it elsewhere.
  if (r.u16() != format_major) return unknown("segment header: of another version");
  segment_header h;
  h.minor = r.u16();
  h.segment_bytes = r.u32();
  h.needed_features = r.u64();
  h.other_features = r.u64();
  h.directory_id = r.array<16>();
  h.number = r.u64();
  h.epoch = r.u64();
  h.base.frame = r.u64();
  h.base.crc = r.u32();
  r.zeros(4);
  h.base.lsn = r.u64();
  h.base.dropped_bytes = r.u64();
  h.made.wall_ns = r.u64();
  h.made.boot_ns = r.u64();
  h.made.boot_id = r.array<16>();
  h.writer = r.array<32>();
  r.zeros(segment_crc_offset - segment_fields_bytes);
  const bool are_zero = r.ok();
  const bool crc_fits =
      byte_reader(block.last<4>()).u32() == crc32c(block.first<segment_crc_offset>());
  if (!crc_fits) return damaged("segment header: its CRC is wrong");
  if ((h.needed_features & ~known_features) != 0) return unknown("segment header: needs a feature");
  const bool base_fits = h.epoch != 1 || h.base == epoch_base{};
  if (!are_zero || !is_segment_length(h.segment_bytes) || h.number == 0 || h.epoch == 0 ||
      !base_fits) {
    return damaged("segment header: a field is wrong");
  }
  return h;
}

}  // namespace pawl
