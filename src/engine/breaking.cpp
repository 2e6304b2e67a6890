#include "engine/breaking.hpp"

#include <algorithm>
#include <utility>

#include "engine/gating.hpp"

namespace pawl {

namespace {

void follow(core& c, thread_context& context, unsigned kind, breaker::change change) noexcept {
  if (change == breaker::change::none) return;
  context.ended_ns = 0;  // the host's sink may be called, and others let through
  if (change == breaker::change::opened) c.note_change_of_gates();
  start_gate& gate = c.gates.of_kind(kind);
  if (gate.has_waiting()) admit_parked(c, context, gate);
  if (change == breaker::change::more) return;
  const bool opened = change == breaker::change::opened;
  c.say.say(opened ? log_level::warning : log_level::info,
            opened ? "breaker.opened" : "breaker.closed",
            "kind " + c.kinds[kind].name +
                (opened ? ": too many of its attempts failed or were slow; none starts for a while"
                        : ": its trials did well"));
}

}  // namespace

void tell_breaker(core& c, thread_context& context, unsigned kind, std::uint32_t mark,
                  const breaker_facts& facts) noexcept {
  if (!is_mark_of(mark, kind)) return;
  if (context.ended_well.count != 0) tell_good_ends(c, context);
  const std::uint64_t now = c.clock.recent_boot_ns(context.clock_reading);
  follow(c, context, kind, c.gates.of_kind(kind).trips()->end(epoch_of_mark(mark), facts, now));
}

void tell_breaker_done(core& c, thread_context& context, unsigned kind) noexcept {
  const std::uint32_t mark = context.now_running.breaker_mark.load(relaxed);  // relaxed: its own
  const bool slow = was_slow(c, context, c.gates.of_kind(kind).trips()->rule());
  if (slow || context.now_running.is_trial) {
    return tell_breaker(c, context, kind, mark, {.counts = true, .slow = slow});
  }
  good_ends& well = context.ended_well;
  if (well.count != 0 && well.mark != mark) tell_good_ends(c, context);
  well = {mark, well.count + 1};
}

void tell_good_ends(core& c, thread_context& context) noexcept {
  good_ends& well = context.ended_well;
  const std::uint64_t now = c.clock.recent_boot_ns(context.clock_reading);
  const std::uint32_t count = std::exchange(well.count, 0);
  const unsigned kind = well.mark >> 16;
  follow(c, context, kind,
         c.gates.of_kind(kind).trips()->end_well(epoch_of_mark(well.mark), count, now));
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
