// job_fields.hpp -- a job of a store after replay, as fields.
#pragma once

#include <string_view>

#include "field_list.hpp"
#include "name_book.hpp"
#include "persistence/durable_job.hpp"
#include "persistence/segment_header.hpp"

namespace pawl_tool {

// "dead"; "scheduled": it is due later; "ready": it waits for its turn, or runs. Which of the two a
// log does not say.
[[nodiscard]] std::string_view state_of(const pawl::durable_job& job,
                                        const pawl::boot_moment& now) noexcept;

[[nodiscard]] field_list fields_of(const pawl::durable_job& job, const pawl::boot_moment& now,
                                   const name_book& names, bool with_payload);

}  // namespace pawl_tool
