// policy/ordering.hpp -- where a job stands in an ordered queue, and how many a drain takes from one at a
// time. Values in, values out.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pawl/options.hpp"
#include "policy/dispatch.hpp"

namespace pawl {

// The key of a job without a deadline: after all that have one.
inline constexpr std::uint64_t no_deadline = UINT64_MAX;

// What a job brings for its place in an ordered queue. Durations count from `submitted_ns`; 0: none.
struct order_wish {
  std::uint64_t submitted_ns = 0;
  std::uint64_t deadline_ns = 0;
  std::uint64_t expires_ns = 0;
  std::int64_t exact_priority = 0;
  std::uint16_t tenant = 0;
};

// Smaller is taken first; equal keys in the order in which their jobs became ready. A job that expires
// and names no deadline wants to start before it expires. In a queue that its tenants share it says whose job
// it is, no more.
constexpr std::uint64_t order_key(queue_order order, const order_wish& w) noexcept {
  if (order == queue_order::exact_priority) {
    constexpr std::uint64_t sign = std::uint64_t{1} << 63;
    return static_cast<std::uint64_t>(w.exact_priority) ^ sign;
  }
  if (order == queue_order::tenants) return w.tenant;
  const std::uint64_t left = w.deadline_ns != 0 ? w.deadline_ns : w.expires_ns;
  if (order == queue_order::fifo || left == 0) return no_deadline;
  return w.submitted_ns + std::min(left, no_deadline - 1 - w.submitted_ns);
}

// What is in a batch starts before what comes meanwhile, however urgent that is: so it is small, and a
// single job until it is known how long one takes.
inline constexpr std::uint32_t ordered_batch_max = 32;
constexpr std::uint32_t ordered_batch_size(std::uint64_t mean_ns) noexcept {
  return mean_ns == 0 ? 1 : batch_size(mean_ns, ordered_batch_max);
}

}  // namespace pawl
