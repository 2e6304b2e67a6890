// engine/sweeping.hpp -- taking stale places out of a band before they pile up.
//
// A cancelled job leaves its place behind, and normally a drain drops it when its turn comes. In a
// queue that is paused, or never gets its turn, places of cancelled jobs would grow without bound.
#pragma once

#include "engine/core.hpp"

namespace pawl {

// A job that waited in that band was cancelled. Sweeps the band when more have been cancelled since
// the last time than jobs of the queue are alive, so the price is a constant per cancel.
void note_cancelled_place(core& c, thread_context& context, ready_queue& queue,
                          unsigned band) noexcept;

}  // namespace pawl
