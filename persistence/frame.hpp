// persistence/frame.hpp -- one write of the log: a head, and chunks of what rings hold. FORMAT.md, section 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "persistence/segment_header.hpp"

namespace pawl {

inline constexpr std::size_t frame_bytes_max = 1u << 20;
inline constexpr std::size_t frame_head_bytes = 72;
inline constexpr std::size_t chunk_head_bytes = 16;

enum frame_flag : std::uint16_t {
  closes_cut = 1u << 0,
  seal = 1u << 1,
  completes_base = 1u << 2,
};

// Where a frame lies; part of its CRC.
struct frame_place {
  id_bytes directory_id{};
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
};

struct frame_head {
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
  std::uint64_t lsn = 0;
  std::uint32_t previous_crc = 0;
  std::uint16_t flags = 0;
  std::uint64_t durable_frame = 0;
  std::uint64_t wall_ns = 0;
  std::uint64_t boot_ns = 0;
  friend bool operator==(const frame_head&, const frame_head&) noexcept = default;
};

// Bytes of a ring; `offset` numbers the first.
struct chunk {
  std::uint32_t ring = 0;
  std::uint64_t offset = 0;
  byte_span bytes;
};

// A frame that is sound: its bytes are what was written there, whatever place it has among the others.
class frame_view {
 public:
  // Looks at the beginning of `bytes`, which may go on behind the frame. `epoch` must be the frame's.
  static std::optional<frame_view> at(const frame_place& place, std::uint64_t epoch,
                                      byte_span bytes) noexcept;

  [[nodiscard]] const frame_head& head() const noexcept { return head_; }
  [[nodiscard]] std::uint32_t crc() const noexcept { return crc_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool has(frame_flag f) const noexcept { return (head_.flags & f) != 0; }

  // Calls f(chunk), in their order.
  template <class F>
  void for_each_chunk(F f) const {
    byte_reader r(chunks_);
    while (r.left() != 0) f(read_chunk(r));
  }

 private:
  frame_view() = default;
  static chunk read_chunk(byte_reader& r) noexcept;

  frame_head head_;
  std::uint32_t crc_ = 0;
  std::size_t size_ = 0;
  byte_span chunks_;
};

// Puts a frame together in `room`, which must be a multiple of block_bytes, up to frame_bytes_max.
class frame_builder {
 public:
  explicit frame_builder(std::span<std::byte> room) noexcept;

  [[nodiscard]] bool is_empty() const noexcept { return chunks_ == 0; }
  // Bytes that may be added at once; 0: it is full.
  [[nodiscard]] std::size_t room_left() const noexcept;
  // The bytes, at least one, must fit. Those that go on where the last chunk ends become part of it.
  void add(const chunk& c) noexcept;
  // The frame's length if it were finished now.
  [[nodiscard]] std::size_t size() const noexcept;
  // The finished frame, which lies in the room, and its CRC.
  struct finished {
    byte_span bytes;
    std::uint32_t crc;
  };
  finished finish(const frame_head& head, const frame_place& place) noexcept;

 private:
  std::span<std::byte> room_;
  std::size_t used_ = frame_head_bytes;
  std::uint16_t chunks_ = 0;
  std::size_t last_at_ = 0;  // of the last chunk's head
  chunk last_;
};

}  // namespace pawl
