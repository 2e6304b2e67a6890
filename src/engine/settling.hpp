// engine/settling.hpp -- what follows from a handler's return, where it was not simply done.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/core.hpp"
#include "pawl/outcome.hpp"

namespace pawl {

// The handler of the attempt `word` has returned on this thread; `fits` false: it was not even called,
// because its payload does not decode. The job ends, or is put off, or goes back to its band; if it
// was taken from the handler, what that said does not count.
void settle(core& c, thread_context& context, std::uint32_t slot_index, job_word word, outcome said,
            bool fits) noexcept;

// Notes why an attempt failed, in the job's history; `version`: of the job after it. For the thread that settles the attempt or owns the
// terminal word. Without memory the error is not kept.
void note_error(core& c, slot& job, std::uint64_t version, unsigned attempt, error_kind kind,
                std::string_view text) noexcept;

}  // namespace pawl
