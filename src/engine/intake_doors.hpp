// engine/intake_doors.hpp -- may jobs of these scopes come in now?
#pragma once

#include "engine/core.hpp"

namespace pawl {

inline bool is_intake_watched(const core& c) noexcept {
  return (c.gating.load(relaxed) & core::intake) !=
         0;  // relaxed: a door closes from some moment on
}

inline reject check_doors(const core& c, const ready_queue& queue, unsigned kind) noexcept {
  if (!is_intake_watched(c)) [[likely]]
    return reject::none;
  const bool is_open = c.takes_jobs.load(relaxed) && queue.takes_jobs() &&
                       !c.gates.of_kind(kind).has(start_gate::intake_closed);
  return is_open ? reject::none : reject::intake_closed;
}

// Of a whole call.
inline reject check_call(const core& c, queue_ref queue, kind_ref kind) noexcept {
  if (c.stopping.load(relaxed)) return reject::stopping;  // relaxed: nothing follows from it
  if (queue.scheduler != c.tag || c.queues.at(queue.index) == nullptr) return reject::unknown_queue;
  if (kind.index >= c.kinds_with_handler) return reject::unknown_kind;
  return check_doors(c, *c.queues.at(queue.index), kind.index);
}

// Of a job's own tenant.
inline reject check_tenant(const core& c, tenant_ref tenant) noexcept {
  if (tenant.index == 0) [[likely]]
    return reject::none;
  const start_gate* const gate =
      tenant.scheduler == c.tag ? c.gates.of_tenant(tenant.index) : nullptr;
  if (gate == nullptr) return reject::unknown_tenant;
  return gate->has(start_gate::intake_closed) ? reject::intake_closed : reject::none;
}

inline reject check_cursor(const core& c, const source_cursor* at) noexcept {
  if (at == nullptr) [[likely]]
    return reject::none;
  const bool is_ours = at->source.scheduler == c.tag && c.sources.find(at->source.index) != nullptr;
  return is_ours && at->position.size() <= position_bytes_max ? reject::none : reject::bad_option;
}

// The job that brings it is not logged.
inline void move_cursor(core& c, const source_cursor& at) noexcept {
  source_table::source& of = *c.sources.find(at.source.index);
  const std::lock_guard lock(of.mutex);
  of.move_to(at.position);
}

}  // namespace pawl
