// engine/sharing.hpp -- what drains and pool threads do beside the rest for a queue that its tenants share
// (queue_order::tenants): they say how long each job kept them.
//
// A tenant pays for the time from the look at its job to the end of the attempt, on the thread that made it;
// also for a job that could not start. Time on drains and time on the pool's threads are shared apart: a
// blocking job costs its drain next to nothing, and is in line once more, in the pool.
#pragma once

#include <cstdint>
#include <span>

#include "engine/core.hpp"
#include "engine/runner.hpp"
#include "ready/share_lines.hpp"

namespace pawl {

static_assert(tenants_max == gate_table::tenants_max);

// For share_lines.
inline auto weights_of(const core& c) noexcept {
  return [&c](std::uint32_t tenant) noexcept -> std::uint32_t {
    const start_gate* const gate = tenant == 0 ? nullptr : c.gates.of_tenant(tenant);
    return gate == nullptr ? 1 : gate->weight();
  };
}

// The claim of a place that did not come from the lines.
inline share_claim claim_of(const core& c, std::uint64_t place) noexcept {
  return {c.jobs[band_entry{place}.slot()].tenant, {}};
}

// Takes the next ones of the queue, the front list first.
inline std::size_t take_shared(const core& c, ready_queue& queue, unsigned band,
                               std::span<std::uint64_t> places,
                               std::span<share_claim> claims) noexcept {
  const std::size_t count = queue.front_of(band).pop(places);
  for (std::size_t i = 0; i < count; ++i) claims[i] = claim_of(c, places[i]);
  if (count != 0) return count;
  return queue.shares_of(band)->take(places, claims, weights_of(c));
}

// A job is through on this thread, which looked at it at `since_ns`. The time now.
inline std::uint64_t note_use(const core& c, share_claim& claim, std::uint64_t since_ns,
                              bool attempted) noexcept {
  const std::uint64_t now = c.clock.boot_ns();
  claim.use.ns = now - since_ns;
  claim.use.attempted = attempted;
  return now;
}

// The same, of one job that is settled at once.
inline void settle_use(const core& c, share_lines& lines, share_claim claim, std::uint64_t since_ns,
                       bool attempted) noexcept {
  note_use(c, claim, since_ns, attempted);
  lines.settle({&claim, 1}, weights_of(c));
}

}  // namespace pawl
