// engine/gate_timers.hpp -- gates that open by themselves: entries of the wheel that name a gate.
//
// An entry fires once and is never taken back; one that comes for nothing finds nothing to do.
#pragma once

#include <cstdint>

#include "engine/core.hpp"

namespace pawl {

// An entry for the gate of a queue (or scheduler_number), at that time.
void set_queue_timer(core& c, thread_context& context, std::uint32_t number,
                     std::uint64_t at_ns) noexcept;
// The same for the scheduler's rate, which has closed a queue, unless one is set that comes before.
void set_rate_timer(core& c, thread_context& context, std::uint64_t at_ns) noexcept;
// The same for a kind or a tenant. Under the gate's lock.
void set_gate_timer(core& c, thread_context& context, start_gate& gate,
                    std::uint64_t at_ns) noexcept;

// The entry with that id has fired: ends pauses and holds whose time is over, lets rates start again.
// `rest`: of the entry, which belongs to the id of a lane.
void fire_gate(core& c, thread_context& context, std::uint32_t gate_id,
               std::uint32_t rest) noexcept;

}  // namespace pawl
