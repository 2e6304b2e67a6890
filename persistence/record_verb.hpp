// persistence/record_verb.hpp -- records of what somebody did to a job: `change`, `requeued`, `purged`.
// FORMAT.md, section 4.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "pawl/job.hpp"
#include "persistence/record.hpp"
#include "persistence/record_fields.hpp"

namespace pawl {

// At least one of them is there.
struct change_record {
  job_id id;
  std::uint64_t version = 0;
  std::optional<clock_time> due;
  std::optional<pawl::priority> priority;
  std::optional<std::uint32_t> queue;  // a name's number
};

// A dead job is ready again.
struct requeued_record {
  job_id id;
  std::uint64_t version = 0;
  pawl::priority priority = pawl::priority::normal;
};

struct purged_job {
  job_id id;
  std::uint64_t version = 0;

  static purged_job read(field_reader& r) noexcept {
    const job_id id = r.id("record.purged.id");
    return {id, r.version("record.purged.version")};
  }
  [[nodiscard]] std::size_t size() const noexcept { return 16; }
  void write(byte_writer& w) const noexcept { w.numbers(id.value, version); }
};

// Dead jobs, and what was kept of others, that are gone.
struct purged_record {
  item_list<purged_job> jobs;
};

[[nodiscard]] std::size_t encoded_bytes(const change_record& x) noexcept;
[[nodiscard]] std::size_t encoded_bytes(const requeued_record& x) noexcept;
[[nodiscard]] std::size_t encoded_bytes(const purged_record& x) noexcept;
void encode(const change_record& x, more m, byte_writer& w) noexcept;
void encode(const requeued_record& x, more m, byte_writer& w) noexcept;
void encode(const purged_record& x, more m, byte_writer& w) noexcept;
[[nodiscard]] result<change_record> decode_change(const record_view& r) noexcept;
[[nodiscard]] result<requeued_record> decode_requeued(const record_view& r) noexcept;
[[nodiscard]] result<purged_record> decode_purged(const record_view& r) noexcept;

}  // namespace pawl
