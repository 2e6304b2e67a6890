// persistence/durable_job.hpp -- an owned job as a log has it, all its records merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pawl/job.hpp"
#include "pawl/retry.hpp"
#include "persistence/record_fields.hpp"
#include "persistence/record_submit.hpp"

namespace pawl {

struct durable_error {
  std::uint64_t version = 0;
  std::uint64_t wall_ns = 0;
  std::uint8_t attempt = 0;
  error_kind kind = 0;
  std::string text;
  friend bool operator==(const durable_error&, const durable_error&) = default;
};

struct durable_lane {
  std::string key;
  std::uint64_t order = 0;
};

// Boot times are of the present boot: those that were written in another one have been converted.
struct durable_job {
  job_id id;
  // The largest that was said of it, by whatever record: what is said next has a larger one. At least 1.
  std::uint64_t version = 0;
  // The place of its submit among all that were read: jobs come back in this order.
  std::uint64_t order = 0;
  bool is_dead = false;
  dead_cause cause = dead_cause::none;

  std::uint32_t queue = 0;  // a name's number
  std::uint32_t kind = 0;   // a name's number
  pawl::priority priority = pawl::priority::normal;
  std::uint8_t attempts_max = 1;
  std::uint16_t codec = 0;
  std::uint16_t payload_version = 0;
  std::uint64_t submitted_ns = 0;  // boot
  // From when it may start; none: at once, or it is dead.
  std::optional<clock_time> due;

  std::optional<std::uint64_t> expires_ns;  // boot
  std::optional<std::uint64_t> run_timeout_ns;
  std::optional<pawl::backoff> backoff;
  std::optional<submit_unique> unique;
  std::optional<std::uint32_t> tenant;  // a name's number
  std::optional<durable_lane> lane;
  std::optional<std::uint64_t> deadline_ns;  // boot
  std::optional<std::int64_t> exact_priority;
  std::optional<submit_parent> parent;
  std::optional<std::uint32_t> tag;  // a name's number
  std::optional<submit_trace> trace;

  std::uint8_t attempt = 0;
  std::uint8_t pushbacks = 0;
  std::uint8_t crashes = 0;
  std::uint64_t state_wall_ns = 0;    // when it died or went on; 0: not known, or neither happened
  std::vector<durable_error> errors;  // oldest first, the last four
  std::vector<std::byte> payload;
};

}  // namespace pawl
