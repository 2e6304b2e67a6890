#include "engine/cancelling.hpp"

#include "engine/ending.hpp"
#include "engine/sweeping.hpp"

namespace pawl {

void end_cancelled(core& c, thread_context& context, std::uint32_t slot_index, job_word before,
                   job_word word) noexcept {
  // Until end_job() the job is this thread's, and so are its fields.
  const slot& job = c.jobs[slot_index];
  ready_queue& queue = *c.queues.at(job.queue);
  const unsigned band = job.band;
  end_job(c, context, slot_index, word, dead_cause::none);
  settle_room(c, context);  // a handler may cancel: it is on a drain then
  if (before.state() == job_state::ready) {
    note_cancelled_place(c, context, queue, band);
  } else {
    c.due_later.note_stale();
  }
}

}  // namespace pawl
