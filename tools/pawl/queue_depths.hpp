// queue_depths.hpp -- how many jobs each queue of a store has.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "field_list.hpp"
#include "state_reading.hpp"

namespace pawl_tool {

struct queue_depth {
  std::uint64_t ready = 0;
  std::uint64_t scheduled = 0;
  std::uint64_t dead = 0;
  std::uint64_t oldest_ns = 0;  // of those that go on, when it was submitted; 0: there is none
};

using queue_depths = std::map<std::uint32_t, queue_depth>;  // by the queue's number

// Of queues that have a job.
[[nodiscard]] queue_depths depths_of(const state_reading& all);
// A row for each queue that has a name, in the order of their numbers.
[[nodiscard]] std::vector<field_list> queue_rows(const state_reading& all,
                                                 const queue_depths& depths);

}  // namespace pawl_tool
