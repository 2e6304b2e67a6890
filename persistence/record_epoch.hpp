// persistence/record_epoch.hpp -- records of the log itself: `floor`, `opened`, `closed`, `note`. FORMAT.md,
// sections 4 and 6.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "persistence/record.hpp"
#include "persistence/record_fields.hpp"

namespace pawl {

// No id with a generation at or above this was given before the next floor.
struct floor_record {
  std::uint64_t generation = 0;
};

// What an opening found.
struct opened_record {
  enum class before : std::uint8_t { nothing, closed, not_closed };
  std::uint64_t epoch = 0;
  std::uint64_t recovered_lsn = 0;
  std::uint64_t jobs = 0;
  std::uint64_t dead = 0;
  before how = before::nothing;  // the epoch before ended
};

// The last record of an orderly end.
struct closed_record {
  std::uint64_t epoch = 0;
};

// For who reads the log.
struct note_record {
  std::string_view text;
};

[[nodiscard]] std::size_t encoded_bytes(const floor_record& x) noexcept;
[[nodiscard]] std::size_t encoded_bytes(const opened_record& x) noexcept;
[[nodiscard]] std::size_t encoded_bytes(const closed_record& x) noexcept;
[[nodiscard]] std::size_t encoded_bytes(const note_record& x) noexcept;
void encode(const floor_record& x, more m, byte_writer& w) noexcept;
void encode(const opened_record& x, more m, byte_writer& w) noexcept;
void encode(const closed_record& x, more m, byte_writer& w) noexcept;
void encode(const note_record& x, more m, byte_writer& w) noexcept;
[[nodiscard]] result<floor_record> decode_floor(const record_view& r) noexcept;
[[nodiscard]] result<opened_record> decode_opened(const record_view& r) noexcept;
[[nodiscard]] result<closed_record> decode_closed(const record_view& r) noexcept;
[[nodiscard]] result<note_record> decode_note(const record_view& r) noexcept;

}  // namespace pawl
