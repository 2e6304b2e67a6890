// pawl/condition.hpp -- what health() finds wrong, and by which rules.
//
// Each issue has a value. Its condition is raised when the value has been at `raise` or above for
// `raise_after`, and goes when it has been below `clear` for `clear_after`; in between it stays as it is. Of
// what happens between two looks nothing is known: a value counts as it is found when somebody calls
// health() or read_metrics(), and the times are counted from look to look. So ask every few seconds; nobody
// wakes up for it by himself.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pawl/export.hpp"
#include "pawl/job.hpp"

namespace pawl {

enum class issue : std::uint8_t {
  // Of one queue, condition::queue.
  queue_nearly_full,  // jobs alive, as a part of queue_options::jobs_max, or their bytes, of bytes_max:
  // the larger one. What is refused may be so large that the part is well below 1
  queue_full,  // the same
  failing,  // attempts that failed, as a part of those that ended in the last one or two minutes; of
            // fewer than 20 nothing is said
  waiting_long,  // seconds for which the oldest ready job waits: queue_metrics::oldest_ready
  stalled,       // seconds for which jobs were ready and none started
  paused_long,   // seconds for which it is paused
  // Of the scheduler.
  scheduler_nearly_full,     // jobs alive, as a part of options::jobs_max, or their bytes, as above
  scheduler_full,            // the same
  threads_stuck,             // handlers that overran and are still inside
  timers_late,               // seconds by which what is due is late
  dead_letters_nearly_full,  // dead letters, as a part of options::dead_in_memory: older ones will go
  payload_memory_nearly_full,  // as a part of options::payload_memory_bytes_max; what was taken from the
                               // system is kept for later payloads of similar size
  lanes_stopped,               // dead jobs that their lanes wait for (on_failure::block)
  breakers_open,               // kinds and lanes whose breaker is open or half open
  memory_low,  // the part of options::memory_bytes_max that is not free for jobs with small payloads:
               // memory_report::free_bytes
  log_stopped,      // 1: the disk is full, the log too long or failed: log_health::refusal
  without_handler,  // jobs of an earlier process whose kind is not registered in this one
};
inline constexpr std::size_t issue_count = 17;
inline constexpr std::size_t queue_issue_count = 6;  // they come first

// waiting_long and stalled are not looked for in a queue that is closed (paused, held, at a limit, stopped),
// and waiting_long not in one that has a limit of its own or while the whole scheduler has a start rate:
// their jobs wait because they are meant to.

enum class severity : std::uint8_t {
  info,     // paused_long
  warning,  // all others: it may become worse, or loses something
  error,  // queue_full, scheduler_full, stalled, threads_stuck, log_stopped, without_handler: work is
          // refused, or not done
};
// The worst there is: nothing or info; warning; error.
enum class health_status : std::uint8_t { ok, degraded, unhealthy };

struct condition {
  issue what = issue::queue_nearly_full;
  pawl::severity severity = severity::info;
  queue_ref queue;     // where the issue is of one
  double value = 0;    // at this look
  duration raised{0};  // when the value had come to `raise`, since boot
};

struct alarm_rule {
  double raise = 0;         // above any value: never
  double clear = 0;         // at most `raise`
  duration raise_after{0};  // 0: with the first look that finds it
  duration clear_after{0};
};

struct health_rules {
  alarm_rule queue_nearly_full{0.8, 0.7, {}, std::chrono::seconds(5)};
  alarm_rule queue_full{1.0, 0.95, {}, std::chrono::seconds(5)};
  alarm_rule failing{0.5, 0.25, std::chrono::seconds(10), std::chrono::seconds(30)};
  alarm_rule waiting_long{60, 30, std::chrono::seconds(10), std::chrono::seconds(10)};
  alarm_rule stalled{30, 30, {}, {}};
  alarm_rule paused_long{600, 600, {}, {}};
  alarm_rule scheduler_nearly_full{0.8, 0.7, {}, std::chrono::seconds(5)};
  alarm_rule scheduler_full{1.0, 0.95, {}, std::chrono::seconds(5)};
  alarm_rule threads_stuck{1, 1, {}, {}};
  alarm_rule timers_late{1, 0.1, std::chrono::seconds(1), std::chrono::seconds(5)};
  alarm_rule dead_letters_nearly_full{0.9, 0.8, {}, std::chrono::seconds(5)};
  alarm_rule payload_memory_nearly_full{0.9, 0.8, {}, std::chrono::seconds(5)};
  alarm_rule lanes_stopped{1, 1, {}, {}};
  alarm_rule breakers_open{1, 1, {}, {}};
  alarm_rule memory_low{0.9, 0.8, {}, std::chrono::seconds(5)};
  alarm_rule log_stopped{1, 1, {}, {}};
  alarm_rule without_handler{1, 1, {}, {}};
};

// The enumerators' own names.
[[nodiscard]] PAWL_EXPORT std::string_view name(issue i) noexcept;
[[nodiscard]] PAWL_EXPORT std::string_view name(severity s) noexcept;
[[nodiscard]] PAWL_EXPORT std::string_view name(health_status s) noexcept;

}  // namespace pawl
