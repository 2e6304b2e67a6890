// engine/breaker_verbs.cpp -- what can be asked of a kind's breaker: members of engine that scheduler's users
// call.
#include "engine/engine.hpp"
#include "engine/gating.hpp"
#include "engine/settings.hpp"

namespace pawl {

result<ticket> engine::set_breaker(thread_context& context, kind_ref kind,
                                   const breaker_rule& wanted) noexcept {
  if (!check_breaker(wanted)) return failure{errc::invalid, 0, "breaker_rule"};
  const result<scope_gates> found = find_scope(kind);
  if (!found) return found.error();
  const std::lock_guard lock(changing_);
  start_gate& gate = *found->gate;
  if (wanted.window == 0 && gate.trips() == nullptr) return ticket{};
  core_.gating.fetch_or(core::starts, seq_cst);  // or a start might not ask it
  bool closes = false;
  if (gate.set_breaker(wanted, core_.clock.boot_ns(), closes) == nullptr) {
    return failure{errc::memory, 0, "breaker"};
  }
  running_kind& running = core_.running_kinds[kind.index];
  running.looks_for_slow.store(wanted.slow.count() != 0, relaxed);
  running.has_breaker.store(true, relaxed);
  core_.note_change_of_gates();  // who has a pass from before has not asked it
  if (gate.has_waiting()) admit_parked(core_, context, gate);
  if (closes) {
    core_.say.say(log_level::info, "breaker.closed",
                  "kind " + core_.kinds[kind.index].name + ": its breaker was taken away");
  }
  return ticket{};
}

}  // namespace pawl
