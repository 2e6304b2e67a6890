// engine/ordered_intake.hpp -- what a submit to an ordered queue does beside the rest.
#pragma once

#include <cstdint>
#include <span>

#include "engine/admission.hpp"
#include "policy/ordering.hpp"

namespace pawl {

// Where the job stands in an ordered queue. Before it is ready.
inline void note_order(const admission& a, std::uint32_t slot_index,
                       const job_options& how) noexcept {
  const order_wish wish{a.now_ns, detail::nanoseconds(how.deadline),
                        detail::nanoseconds(how.expires), how.exact_priority, how.tenant.index};
  // relaxed: the job's word, and the heap's lock, carry it.
  a.c.order[slot_index].key.store(order_key(a.queue.order(), wish), relaxed);
}

// False: no memory. Cold, so that it adds nothing to the way of other submits.
[[gnu::cold]] inline bool push_ordered(const admission& a, unsigned band,
                                       std::span<const std::uint64_t> places) noexcept {
  return a.queue.heap_of(band)->push(a.c.order, places, need::wanted);
}

}  // namespace pawl
