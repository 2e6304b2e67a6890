// engine/gating.hpp -- the way of a job through the gates of its queue, its kind and its tenant.
//
// A job that starts needs a permit of each of its scopes that has a limit, and a start from the rate of
// each that has one. The thread holds the permits (held_permits) while a handler is inside, and keeps
// them for the next job of its batch if that needs the same ones; that job passes by a few compares
// (start_pass.hpp). Refused by its queue or the scheduler,
// a job stays with its place and the queue's gate closes for that reason until a permit comes back or a
// timer fires. Refused by its kind, whose breaker is one more gate, or by its tenant, it is parked in that
// gate's line (start_gate.hpp) and its place is gone; it returns through the front list of its queue, with a
// permit, as a flag of its word.
//
// No permit rests where nothing moves:
//   - a thread gives back what it holds when its batch is through;
//   - what a job has goes back when it ends in any other way than by a start;
//   - a queue whose gate closes gives up what the jobs in its front lists have (give_up_permits): who
//     equips a job notes that, pushes its place, then looks at the gate; who closes the gate looks
//     afterwards whether there is any such job.
// A job is refused before it waits for another gate with a permit of the first, so none waits for the
// other in a ring.
#pragma once

#include <cstdint>

#include "engine/core.hpp"
#include "job/slot.hpp"

namespace pawl {

// What a job belongs to. Read once, when its word was seen to name its place.
struct job_scopes {
  explicit job_scopes(const slot& job) noexcept
      : queue(job.queue), kind(job.kind), tenant(job.tenant) {}
  std::uint16_t queue;
  std::uint16_t kind;
  std::uint16_t tenant;  // 0: none

  // For start_pass.
  [[nodiscard]] std::uint64_t number() const noexcept {
    return (std::uint64_t{tenant} << 32) | (std::uint64_t{kind} << 16) | queue;
  }
};

enum class passage : std::uint8_t {
  free,    // the thread holds what the job needs
  closed,  // its queue is closed: put the place back
  gone,    // it was parked, or the place is stale: drop it
};

// For a job that is about to start on this thread, between begin_start() and transition_to_running().
// `word` names the place; `gating`: core::gating, read after begin_start().
passage pass_gates(core& c, thread_context& context, band_entry place, slot& job, job_word word,
                   job_scopes of, std::uint64_t gating) noexcept;
// The start did not happen after all.
void take_back_start(core& c, thread_context& context, job_scopes of) noexcept;

// Permits that a job's word said it has, and that are the caller's now.
void give_permits(core& c, thread_context& context, job_scopes of, std::uint64_t permits) noexcept;

// For a job that will start on another thread, of the blocking pool: gives it its permits.
passage equip_for_pool(core& c, thread_context& context, band_entry place) noexcept;

// Gives back what the thread holds, and tells what it has not told yet. No handler is inside.
void leave_gates(core& c, thread_context& context) noexcept;

// A blocked job has ended: takes it out of the line it may be in. Before its slot is given to anyone.
void unpark(core& c, std::uint32_t slot_index) noexcept;

// What a queue that was closed must not keep.
void give_up_permits(core& c, thread_context& context, ready_queue& queue) noexcept;
// Something has changed for the better.
void admit_parked(core& c, thread_context& context, start_gate& gate) noexcept;

}  // namespace pawl
