// engine/placing.hpp -- jobs that are ready go into the band of their queue.
#pragma once

#include <cstdint>
#include <span>

#include "engine/core.hpp"

namespace pawl {

// Puts places of jobs that became ready again behind those of the band, and tells a drain.
void push_ready(core& c, thread_context& context, ready_queue& queue, unsigned band,
                std::span<const std::uint64_t> places) noexcept;

// Puts places that were taken and not started in front of the band.
void put_back(core& c, ready_queue& queue, unsigned band,
              std::span<const std::uint64_t> places) noexcept;

}  // namespace pawl
