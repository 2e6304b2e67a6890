// persistence/record_name.hpp -- records of what jobs refer to: `name`, `key`, `cursor`. FORMAT.md, sections
// 4 and 4.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/key_hash.hpp"
#include "pawl/job.hpp"
#include "persistence/record.hpp"
#include "persistence/record_fields.hpp"

namespace pawl {

// A name and the number that stands for it in all other records, for ever.
struct name_record {
  enum class of : std::uint8_t { queue = 1, kind, tenant, source, tag };
  of space = of::queue;
  std::uint32_t number = 0;
  std::string_view text;
};

// Who holds a unique key.
struct key_record {
  enum class held : std::uint8_t { free, by_job, until_time };  // the last: whatever its job does
  key_hash hash;
  std::uint64_t order = 0;
  held state = held::free;
  job_id holder;                    // 0: free
  std::uint64_t until_wall_ns = 0;  // by_job: held at least so long, 0: not longer than by the job
};

// How far a source has been read.
struct cursor_record {
  static constexpr std::size_t position_bytes_max = 1'024;
  std::uint32_t source = 0;  // a name's number
  std::uint64_t order = 0;
  byte_span position;
};

[[nodiscard]] std::size_t encoded_bytes(const name_record& x) noexcept;
[[nodiscard]] std::size_t encoded_bytes(const key_record& x) noexcept;
[[nodiscard]] std::size_t encoded_bytes(const cursor_record& x) noexcept;
void encode(const name_record& x, more m, byte_writer& w) noexcept;
void encode(const key_record& x, more m, byte_writer& w) noexcept;
void encode(const cursor_record& x, more m, byte_writer& w) noexcept;
[[nodiscard]] result<name_record> decode_name(const record_view& r) noexcept;
[[nodiscard]] result<key_record> decode_key(const record_view& r) noexcept;
[[nodiscard]] result<cursor_record> decode_cursor(const record_view& r) noexcept;

}  // namespace pawl
