// persistence/record_submit.hpp -- record `submit`: jobs that have all in common but their payloads.
// FORMAT.md, section 4.1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/key_hash.hpp"
#include "pawl/job.hpp"
#include "pawl/retry.hpp"
#include "pawl/unique.hpp"
#include "persistence/record.hpp"
#include "persistence/record_fields.hpp"

namespace pawl {

struct submitted_job {
  job_id id;
  std::uint64_t version = 0;
  byte_span payload;

  static submitted_job read(field_reader& r) noexcept {
    submitted_job job;
    job.id = r.id("record.submit.id");
    job.version = r.version("record.submit.version");
    job.payload = r.blob();
    return job;
  }
  [[nodiscard]] std::size_t size() const noexcept { return 20 + payload.size(); }
  void write(byte_writer& w) const noexcept {
    w.numbers(id.value, version, static_cast<std::uint32_t>(payload.size()));
    w.bytes(payload);
  }
};

// What each job has. Times are of the boot clock unless they say otherwise.
struct submit_common {
  std::uint32_t queue = 0;  // a name's number
  std::uint32_t kind = 0;   // a name's number
  pawl::priority priority = pawl::priority::normal;
  std::uint8_t attempts_max = 1;
  std::uint16_t codec = 0;            // 0: by the kind
  std::uint16_t payload_version = 0;  // 0: by the kind
  std::uint64_t submitted_ns = 0;
};

// What few have.
struct submit_unique {
  key_hash hash;
  unique_scope scope = unique_scope::queue;
  unique_until until = unique_until::finished;
  std::uint64_t ttl_wall_ns = 0;  // when its ttl ends; 0: it has none
};

struct submit_lane {
  std::string_view key;
  std::uint64_t order = 0;
};

struct submit_parent {
  job_id id;
  std::uint32_t ordinal = 0;
};

struct submit_trace {
  std::array<std::byte, 16> trace{};
  std::array<std::byte, 8> span{};
  std::uint8_t flags = 0;
};

struct submit_extras {
  std::optional<clock_time> due;
  std::optional<std::uint64_t> expires_ns;
  std::optional<std::uint64_t> run_timeout_ns;
  std::optional<pawl::backoff> backoff;
  std::optional<submit_unique> unique;
  std::optional<std::uint32_t> tenant;  // a name's number
  std::optional<submit_lane> lane;
  std::optional<std::uint64_t> deadline_ns;
  std::optional<std::int64_t> exact_priority;
  std::optional<submit_parent> parent;
  std::optional<std::uint32_t> tag;  // a name's number
  std::optional<submit_trace> trace;
};

struct submit_record {
  submit_common common;
  submit_extras extras;
  item_list<submitted_job> jobs;
};

[[nodiscard]] std::size_t encoded_bytes(const submit_record& x) noexcept;
void encode(const submit_record& x, more m, byte_writer& w) noexcept;
[[nodiscard]] result<submit_record> decode_submit(const record_view& r) noexcept;

// The same for jobs without extras, which is what most are: they do not pay for looking at each.
[[nodiscard]] std::size_t encoded_bytes(const submit_common& common,
                                        const item_list<submitted_job>& jobs) noexcept;
void encode(const submit_common& common, const item_list<submitted_job>& jobs, more m,
            byte_writer& w) noexcept;

}  // namespace pawl
