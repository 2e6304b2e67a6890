// engine/shedding.hpp -- making room in a full queue by ending its least important waiting job.
#pragma once

#include "engine/core.hpp"

namespace pawl {

// Ends the oldest waiting job of the queue's lowest band that is not above `band`, as dead(shed), and
// gives its room back. Which one that was; 0: there is none.
job_id shed_one(core& c, thread_context& context, queue_share& share, ready_queue& queue,
                unsigned band) noexcept;

}  // namespace pawl
