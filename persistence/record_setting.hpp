// persistence/record_setting.hpp -- record `setting`: a switch or a bound of a scope, as it was set last.
// FORMAT.md, section 4.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "pawl/lane.hpp"
#include "pawl/limits.hpp"
#include "pawl/options.hpp"
#include "persistence/record.hpp"
#include "persistence/record_fields.hpp"

namespace pawl {

struct paused_setting {
  bool paused = false;
  std::uint64_t until_wall_ns = 0;  // 0: until somebody resumes; 0 if it is not paused
};

struct intake_setting {
  bool closed = false;
};

struct limits_setting {
  std::uint32_t concurrency = 0;
  std::uint32_t starts = 0;
  std::uint64_t per_ns = 0;
  std::uint32_t burst = 0;
};

struct bounds_setting {
  std::uint64_t jobs = 0;
  std::uint64_t bytes = 0;
  pawl::when_full when_full = pawl::when_full::reject;
  std::uint64_t block_for_ns = 0;
};

struct share_setting {
  std::uint32_t weight = 0;
};

struct durability_setting {
  enum class level : std::uint8_t { none, relaxed, durable };
  level durability = level::durable;
  bool strict_start = false;
};

struct order_setting {
  enum class by : std::uint8_t { fifo, deadline, exact_priority, tenants };
  by order = by::fifo;
};

struct lanes_setting {
  limits_setting limits;
  pawl::on_failure on_failure = pawl::on_failure::dead_then_continue;
};

struct retry_budget_setting {
  std::uint32_t retries_per_s = 0;
};

struct kept_setting {
  std::uint64_t completed = 0;
  std::uint64_t dead = 0;
};

// One of a later release, which may be kept as it is.
struct unknown_setting {
  std::uint16_t what = 0;
  byte_span value;
};

// In the order of their numbers, which begin with 1.
using setting_value = std::variant<paused_setting, intake_setting, limits_setting, bounds_setting,
                                   share_setting, durability_setting, order_setting, lanes_setting,
                                   retry_budget_setting, kept_setting, unknown_setting>;

// The number on disk of what is set.
[[nodiscard]] std::uint16_t what_is_set(const setting_value& value) noexcept;

struct setting_record {
  scope::part part = scope::part::scheduler;
  std::uint32_t number = 0;  // a name's, a lane's is that of its queue; 0 for the scheduler
  std::string_view lane;     // the key of a lane; else empty
  std::uint64_t order = 0;
  setting_value value;
};

[[nodiscard]] std::size_t encoded_bytes(const setting_record& x) noexcept;
void encode(const setting_record& x, more m, byte_writer& w) noexcept;
// errc::version: the setting is needed, and this release does not know it.
[[nodiscard]] result<setting_record> decode_setting(const record_view& r) noexcept;

}  // namespace pawl
