// engine/scopes.cpp -- what can be asked of a scope: pausing, holding, limits, its intake. Members of
// engine that scheduler's users call.
#include <algorithm>

#include "base/membarrier.hpp"
#include "engine/engine.hpp"
#include "engine/gate_timers.hpp"
#include "engine/gating.hpp"
#include "engine/settings.hpp"

namespace pawl {

namespace {

constexpr failure no_such_scope{errc::not_found, 0, "scope"};

std::uint64_t time_after(const core& c, duration d) noexcept {
  return c.clock.boot_ns() + static_cast<std::uint64_t>(d.count());
}

// A gate of a queue closes: after this no job of it starts, and none of it keeps a permit.
void close(core& c, thread_context& context, ready_queue& queue, gate_reason reason) noexcept {
  queue.gate().close(reason);
  if (c.asymmetric) membarrier_all_threads();
  c.contexts.for_each([&](const thread_context& t) { wait_for_start(t.line, queue.index()); });
  if (queue.has_equipped()) give_up_permits(c, context, queue);
}

void open_gate(core& c, ready_queue& queue, gate_reason reason) noexcept {
  if (queue.gate().open(reason, c.active)) c.idle.notify();
}

// The same for a kind or a tenant.
void close(core& c, start_gate& gate, start_gate::mark why) noexcept {
  c.gating.fetch_or(core::starts, seq_cst);  // or a start might not look
  gate.put(why);
  c.note_change_of_gates();
  if (c.asymmetric) membarrier_all_threads();
  c.contexts.for_each([&](const thread_context& t) { wait_for_start(t.line); });
}

void close_all(core& c, thread_context& context, gate_reason reason) noexcept {
  c.queues.for_each([&](ready_queue& q) { q.gate().close(reason); });
  if (c.asymmetric) membarrier_all_threads();
  c.contexts.for_each([&](const thread_context& t) { wait_for_start(t.line); });
  c.queues.for_each([&](ready_queue& q) {
    if (q.has_equipped()) give_up_permits(c, context, q);
  });
}

}  // namespace

result<engine::scope_gates> engine::find_scope(scope of) const noexcept {
  if (core_.stopping.load(seq_cst)) return failure{errc::stopping, 0, "scope"};
  scope_gates found;
  switch (of.of()) {
    case scope::part::scheduler:
      return found;
    case scope::part::queue:
      found.queue = of.queue().scheduler == core_.tag ? core_.queues.at(of.queue().index) : nullptr;
      if (found.queue == nullptr) return no_such_scope;
      return found;
    case scope::part::kind:
      if (of.kind().index >= core_.kinds_with_handler) return no_such_scope;
      found.gate = &core_.gates.of_kind(of.kind().index);
      return found;
    case scope::part::lane:
      break;  // it has no gate of its own
    case scope::part::tenant:
      if (of.tenant().scheduler == core_.tag && of.tenant().index != 0) {
        found.gate = core_.gates.of_tenant(of.tenant().index);
      }
      if (found.gate == nullptr) return no_such_scope;
      return found;
  }
  return no_such_scope;
}

result<ticket> engine::apply_pause(thread_context& context, scope of,
                                   duration resume_after) noexcept {
  if (const status ok = check_span(resume_after, "resume_after"); !ok) return ok.error();
  const std::uint64_t at = resume_after.count() == 0 ? UINT64_MAX : time_after(core_, resume_after);
  if (of.of() == scope::part::lane) return close_lane(context, of.lane(), lane::paused, at);
  const result<scope_gates> found = find_scope(of);
  if (!found) return found.error();
  const std::lock_guard lock(changing_);
  if (found->gate != nullptr) {
    close(core_, *found->gate, start_gate::paused);
    const std::lock_guard gate_lock(found->gate->mutex());
    found->gate->resume_at_ns = at;
    if (at != UINT64_MAX) set_gate_timer(core_, context, *found->gate, at);
    return ticket{};
  }
  const std::lock_guard all_lock(core_.all.mutex);
  if (found->queue != nullptr) {
    close(core_, context, *found->queue, gate_reason::paused);
    found->queue->resume_at_ns = at;
    if (at != UINT64_MAX) set_queue_timer(core_, context, found->queue->index(), at);
    return ticket{};
  }
  core_.all.is_paused = true;
  core_.all.resume_at_ns = at;
  close_all(core_, context, gate_reason::all_paused);
  if (at != UINT64_MAX) set_queue_timer(core_, context, scheduler_number, at);
  return ticket{};
}

result<ticket> engine::apply_resume(thread_context& context, scope of) noexcept {
  if (of.of() == scope::part::lane) return open_lane(context, of.lane(), lane::paused);
  const result<scope_gates> found = find_scope(of);
  if (!found) return found.error();
  const std::lock_guard lock(changing_);
  if (found->gate != nullptr) {
    {
      const std::lock_guard gate_lock(found->gate->mutex());
      found->gate->resume_at_ns = UINT64_MAX;
      found->gate->take_off(start_gate::paused);
    }
    if (found->gate->has_waiting()) admit_parked(core_, context, *found->gate);
    return ticket{};
  }
  const std::lock_guard all_lock(core_.all.mutex);
  if (found->queue != nullptr) {
    found->queue->resume_at_ns = UINT64_MAX;
    open_gate(core_, *found->queue, gate_reason::paused);
    return ticket{};
  }
  core_.all.is_paused = false;
  core_.all.resume_at_ns = UINT64_MAX;
  core_.queues.for_each([this](ready_queue& q) { open_gate(core_, q, gate_reason::all_paused); });
  return ticket{};
}

result<ticket> engine::hold(thread_context& context, scope of, duration span) noexcept {
  if (const status ok = check_span(span, "hold"); !ok) return ok.error();
  if (of.of() == scope::part::lane) {
    if (span.count() == 0) return hold(context, of.lane().queue, span);
    return close_lane(context, of.lane(), lane::held, time_after(core_, span));
  }
  const result<scope_gates> found = find_scope(of);
  if (!found) return found.error();
  if (span.count() == 0) return ticket{};
  const std::lock_guard lock(changing_);
  const std::uint64_t until = time_after(core_, span);
  if (found->gate != nullptr) {
    close(core_, *found->gate, start_gate::held);
    const std::lock_guard gate_lock(found->gate->mutex());
    found->gate->held_until_ns = std::max(found->gate->held_until_ns, until);
    found->gate->put(start_gate::held);  // the end of an earlier hold may have come in between
    set_gate_timer(core_, context, *found->gate, found->gate->held_until_ns);
    return ticket{};
  }
  const std::lock_guard all_lock(core_.all.mutex);
  if (found->queue != nullptr) {
    found->queue->held_until_ns = std::max(found->queue->held_until_ns, until);
    close(core_, context, *found->queue, gate_reason::held);
    set_queue_timer(core_, context, found->queue->index(), found->queue->held_until_ns);
    return ticket{};
  }
  core_.all.is_held = true;
  core_.all.held_until_ns = std::max(core_.all.held_until_ns, until);
  close_all(core_, context, gate_reason::all_held);
  set_queue_timer(core_, context, scheduler_number, core_.all.held_until_ns);
  return ticket{};
}

result<ticket> engine::set_limits(thread_context& context, scope of,
                                  const limits& wanted) noexcept {
  if (const status ok = check_limits(wanted); !ok) return ok.error();
  if (of.of() == scope::part::lane) return failure{errc::invalid, 0, "queue_options.lanes"};
  const result<scope_gates> found = find_scope(of);
  if (!found) return found.error();
  const bool is_all = found->gate == nullptr && found->queue == nullptr;
  if (is_all && wanted.concurrency != 0) return failure{errc::invalid, 0, "limits.concurrency"};
  const std::lock_guard lock(changing_);
  apply_limits(context, *found, wanted);
  return ticket{};
}

// Under the lock of changes.
void engine::apply_limits(thread_context& context, const scope_gates& of,
                          const limits& wanted) noexcept {
  if (wanted.concurrency != 0 || wanted.rate.starts != 0) {
    core_.gating.fetch_or(core::starts, seq_cst);
  }
  const std::uint64_t now = core_.clock.boot_ns();
  if (of.gate != nullptr) {
    of.gate->set_limits(wanted, now);
    core_.note_change_of_gates();
    if (of.gate->has_waiting()) admit_parked(core_, context, *of.gate);
  } else if (of.queue != nullptr) {
    of.queue->limits().set(wanted, now);
    core_.note_change_of_gates();
    // Whoever is refused by the new limits closes them again.
    open_gate(core_, *of.queue, gate_reason::at_limit);
    open_gate(core_, *of.queue, gate_reason::at_rate);
  } else {
    core_.all_starts.set(wanted, now);
    core_.note_change_of_gates();
    core_.queues.for_each(
        [this](ready_queue& q) { open_gate(core_, q, gate_reason::all_at_rate); });
  }
}

result<ticket> engine::apply_intake(thread_context& context, scope of, bool is_open) noexcept {
  if (of.of() == scope::part::lane) {
    return is_open ? open_lane(context, of.lane(), lane::intake_closed)
                   : close_lane(context, of.lane(), lane::intake_closed, UINT64_MAX);
  }
  const result<scope_gates> found = find_scope(of);
  if (!found) return found.error();
  const std::lock_guard lock(changing_);
  core_.gating.fetch_or(core::intake, seq_cst);
  if (found->queue != nullptr) {
    found->queue->close_intake(!is_open);
  } else if (found->gate == nullptr) {
    core_.takes_jobs.store(is_open, relaxed);
  } else if (is_open) {
    found->gate->take_off(start_gate::intake_closed);
  } else {
    found->gate->put(start_gate::intake_closed);
  }
  return ticket{};
}

result<tenant_ref> engine::tenant(thread_context& context, std::string_view name,
                                  const tenant_options& wanted) {
  if (const status ok = check_name(name, "tenant.name"); !ok) return ok.error();
  if (const status ok = check_limits(wanted.limits); !ok) return ok.error();
  if (wanted.weight == 0 || wanted.weight > share_weight_max) {
    return failure{errc::invalid, 0, "tenant_options.weight"};
  }
  if (core_.stopping.load(seq_cst)) return failure{errc::stopping, 0, "tenant"};
  wait_for_settings_room(context);
  const std::lock_guard lock(changing_);
  bool full = false;
  const unsigned number = core_.gates.find_or_add(name, full);
  if (full) return failure{errc::full, 0, "tenant"};
  if (number == 0) return failure{errc::memory, 0, "tenant"};
  if (wal_ != nullptr) say_tenant(context, number, name, wanted);
  start_gate* const gate = core_.gates.of_tenant(number);
  if (gate->weight() != wanted.weight) {
    gate->set_weight(wanted.weight);
    core_.queues.for_each([&](ready_queue& q) {
      for (unsigned b = 0; b < priority_count && q.shares_of(b) != nullptr; ++b) {
        q.shares_of(b)->set_weight(number, wanted.weight);
      }
    });
  }
  apply_limits(context, {nullptr, gate}, wanted.limits);
  return tenant_ref{static_cast<std::uint16_t>(number), core_.tag};
}

}  // namespace pawl
