#include "engine/breaking.hpp"

#include <algorithm>

#include "engine/gating.hpp"

namespace pawl {

void tell_breaker(core& c, thread_context& context, unsigned kind, std::uint16_t epoch,
                  const breaker_facts& facts) noexcept {
  start_gate& gate = c.gates.of_kind(kind);
  const breaker::change change =
      gate.trips()->end(epoch, facts, c.clock.recent_boot_ns(context.clock_reading));
  if (change == breaker::change::none) return;
  if (gate.has_waiting()) admit_parked(c, context, gate);
  if (change == breaker::change::more) return;
  const bool opened = change == breaker::change::opened;
  c.say.say(opened ? log_level::warning : log_level::info,
            opened ? "breaker.opened" : "breaker.closed",
            "kind " + c.kinds[kind].name +
                (opened ? ": too many of its attempts failed or were slow; none starts for a while"
                        : ": its trials did well"));
}

breaker_facts failed_with(const breaker_rule& rule, error_kind error) noexcept {
  const bool is_ignored = error != 0 && std::find(rule.ignored.begin(), rule.ignored.end(),
                                                  error) != rule.ignored.end();
  return {.counts = !is_ignored, .failed = !is_ignored};
}

bool was_slow(const core& c, const thread_context& context, const breaker_rule& rule) noexcept {
  if (rule.slow.count() == 0) return false;
  return c.clock.boot_ns() - context.line.started_ns() >
         static_cast<std::uint64_t>(rule.slow.count());
}

}  // namespace pawl
