// engine/gate_line.hpp -- a job joins the line of a gate (start_gate.hpp), or leaves it.
//
// In a queue that its tenants share, a tenant is held (share_lines.hpp I3) while a job of it waits at its own
// gate: the others stay where they are, and when the way is free again it is not for them that the first
// ones come out before everybody else. A kind's gate holds no tenant, which may have jobs of other kinds.
#pragma once

#include <cstdint>

#include "engine/core.hpp"

namespace pawl {

// Null: the gate holds no tenant back in the job's queue.
inline share_lines* lines_behind(core& c, const start_gate& gate, const slot& job) noexcept {
  if (part_of_gate(gate.id()) != gate_part::tenant) return nullptr;
  return c.queues.at(job.queue)->shares_of(job.band);
}

// All under the gate's lock; the slot is the job's until it is released.
// A job that was refused: last in line, or, `again`, to where its number puts it.
inline void join_line(core& c, start_gate& gate, std::uint32_t slot_index, bool again) noexcept {
  const slot& job = c.jobs[slot_index];
  if (again) {
    gate.line().rejoin(c.lot, slot_index, gate.id());
  } else {
    gate.line().join(c.lot, slot_index, gate.id());
  }
  if (share_lines* const lines = lines_behind(c, gate, job)) lines->hold(job.tenant);
}

inline void leave_line(core& c, start_gate& gate, std::uint32_t slot_index) noexcept {
  const slot& job = c.jobs[slot_index];
  gate.line().leave(c.lot, slot_index);
  gate.note_left();
  share_lines* const lines = lines_behind(c, gate, job);
  if (lines == nullptr || !lines->unhold(job.tenant)) return;
  if (c.queues.at(job.queue)->gate().announce(job.band, c.active)) c.idle.notify();
}

}  // namespace pawl
