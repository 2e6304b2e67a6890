// submit_fields.hpp -- what a job was submitted with, as fields: of a record, or of a job after replay,
// whose members have the same names.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "field_list.hpp"
#include "name_book.hpp"
#include "persistence/durable_job.hpp"
#include "persistence/record_submit.hpp"
#include "persistence/segment_header.hpp"

namespace pawl_tool {

// The wall time of a moment that was written at `written`.
[[nodiscard]] std::uint64_t wall_of_boot(std::uint64_t boot_ns,
                                         const pawl::boot_moment& written) noexcept;
[[nodiscard]] std::uint64_t wall_of(pawl::clock_time t, const pawl::boot_moment& written) noexcept;

// As --backoff of `pawl run` takes it.
[[nodiscard]] std::string text_of(const pawl::backoff& b);
// 32 hexadecimal digits.
[[nodiscard]] std::string text_of(const pawl::key_hash& hash);
[[nodiscard]] std::string_view name_of(pawl::unique_scope scope) noexcept;

// But for its queue, ids and payload. `Common` has what every job has, `Extras` what few have.
template <class Common, class Extras>
void add_submit(field_list& to, const Common& common, const Extras& extras,
                const pawl::boot_moment& written, const name_book& names) {
  using of = name_book::of;
  to.text("kind", names.text_of(of::kind, common.kind)).word("priority", name(common.priority));
  to.number("attempts_max", common.attempts_max);
  to.time("submitted", wall_of_boot(common.submitted_ns, written));
  if (common.codec != 0) to.number("codec", common.codec);
  if (common.payload_version != 0) to.number("payload_version", common.payload_version);
  if (extras.due) to.time("due", wall_of(*extras.due, written));
  if (extras.expires_ns) to.time("expires", wall_of_boot(*extras.expires_ns, written));
  if (extras.run_timeout_ns) to.number("run_timeout_ns", *extras.run_timeout_ns);
  if (extras.backoff) to.word("backoff", text_of(*extras.backoff));
  if (extras.unique) {
    to.word("unique_key", text_of(extras.unique->hash));
    to.word("unique_scope", name_of(extras.unique->scope));
  }
  if (extras.tenant) to.text("tenant", names.text_of(of::tenant, *extras.tenant));
  if (extras.lane) to.text("lane", extras.lane->key);
  if (extras.deadline_ns) to.time("deadline", wall_of_boot(*extras.deadline_ns, written));
  if (extras.exact_priority) to.word("exact_priority", std::to_string(*extras.exact_priority));
  if (extras.parent) to.id("parent", extras.parent->id.value);
  if (extras.tag) to.text("tag", names.text_of(of::tag, *extras.tag));
}

}  // namespace pawl_tool
