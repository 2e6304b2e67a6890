// job_payload.hpp -- the payload of a job. A store keeps it, so its form stays as it is:
//
//   u64 sequence and marks, i64 due_ns, [i64 timeout_ns], [u64 line_hash], the bytes of its text
//
// Little-endian; the upper three bits of the first number say which parts there are, and is_words.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "settings.hpp"

namespace pawl_tool {

inline constexpr std::uint64_t sequence_mask = ~std::uint64_t{0} >> 3;
inline constexpr std::size_t payload_head_bytes = 16;
// A line of --jsonl that is as long as can be is longer than its text with a timeout and a hash.
static_assert(payload_head_bytes + line_bytes_max == std::size_t{1} << 20);

struct payload {
  std::uint64_t sequence = 0;           // of the line in the input, from 0
  std::int64_t due_ns = 0;              // steady clock: when it was submitted, and --after
  bool is_words = false;                // see job_input
  std::chrono::nanoseconds timeout{0};  // 0: that of the run
  bool has_line_hash = false;           // --store: the text is not the line
  std::uint64_t line_hash = 0;          // of that
  std::string_view text;

  // Without the head: what the window has let in for it.
  [[nodiscard]] std::size_t body_bytes() const noexcept {
    return text.size() + (timeout.count() != 0 ? 8 : 0) + (has_line_hash ? 8 : 0);
  }
};

namespace payload_mark {
inline constexpr std::uint64_t has_line_hash = std::uint64_t{1} << 61;
inline constexpr std::uint64_t has_timeout = std::uint64_t{1} << 62;
inline constexpr std::uint64_t is_words = std::uint64_t{1} << 63;
}  // namespace payload_mark

inline std::int64_t steady_now_ns() noexcept {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// How long a job has waited. One that an earlier process accepted: since this one began, whatever that
// process's clock was.
inline std::chrono::nanoseconds waited(std::int64_t due_ns, std::int64_t began_ns,
                                       std::int64_t now_ns) noexcept {
  return std::chrono::nanoseconds(std::max<std::int64_t>(now_ns - std::max(due_ns, began_ns), 0));
}

// Returns how many bytes that were.
inline std::size_t append_payload(std::vector<std::byte>& to, const payload& p) {
  std::array<std::byte, payload_head_bytes + 16> parts;
  pawl::byte_writer out(parts);
  out.numbers((p.sequence & sequence_mask) | (p.has_line_hash ? payload_mark::has_line_hash : 0) |
                  (p.timeout.count() != 0 ? payload_mark::has_timeout : 0) |
                  (p.is_words ? payload_mark::is_words : 0),
              static_cast<std::uint64_t>(p.due_ns));
  if (p.timeout.count() != 0) out.u64(static_cast<std::uint64_t>(p.timeout.count()));
  if (p.has_line_hash) out.u64(p.line_hash);
  const auto text = pawl::as_bytes(p.text);
  to.insert(to.end(), parts.data(), parts.data() + out.size());
  to.insert(to.end(), text.begin(), text.end());
  return out.size() + text.size();
}

// The text stays where it is. Nothing: these bytes are no payload of ours.
inline std::optional<payload> read_payload(std::span<const std::byte> bytes) noexcept {
  pawl::byte_reader in(bytes);
  payload p;
  const std::uint64_t first = in.u64();
  p.sequence = first & sequence_mask;
  p.is_words = (first & payload_mark::is_words) != 0;
  p.due_ns = static_cast<std::int64_t>(in.u64());
  if ((first & payload_mark::has_timeout) != 0) {
    p.timeout = std::chrono::nanoseconds(static_cast<std::int64_t>(in.u64()));
    if (p.timeout.count() <= 0) in.fail();
  }
  p.has_line_hash = (first & payload_mark::has_line_hash) != 0;
  if (p.has_line_hash) p.line_hash = in.u64();
  if (!in.ok()) return std::nullopt;
  p.text = pawl::as_text(in.rest());
  return p;
}

}  // namespace pawl_tool
