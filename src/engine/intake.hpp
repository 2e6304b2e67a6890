// engine/intake.hpp -- accepting jobs: slot, fields, word, place in the band, announcement.
#pragma once

#include <span>

#include "engine/core.hpp"

namespace pawl {

// Both accept what they can at once and never wait; `full` reasons are the caller's to wait for, and a single
// job that finds no memory is the caller's to try again (engine/scarcity.hpp).
// Count what they accept and not what they reject.
submit_answer take_in(core& c, thread_context& context, queue_ref queue, kind_ref kind,
                      std::span<const std::byte> payload, const job_options& how) noexcept;
submit_answers take_in(core& c, thread_context& context, queue_ref queue, kind_ref kind,
                       std::span<const job_spec> specs, std::span<job_id> ids) noexcept;

}  // namespace pawl
