// pawl/limits.hpp -- how many jobs may run at the same time, how fast they may start, and of what a
// limit or a pause is.
//
// A job starts when all its scopes let it: the scheduler, its queue, its kind, its tenant. Jobs that a
// closed queue holds back stay where they are; one that its kind or its tenant holds back waits in the
// line of that scope, in the order in which it came to be held back, and costs nothing meanwhile. What
// frees the way (an end, the time, a resume, a new limit) takes the next from the line. Who has waited in one line
// does not wait behind others in the next. A kind may have a
// breaker as well, see pawl/breaker.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "pawl/job.hpp"

namespace pawl {

// At most `starts` in each `per`, evenly spaced, and `burst` of them at once after a pause: in any span
// of time W no more than burst + W * starts / per. (The generic cell rate algorithm, ITU-T I.371.) Where
// starts / per is beyond 30,000 a second, threads take several starts at a time; of what they do not use
// up to a quarter of a burst is lost, and comes back at the rate.
struct rate_limit {
  std::uint32_t starts = 0;                // 0: no limit
  duration per = std::chrono::seconds(1);  // up to 24 hours; starts / per is at most 1 a nanosecond
  std::uint32_t burst = 1;                 // at least 1
};

// Both count attempts: a retry is a start like the first. A limit applies to starts from the moment it
// is set; jobs that run already and were not counted when they started are not. After a change of a
// rate the next start may come at most per / starts later, whatever the old rate had put off.
struct limits {
  std::uint32_t concurrency = 0;  // running at the same time; 0: no limit
  rate_limit rate{};
};

// What a verb is about: all of a scheduler, or one queue, kind, tenant or lane. Made from their references;
// the key of a lane is read during the call.
class scope {
 public:
  enum class part : std::uint8_t { scheduler, queue, kind, tenant, lane };

  [[nodiscard]] static constexpr scope all() noexcept { return {}; }
  constexpr scope(queue_ref q) noexcept : part_(part::queue), queue_(q) {}
  constexpr scope(kind_ref k) noexcept : part_(part::kind), kind_(k) {}
  constexpr scope(tenant_ref t) noexcept : part_(part::tenant), tenant_(t) {}
  constexpr scope(lane_ref l) noexcept : part_(part::lane), queue_(l.queue), lane_key_(l.key) {}

  [[nodiscard]] constexpr part of() const noexcept { return part_; }
  [[nodiscard]] constexpr queue_ref queue() const noexcept { return queue_; }
  [[nodiscard]] constexpr kind_ref kind() const noexcept { return kind_; }
  [[nodiscard]] constexpr tenant_ref tenant() const noexcept { return tenant_; }
  [[nodiscard]] constexpr lane_ref lane() const noexcept { return {queue_, lane_key_}; }

 private:
  constexpr scope() noexcept = default;
  part part_ = part::scheduler;
  queue_ref queue_;
  kind_ref kind_;
  tenant_ref tenant_;
  std::string_view lane_key_;
};

}  // namespace pawl
