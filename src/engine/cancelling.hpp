// engine/cancelling.hpp -- the end of a job that was cancelled while it waited.
#pragma once

#include <cstdint>

#include "engine/core.hpp"

namespace pawl {

// The caller's swap from `before` made `word` cancelled, so it owns the job. As end_job(); what the job
// leaves behind in its band or in the wheel is noted.
void end_cancelled(core& c, thread_context& context, std::uint32_t slot_index, job_word before,
                   job_word word) noexcept;

}  // namespace pawl
