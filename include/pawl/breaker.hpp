// pawl/breaker.hpp -- when a kind, or a lane, whose attempts fail is given a rest.
//
// Given in kind_options::breaker or lane_options::breaker; changed with scheduler::set_breaker() and
// scheduler::set_options(). What is said of a kind here holds for a lane; pawl/lane.hpp says the rest.
//
// Closed, it watches the latest attempts of its kind. When too many of them failed, or took too long, it
// opens: no job of the kind starts, those that are ready wait in the kind's line in their order and use up
// no attempt. After `open_for` it is half open: `trials` jobs may start. If all of them do well it closes,
// and what waited goes on; the first that does not opens it again.
//
// What counts: an attempt that is done did well; one that failed did not (fail, retry, dead, an exception, a
//              run_timeout that had passed), unless the kind of its error is one of `ignored`. Nothing else
//              counts either way: snooze, rate_limited, yield, interrupted, cancelled, a payload that cannot
//              be decoded. Nor does an attempt that had started before the breaker last changed.
//              A drain tells of those that did well together, when its batch is through or one that did
//              not comes: a batch is some 20 us of work, or a single handler that takes longer.
// Seen:        kind_metrics::breaker and breaker_opened; issue::breakers_open; the log's breaker.opened and
//              breaker.closed.
// A trial whose handler never returns keeps it half open, unless on_overrun::dead takes the job from it.
// The circuit breaker of M. Nygard, "Release It!" (2007).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "pawl/job.hpp"
#include "pawl/retry.hpp"

namespace pawl {

struct breaker_rule {
  // How many attempts it looks back, about: beyond them older ones fade, all alike. 0: no breaker; at most
  // 30,000.
  std::uint16_t window = 0;
  std::uint16_t attempts_min = 20;  // of fewer it says nothing; at least 1, at most `window`
  // It opens when of 100 attempts so many failed, or so many were slow; 1 to 100.
  std::uint8_t failed_percent = 50;
  std::uint8_t slow_percent = 50;
  duration slow{0};                              // longer is slow; 0: no attempt is. Up to a year
  duration open_for = std::chrono::seconds(30);  // more than 0, up to 24 hours
  std::uint16_t trials = 1;                      // at least 1; a slow one does not do well
  std::array<error_kind, 4> ignored{};           // 0: unused
  friend constexpr bool operator==(const breaker_rule&, const breaker_rule&) noexcept = default;
};

enum class breaker_state : std::uint8_t {
  none,  // there is no breaker
  closed,
  open,
  half_open,  // or its time has come, and nobody has tried yet
};

}  // namespace pawl
