// engine/cancelling.hpp -- the end of a job that was cancelled while it waited.
#pragma once

#include <cstdint>

#include "engine/core.hpp"
#include "engine/ending.hpp"
#include "engine/gating.hpp"
#include "engine/sweeping.hpp"

namespace pawl {

// The caller's swap from `before` made `word` cancelled, so it owns the job. As end_job(); what the job
// leaves behind in its band or in the wheel is noted. `keeps_room`: another one has taken that over.
inline void end_cancelled(core& c, thread_context& context, std::uint32_t slot_index,
                          job_word before, job_word word, bool keeps_room = false) noexcept {
  // Until end_job() the job is this thread's, and so are its fields.
  const slot& job = c.jobs[slot_index];
  ready_queue& queue = *c.queues.at(job.queue);
  const unsigned band = job.band;
  const unsigned kind = job.kind;
  if (before.state() == job_state::blocked) unpark(c, slot_index);
  end_job(c, context, slot_index, word, dead_cause::none, keeps_room);
  settle_room(c, context);  // a handler may cancel: it is on a drain then
  if (before.state() == job_state::ready) {
    note_cancelled_place(c, context, queue, band);
  } else if (before.state() == job_state::scheduled) {
    context.tallies.of(queue.index(), kind).counts.add(tally::taken_up);
    c.due_later.note_stale();
  }
}

}  // namespace pawl
