// engine/timing.hpp -- what the histograms are told of an attempt. Called only if there are any
// (options::histograms).
#pragma once

#include <cstdint>

#include "engine/core.hpp"
#include "job/slot.hpp"

namespace pawl {

// The calling thread is about to call the job's handler; its line says since when. `of`: its queue and kind.
void note_began(const thread_context& context, pair_tally& of, const slot& job,
                const clock_source& clock) noexcept;

// The handler has returned, and what it said counts. `submitted_ns`: of a job that ends with it; 0: it
// comes again.
void note_returned(core& c, thread_context& context, pair_tally& of,
                   std::uint64_t submitted_ns) noexcept;

}  // namespace pawl
