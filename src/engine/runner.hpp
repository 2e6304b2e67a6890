// engine/runner.hpp -- one job from its place in a batch to its end, on the thread that runs it.
#pragma once

#include <cstdint>

#include "engine/core.hpp"

namespace pawl {

enum class start : std::uint8_t {
  ran,           // started here, or found expired, and is through
  stale,         // the place was stale, or the job waits elsewhere now: drop it
  closed,        // its queue's gate is closed: put the place back
  needs_thread,  // its kind blocks and this thread must not
};

// Starts the job at `place` if it still can be, calls its handler, ends it.
// `may_wait`: the calling thread may run kinds that block.
start run_job(core& c, thread_context& context, band_entry place, bool may_wait) noexcept;

}  // namespace pawl
