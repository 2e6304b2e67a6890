// engine/restoring.hpp -- what a log holds, put into a scheduler of which nobody knows yet: jobs into the slots
// that their ids name, places into bands, what is due later into the wheel, letters among the dead.
#pragma once

#include <cstdint>
#include <map>

#include "engine/core.hpp"
#include "pawl/error.hpp"
#include "persistence/durable_state.hpp"

namespace pawl {

// Which kind a number of the log is here.
using kind_numbers = std::map<std::uint32_t, std::uint16_t>;

// Slots that the jobs need: one more than the largest number of one.
std::uint32_t slots_of(const durable_state& state) noexcept;

// The queues and tenants are there, under the numbers that the log gives them; `kinds` has
// all that the jobs name. Jobs that the log counts as ready are ready then, in the order of their submits;
// of two with the same unique key the older one ends as cancelled, which is logged by `context`. Ids above
// `given` were not given before. Errors: memory; corrupt, where jobs are of what is not there.
status restore(core& c, thread_context& context, const durable_state& state,
               const kind_numbers& kinds, std::uint64_t given);

}  // namespace pawl
