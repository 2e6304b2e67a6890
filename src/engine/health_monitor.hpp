// engine/health_monitor.hpp -- looks for what is wrong, and remembers what it saw.
//
// Roles       look: any thread, one at a time under the lock, which nobody else takes.
// It looks when it is asked and never by itself, so an idle scheduler stays asleep.
#pragma once

#include <array>
#include <mutex>
#include <vector>

#include "engine/core.hpp"
#include "engine/picture.hpp"
#include "policy/health.hpp"

namespace pawl {

class health_monitor {
 public:
  // The conditions there are now, by queue, then those of the scheduler. `queues`: sum_by_queue().
  // `without_handler`: jobs_without_handler().
  std::vector<condition> look(const core& c, const std::vector<tally_sums>& queues,
                              std::uint64_t without_handler);

 private:
  std::mutex looking_;
  std::vector<queue_memory> queues_;
  std::array<alarm_state, scheduler_issue_count> alarms_;
};

}  // namespace pawl
