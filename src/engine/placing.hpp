// engine/placing.hpp -- jobs that are ready go into the band of their queue.
#pragma once

#include <cstdint>
#include <span>

#include "engine/core.hpp"

namespace pawl {

// Puts places of jobs that became ready again behind those of the band, in an ordered queue behind those
// of the same key, and tells a drain. Those that must be durable first wait for that (engine/strict_starts.hpp).
void push_ready(core& c, thread_context& context, ready_queue& queue, unsigned band,
                std::span<const std::uint64_t> places) noexcept;

// On the log's thread: all up to that LSN is durable.
void push_held(core& c, std::uint64_t durable_lsn) noexcept;

// Puts places that were taken and not started in front of the band; in an ordered queue to where they
// were, but those that have a permit in front.
void put_back(core& c, ready_queue& queue, unsigned band,
              std::span<const std::uint64_t> places) noexcept;

}  // namespace pawl
