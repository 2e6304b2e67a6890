// engine/lane_verbs.cpp -- what can be asked of a lane: members of engine that scheduler's users call.
#include "engine/engine.hpp"

namespace pawl {

status engine::check_lane(lane_ref of) const noexcept {
  if (of.key.empty()) return failure{errc::invalid, 0, "lane.key"};
  if (const result<ready_queue*> q = queue_at(of.queue); !q) return q.error();
  return std::monostate{};
}

// After this none of the lane starts, if it is for that. A start is under way on another processor if it
// had passed before; the lock that both take lets us see its line.
result<ticket> engine::close_lane(thread_context& context, lane_ref of, lane::mark why,
                                  std::uint64_t until_ns) noexcept {
  if (const status ok = check_lane(of); !ok) return ok.error();
  const std::lock_guard lock(changing_);
  if (!core_.lanes.close(core_, context, of, why, until_ns))
    return failure{errc::memory, 0, "lane"};
  if (why != lane::intake_closed) wait_for_starts_of(of.queue.index);
  return ticket{};
}

result<ticket> engine::open_lane(thread_context& context, lane_ref of, lane::mark why) noexcept {
  if (const status ok = check_lane(of); !ok) return ok.error();
  const std::lock_guard lock(changing_);
  core_.lanes.open(core_, context, of, why);
  return ticket{};
}

result<lane_status> engine::find(lane_ref of) noexcept {
  if (const status ok = check_lane(of); !ok) return ok.error();
  return core_.lanes.look(core_, of);
}

}  // namespace pawl
