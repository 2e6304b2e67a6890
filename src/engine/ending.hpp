// engine/ending.hpp -- what follows when a job has reached a terminal state, whoever brought it there.
#pragma once

#include <cstdint>

#include "engine/core.hpp"

namespace pawl {

// The caller's transition made `word` terminal, so it owns the job. Counts, gives its room back, keeps the
// dead, tells waiters and hooks, frees the slot. Afterwards the job is nobody's: a dead one may have been
// purged or requeued already. `keeps_room`: another job has taken that over.
void end_job(core& c, thread_context& context, std::uint32_t slot_index, job_word word,
             dead_cause cause, bool keeps_room = false) noexcept;

// The same for the thread whose attempt completed the job; `job`: its slot; `counts`: of its queue and kind.
void end_completed(core& c, thread_context& context, std::uint32_t slot_index, slot& job,
                   job_word word, tally& counts) noexcept;

// Frees the slot of a terminal job that the caller owns, and what belongs to it; if a handler is still
// inside, that is left to whoever returns from it.
void release_slot(core& c, thread_context& context, std::uint32_t slot_index) noexcept;

// The same of a dead one whose letter is forgotten, which is logged if the job is: may wait for the log, so no lock
// may be held.
void release_dead(core& c, thread_context& context, std::uint32_t slot_index) noexcept;

// What a job has left behind and is not kept any more; the same holds for it.
void forget_result(core& c, thread_context& context, const kept_results::entry& old) noexcept;

// A drain gives the room of ended jobs back by the batch, unless a bound is small and exact; this
// gives back what is still owed.
void settle_room(core& c, thread_context& context) noexcept;

// What is known of the job that `word` was read for.
job_status status_of(const core& c, const slot& job, job_id id, job_word word) noexcept;

}  // namespace pawl
