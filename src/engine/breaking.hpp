// engine/breaking.hpp -- what the breakers of kinds are told of attempts (ready/breaker.hpp).
//
// Attempts that did well while the breaker was closed are summed up by the thread that made them and told
// together: when its batch is through, before anything else that it tells, and when the next one is of
// another kind or epoch. So what a thread tells comes in the order in which it happened, and a window
// counts a good end up to a batch late.
#pragma once

#include <cstdint>

#include "engine/core.hpp"
#include "policy/breaker.hpp"

namespace pawl {

// An attempt of that kind is over. `mark`: what its thread noted at its start; if no breaker of this kind let
// it start, nobody is told.
void tell_breaker(core& c, thread_context& context, unsigned kind, std::uint32_t mark,
                  const breaker_facts& facts) noexcept;
// The same of the calling thread's attempt, which is done.
void tell_breaker_done(core& c, thread_context& context, unsigned kind) noexcept;
inline void note_done_for_breaker(core& c, thread_context& context, unsigned kind) noexcept {
  const attempt& mine = context.now_running;
  good_ends& well = context.ended_well;
  const std::uint32_t mark = mine.breaker_mark.load(relaxed);
  if (!is_mark_of(mark, kind)) return;
  if (well.mark == mark && !mine.is_trial && !c.running_kinds[kind].looks_for_slow.load(relaxed)) {
    ++well.count;
  } else {
    tell_breaker_done(c, context, kind);
  }
}
// What the thread has summed up.
void tell_good_ends(core& c, thread_context& context) noexcept;

// That an attempt failed with that error.
[[nodiscard]] breaker_facts failed_with(const breaker_rule& rule, error_kind error) noexcept;

// Of the calling thread's attempt, whose start its line still tells: whether it took too long.
[[nodiscard]] bool was_slow(const core& c, const thread_context& context,
                            const breaker_rule& rule) noexcept;

}  // namespace pawl
