// persistence/record_outcome.hpp -- records of what became of jobs: `ended`, `again`, `died`, `result`,
// `crashed`. FORMAT.md, section 4.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pawl/job.hpp"
#include "pawl/retry.hpp"
#include "persistence/record.hpp"
#include "persistence/record_fields.hpp"

namespace pawl {

struct ended_job {
  job_id id;
  std::uint64_t version = 0;

  static ended_job read(field_reader& r) noexcept {
    const job_id id = r.id("record.ended.id");
    return {id, r.version("record.ended.version")};
  }
  [[nodiscard]] std::size_t size() const noexcept { return 16; }
  void write(byte_writer& w) const noexcept { w.numbers(id.value, version); }
};

// Jobs that are over and left no dead letter.
struct ended_record {
  enum class way : std::uint8_t { completed, cancelled, expired };
  way how = way::completed;
  item_list<ended_job> jobs;
};

// Why an attempt failed.
struct attempt_error {
  static constexpr std::size_t text_bytes_max = 4'096;
  static constexpr std::size_t kept_max = 4;  // of a job's
  std::uint64_t version = 0;                  // of the job, when it happened
  std::uint64_t wall_ns = 0;
  std::uint8_t attempt = 0;
  error_kind kind = 0;
  std::string_view text;

  static attempt_error read(field_reader& r) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return 19 + text_bytes(text); }
  void write(byte_writer& w) const noexcept;
};

// What is said of a job that goes on or has died.
struct attempt_state {
  job_id id;
  std::uint64_t version = 0;  // of the state that this is
  std::uint8_t attempt = 0;   // starts so far that count
  std::uint8_t pushbacks = 0;
  std::uint8_t crashes = 0;  // while it ran alone
  std::uint64_t wall_ns = 0;
  item_list<attempt_error> errors;  // oldest first
};

// The job goes on.
struct again_record {
  enum class why : std::uint8_t { retry, snooze, rate_limited, yield, interrupted, as_it_was };
  attempt_state facts;
  why cause = why::retry;
  clock_time due;  // boot, 0: it is ready
};

struct died_record {
  attempt_state facts;
  dead_cause cause = dead_cause::exhausted;
};

struct result_record {
  static constexpr std::size_t value_bytes_max = 65'536;
  job_id id;
  std::uint64_t version = 0;
  byte_span value;
};

struct crashed_job {
  job_id id;
  std::uint64_t version = 0;
  bool alone = false;  // it ran alone when the process died

  static crashed_job read(field_reader& r) noexcept {
    crashed_job job;
    job.id = r.id("record.crashed.id");
    job.version = r.version("record.crashed.version");
    job.alone = r.flag("record.crashed.alone");
    return job;
  }
  [[nodiscard]] std::size_t size() const noexcept { return 17; }
  void write(byte_writer& w) const noexcept { w.numbers(id.value, version, alone); }
};

// Jobs that ran when the process died.
struct crashed_record {
  item_list<crashed_job> jobs;
};

[[nodiscard]] std::size_t encoded_bytes(const ended_record& x) noexcept;
[[nodiscard]] std::size_t encoded_bytes(const again_record& x) noexcept;
[[nodiscard]] std::size_t encoded_bytes(const died_record& x) noexcept;
[[nodiscard]] std::size_t encoded_bytes(const result_record& x) noexcept;
[[nodiscard]] std::size_t encoded_bytes(const crashed_record& x) noexcept;
void encode(const ended_record& x, more m, byte_writer& w) noexcept;
void encode(const again_record& x, more m, byte_writer& w) noexcept;
void encode(const died_record& x, more m, byte_writer& w) noexcept;
void encode(const result_record& x, more m, byte_writer& w) noexcept;
void encode(const crashed_record& x, more m, byte_writer& w) noexcept;
[[nodiscard]] result<ended_record> decode_ended(const record_view& r) noexcept;
[[nodiscard]] result<again_record> decode_again(const record_view& r) noexcept;
[[nodiscard]] result<died_record> decode_died(const record_view& r) noexcept;
[[nodiscard]] result<result_record> decode_result(const record_view& r) noexcept;
[[nodiscard]] result<crashed_record> decode_crashed(const record_view& r) noexcept;

}  // namespace pawl
