#include "engine/gate_timers.hpp"

#include <algorithm>
#include <utility>

#include "engine/gating.hpp"

namespace pawl {

namespace {

// Whether a pause and a hold that lie in these fields are over. Clears them.
struct over {
  bool pause;
  bool hold;
};
over take_over(std::uint64_t& resume_at_ns, std::uint64_t& held_until_ns,
               std::uint64_t now_ns) noexcept {
  const over o{resume_at_ns <= now_ns, held_until_ns <= now_ns};
  if (o.pause) resume_at_ns = UINT64_MAX;
  return o;
}

void open(core& c, ready_queue& queue, gate_reason reason) noexcept {
  if (!queue.gate().is_closed_for(reason)) return;
  if (queue.gate().open(reason, c.active)) c.idle.notify();
}

void fire_queue(core& c, thread_context& context, ready_queue& queue) noexcept {
  const std::uint64_t now = c.clock.boot_ns();
  {
    const std::lock_guard lock(c.all.mutex);
    const over o = take_over(queue.resume_at_ns, queue.held_until_ns, now);
    if (o.pause) open(c, queue, gate_reason::paused);
    if (o.hold) open(c, queue, gate_reason::held);
  }
  if (!queue.gate().is_closed_for(gate_reason::at_rate)) return;
  const std::uint64_t ask_at = queue.limits().starts_ready_at(now, 1);
  if (ask_at == 0) {
    open(c, queue, gate_reason::at_rate);
  } else {
    set_queue_timer(c, context, queue.index(), ask_at);
  }
}

void fire_scheduler(core& c, thread_context& context) noexcept {
  const std::uint64_t now = c.clock.boot_ns();
  std::uint64_t set = c.rate_timer_ns.load(seq_cst);
  while (set <= now && !c.rate_timer_ns.compare_exchange_weak(set, UINT64_MAX, seq_cst, seq_cst)) {
  }
  const std::lock_guard lock(c.all.mutex);
  const over o = take_over(c.all.resume_at_ns, c.all.held_until_ns, now);
  if (o.pause) c.all.is_paused = false;
  if (o.hold) c.all.is_held = false;
  const std::uint64_t ask_at = c.all_starts.starts_ready_at(now, 1);
  bool is_waited_for = false;
  c.queues.for_each([&](ready_queue& q) {
    if (o.pause) open(c, q, gate_reason::all_paused);
    if (o.hold) open(c, q, gate_reason::all_held);
    if (ask_at == 0) {
      open(c, q, gate_reason::all_at_rate);
    } else {
      is_waited_for = is_waited_for || q.gate().is_closed_for(gate_reason::all_at_rate);
    }
  });
  if (is_waited_for) set_rate_timer(c, context, ask_at);
}

}  // namespace

void set_queue_timer(core& c, thread_context& context, std::uint32_t number,
                     std::uint64_t at_ns) noexcept {
  c.due_later.add(c, context, {at_ns, gate_mark | make_gate_id(gate_part::queue, number), 0});
}

void set_rate_timer(core& c, thread_context& context, std::uint64_t at_ns) noexcept {
  std::uint64_t set = c.rate_timer_ns.load(seq_cst);
  while (at_ns < set) {
    if (c.rate_timer_ns.compare_exchange_weak(set, at_ns, seq_cst, seq_cst)) {
      return set_queue_timer(c, context, scheduler_number, at_ns);
    }
  }
}

void set_gate_timer(core& c, thread_context& context, start_gate& gate,
                    std::uint64_t at_ns) noexcept {
  if (gate.timer_ns <= at_ns) return;
  gate.timer_ns = at_ns;
  c.due_later.add(c, context, {at_ns, gate_mark | gate.id(), 0});
}

void fire_gate(core& c, thread_context& context, std::uint32_t gate_id,
               std::uint32_t rest) noexcept {
  if (part_of_gate(gate_id) == gate_part::lane) {
    const std::uint64_t number = number_of_gate(gate_id);
    return c.lanes.fire(c, context, number << 32 | rest);
  }
  start_gate* const gate = c.gates.at(gate_id);
  if (gate == nullptr) {
    if (number_of_gate(gate_id) == scheduler_number) return fire_scheduler(c, context);
    return fire_queue(c, context, *c.queues.at(number_of_gate(gate_id)));
  }
  {
    const std::lock_guard lock(gate->mutex());
    const std::uint64_t now = c.clock.boot_ns();
    if (gate->timer_ns <= now) gate->timer_ns = UINT64_MAX;
    const over o = take_over(gate->resume_at_ns, gate->held_until_ns, now);
    if (o.pause) gate->take_off(start_gate::paused);
    if (o.hold) gate->take_off(start_gate::held);
    // An earlier timer than theirs stood for theirs too.
    const std::uint64_t next = std::min(
        gate->resume_at_ns, gate->has(start_gate::held) ? gate->held_until_ns : UINT64_MAX);
    if (next != UINT64_MAX) set_gate_timer(c, context, *gate, next);
  }
  if (gate->has_waiting()) admit_parked(c, context, *gate);
}

}  // namespace pawl
