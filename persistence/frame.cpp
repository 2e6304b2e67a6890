#include "persistence/frame.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "base/crc32c.hpp"

namespace pawl {
namespace {

constexpr std::uint32_t frame_magic = 0x4d415246;
constexpr std::size_t crc_from = 8;  // what comes before is the magic and the CRC itself
constexpr std::uint16_t known_flags = closes_cut | seal | completes_base;

std::uint32_t crc_of(const frame_place& place, byte_span frame) noexcept {
  std::array<std::byte, 32> where{};
  byte_writer w(where);
  w.bytes(place.directory_id);
  w.u64(place.segment);
  w.u64(place.offset);
  return crc32c(frame.subspan(crc_from), crc32c(where));
}

constexpr std::size_t up_to_block(std::size_t bytes) noexcept {
  return (bytes + block_bytes - 1) / block_bytes * block_bytes;
}

bool goes_on(const chunk& before, const chunk& c) noexcept {
  return !before.bytes.empty() && c.ring == before.ring &&
         c.offset == before.offset + before.bytes.size();
}

bool flags_fit(std::uint16_t flags, std::uint16_t chunks) noexcept {
  if ((flags & ~known_flags) != 0) return false;
  if ((flags & (seal | completes_base)) != 0 && (flags & closes_cut) == 0) return false;
  return (flags & seal) == 0 || chunks == 0;
}

}  // namespace

std::optional<frame_view> frame_view::at(const frame_place& place, std::uint64_t epoch,
                                         byte_span bytes) noexcept {
  byte_reader r(bytes.first(std::min(bytes.size(), frame_head_bytes)));
  const bool is_frame = r.u32() == frame_magic;
  frame_view f;
  f.crc_ = r.u32();
  f.size_ = r.u32();
  const std::size_t used = r.u32();
  f.head_.epoch = r.u64();
  f.head_.number = r.u64();
  f.head_.lsn = r.u64();
  f.head_.previous_crc = r.u32();
  f.head_.flags = r.u16();
  const std::uint16_t chunks = r.u16();
  f.head_.durable_frame = r.u64();
  f.head_.wall_ns = r.u64();
  f.head_.boot_ns = r.u64();
  if (!r.ok() || !is_frame || f.head_.epoch != epoch || f.head_.number == 0) return std::nullopt;
  if (f.size_ > std::min(bytes.size(), frame_bytes_max) || used < frame_head_bytes ||
      f.size_ != up_to_block(used) || !flags_fit(f.head_.flags, chunks)) {
    return std::nullopt;
  }
  if (crc_of(place, bytes.first(f.size_)) != f.crc_) return std::nullopt;
  f.chunks_ = bytes.subspan(frame_head_bytes, used - frame_head_bytes);
  byte_reader body(f.chunks_);
  chunk before;
  for (unsigned i = 0; i < chunks; ++i) {
    const chunk c = read_chunk(body);
    if (c.bytes.empty() || goes_on(before, c)) return std::nullopt;
    before = c;
  }
  byte_reader rest(bytes.subspan(used, f.size_ - used));
  rest.zeros(f.size_ - used);
  if (!body.is_at_end() || !rest.ok()) return std::nullopt;
  return f;
}

chunk frame_view::read_chunk(byte_reader& r) noexcept {
  chunk c;
  c.ring = r.u32();
  const std::uint32_t bytes = r.u32();
  c.offset = r.u64();
  c.bytes = r.bytes(bytes);
  if (c.offset > std::numeric_limits<std::uint64_t>::max() - bytes) c.bytes = {};
  return c;
}

frame_builder::frame_builder(std::span<std::byte> room) noexcept : room_(room) {
  PAWL_CHECK(room.size() >= block_bytes && room.size() <= frame_bytes_max &&
             room.size() % block_bytes == 0);
}

std::size_t frame_builder::room_left() const noexcept {
  const std::size_t left = room_.size() - used_;
  if (chunks_ == std::numeric_limits<std::uint16_t>::max()) return 0;
  return left > chunk_head_bytes ? left - chunk_head_bytes : 0;
}

void frame_builder::add(const chunk& c) noexcept {
  PAWL_CHECK(!c.bytes.empty() && c.bytes.size() <= room_left());
  byte_writer w(room_.subspan(used_));
  if (goes_on(last_, c)) {
    w.bytes(c.bytes);
    last_.bytes =
        byte_span(room_).subspan(last_at_ + chunk_head_bytes, last_.bytes.size() + c.bytes.size());
    byte_writer(room_.subspan(last_at_ + 4)).u32(static_cast<std::uint32_t>(last_.bytes.size()));
  } else {
    last_at_ = used_;
    w.u32(c.ring);
    w.u32(static_cast<std::uint32_t>(c.bytes.size()));
    w.u64(c.offset);
    w.bytes(c.bytes);
    last_ = {c.ring, c.offset, byte_span(room_).subspan(used_ + chunk_head_bytes, c.bytes.size())};
    ++chunks_;
  }
  used_ += w.size();
}

std::size_t frame_builder::size() const noexcept {
  return up_to_block(used_);
}

frame_builder::finished frame_builder::finish(const frame_head& head,
                                              const frame_place& place) noexcept {
  PAWL_CHECK(flags_fit(head.flags, chunks_) && head.number != 0);
  const std::span<std::byte> frame = room_.first(size());
  std::memset(frame.data() + used_, 0, frame.size() - used_);  // nothing of an older frame goes out
  byte_writer w(frame);
  w.u32(frame_magic);
  w.u32(0);
  w.u32(static_cast<std::uint32_t>(frame.size()));
  w.u32(static_cast<std::uint32_t>(used_));
  w.u64(head.epoch);
  w.u64(head.number);
  w.u64(head.lsn);
  w.u32(head.previous_crc);
  w.u16(head.flags);
  w.u16(chunks_);
  w.u64(head.durable_frame);
  w.u64(head.wall_ns);
  w.u64(head.boot_ns);
  const std::uint32_t crc = crc_of(place, frame);
  byte_writer(frame.subspan(4)).u32(crc);
  return {frame, crc};
}

}  // namespace pawl
