// policy/health.hpp -- when something is wrong: from what is seen at one look, and what was remembered of
// those before, to values, and from values to conditions.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "pawl/condition.hpp"

namespace pawl {

inline constexpr std::uint64_t not_yet = UINT64_MAX;

struct alarm_state {
  bool is_raised = false;
  std::uint64_t since_ns = not_yet;  // since when it would change, if it goes on like this
  std::uint64_t raised_ns = 0;       // the value had come to `raise`

  friend bool operator==(const alarm_state&, const alarm_state&) = default;
};

// No value: the question does not arise, and so there is no condition.
inline alarm_state step_alarm(const alarm_rule& rule, alarm_state s, std::optional<double> value,
                              std::uint64_t now_ns) noexcept {
  if (!value) return {};
  const bool would_change = s.is_raised ? *value < rule.clear : *value >= rule.raise;
  if (!would_change) {
    s.since_ns = not_yet;
    return s;
  }
  s.since_ns = std::min(s.since_ns, now_ns);
  const duration wanted = s.is_raised ? rule.clear_after : rule.raise_after;
  if (now_ns - s.since_ns < static_cast<std::uint64_t>(wanted.count())) return s;
  if (s.is_raised) return {};
  return {true, not_yet, s.since_ns};
}

constexpr severity severity_of(issue i) noexcept {
  switch (i) {
    case issue::paused_long:
      return severity::info;
    case issue::queue_full:
    case issue::scheduler_full:
    case issue::stalled:
    case issue::threads_stuck:
    case issue::log_stopped:
    case issue::without_handler:
      return severity::error;
    default:
      return severity::warning;
  }
}

constexpr health_status status_of(severity worst) noexcept {
  return worst == severity::error     ? health_status::unhealthy
         : worst == severity::warning ? health_status::degraded
                                      : health_status::ok;
}

constexpr const alarm_rule& rule_of(const health_rules& r, issue i) noexcept {
  switch (i) {
    case issue::queue_nearly_full:
      return r.queue_nearly_full;
    case issue::queue_full:
      return r.queue_full;
    case issue::failing:
      return r.failing;
    case issue::waiting_long:
      return r.waiting_long;
    case issue::stalled:
      return r.stalled;
    case issue::paused_long:
      return r.paused_long;
    case issue::scheduler_nearly_full:
      return r.scheduler_nearly_full;
    case issue::scheduler_full:
      return r.scheduler_full;
    case issue::threads_stuck:
      return r.threads_stuck;
    case issue::timers_late:
      return r.timers_late;
    case issue::dead_letters_nearly_full:
      return r.dead_letters_nearly_full;
    case issue::payload_memory_nearly_full:
      return r.payload_memory_nearly_full;
    case issue::lanes_stopped:
      return r.lanes_stopped;
    case issue::breakers_open:
      return r.breakers_open;
    case issue::memory_low:
      return r.memory_low;
    case issue::log_stopped:
      return r.log_stopped;
    case issue::without_handler:
      break;
  }
  return r.without_handler;
}

// Can the rules be followed? `clear` above `raise`, and a condition would come and go with each look.
inline bool check_rules(const health_rules& r) noexcept {
  const auto fits = [](duration d) {
    return d >= duration(0) && d <= duration(std::chrono::hours(24 * 365));
  };
  for (std::size_t i = 0; i < issue_count; ++i) {
    const alarm_rule& rule = rule_of(r, static_cast<issue>(i));
    if (!(rule.clear <= rule.raise) || !fits(rule.raise_after) || !fits(rule.clear_after)) {
      return false;
    }
  }
  return true;
}

constexpr std::optional<double> part_of(std::uint64_t used, std::uint64_t bound) noexcept {
  if (bound == 0) return std::nullopt;
  return static_cast<double>(used) / static_cast<double>(bound);
}

constexpr double seconds_of(std::uint64_t ns) noexcept {
  return static_cast<double>(ns) * 1e-9;
}

// Attempts that ended, since open().
struct attempt_counts {
  std::uint64_t good = 0;
  std::uint64_t failed = 0;
};

// What was there when the last minute began, and when the one before it did.
struct failure_window {
  std::uint64_t began_ns = 0;
  attempt_counts at_begin;
  attempt_counts before;
};
inline constexpr std::uint64_t failure_window_ns = 60'000'000'000;
inline constexpr std::uint64_t failure_attempts_min = 20;

// The part that failed since the window before this one began.
inline std::optional<double> failed_part(failure_window& w, attempt_counts seen,
                                         std::uint64_t now_ns) noexcept {
  const std::uint64_t failed = seen.failed - w.before.failed;
  const std::uint64_t all = failed + seen.good - w.before.good;
  if (now_ns - w.began_ns >= failure_window_ns) {
    w.before = w.at_begin;
    w.at_begin = seen;
    w.began_ns = now_ns;
  }
  if (all < failure_attempts_min) return std::nullopt;
  return static_cast<double>(failed) / static_cast<double>(all);
}

struct queue_sight {
  std::uint64_t jobs = 0;
  std::uint64_t jobs_max = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_max = 0;  // 0: no bound
  std::uint64_t started = 0;    // since open()
  attempt_counts ended;
  std::uint64_t oldest_ready_ns = 0;  // age; 0: not known, or there is none
  bool has_ready = false;
  bool is_closed = false;  // for any reason
  bool has_limit = false;  // of its own or of the whole scheduler: it may close in a moment
  bool is_paused = false;
};

struct queue_memory {
  std::array<alarm_state, queue_issue_count> alarms;
  failure_window failures;
  std::uint64_t started = 0;
  std::uint64_t still_since_ns = not_yet;  // ready jobs, an open gate, and no start since
  std::uint64_t paused_since_ns = not_yet;
};

using queue_values = std::array<std::optional<double>, queue_issue_count>;

// The values of a queue's issues, by issue.
inline queue_values look_at_queue(queue_memory& m, const queue_sight& seen,
                                  std::uint64_t now_ns) noexcept {
  const auto at = [](issue i) { return static_cast<std::size_t>(i); };
  const bool may_start = seen.has_ready && !seen.is_closed;
  if (!may_start) m.still_since_ns = not_yet;
  if (may_start && (m.still_since_ns == not_yet || seen.started != m.started)) {
    m.still_since_ns = now_ns;
  }
  m.started = seen.started;
  m.paused_since_ns = seen.is_paused ? std::min(m.paused_since_ns, now_ns) : not_yet;

  queue_values v;
  // A bound that is not there has no part, which is less than any.
  const std::optional<double> fullness =
      std::max(part_of(seen.jobs, seen.jobs_max), part_of(seen.bytes, seen.bytes_max));
  v[at(issue::queue_nearly_full)] = fullness;
  v[at(issue::queue_full)] = fullness;
  v[at(issue::failing)] = failed_part(m.failures, seen.ended, now_ns);
  if (may_start) {
    const std::uint64_t still_ns = now_ns - m.still_since_ns;
    v[at(issue::stalled)] = seconds_of(still_ns);
    if (!seen.has_limit) {
      v[at(issue::waiting_long)] = seconds_of(std::max(still_ns, seen.oldest_ready_ns));
    }
  }
  if (seen.is_paused) v[at(issue::paused_long)] = seconds_of(now_ns - m.paused_since_ns);
  return v;
}

struct scheduler_sight {
  std::uint64_t jobs = 0;
  std::uint64_t jobs_max = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_max = 0;  // 0: no bound
  std::uint64_t overruns = 0;
  std::uint64_t timers_late_ns = 0;
  std::uint64_t dead = 0;
  std::uint64_t dead_max = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t payload_bytes_max = 0;
  std::uint64_t lanes_stopped = 0;
  std::uint64_t breakers_open = 0;
  std::uint64_t memory_bytes = 0;      // not free for small jobs
  std::uint64_t memory_bytes_max = 0;  // 0: no bound
  bool log_stopped = false;
  std::uint64_t without_handler = 0;
};

inline constexpr std::size_t scheduler_issue_count = issue_count - queue_issue_count;
using scheduler_values = std::array<std::optional<double>, scheduler_issue_count>;

inline scheduler_values look_at_scheduler(const scheduler_sight& seen) noexcept {
  const std::optional<double> fullness =
      std::max(part_of(seen.jobs, seen.jobs_max), part_of(seen.bytes, seen.bytes_max));
  return {fullness,
          fullness,
          static_cast<double>(seen.overruns),
          seconds_of(seen.timers_late_ns),
          part_of(seen.dead, seen.dead_max),
          part_of(seen.payload_bytes, seen.payload_bytes_max),
          static_cast<double>(seen.lanes_stopped),
          static_cast<double>(seen.breakers_open),
          part_of(seen.memory_bytes, seen.memory_bytes_max),
          seen.log_stopped ? 1.0 : 0.0,
          static_cast<double>(seen.without_handler)};
}

}  // namespace pawl
