// pawl/prometheus.hpp -- metrics as text that Prometheus reads. How it gets there is the host's business.
//
// Of the CMake component `prometheus`, which is there where prometheus-cpp's core library was:
//   find_package(pawl COMPONENTS prometheus)    target_link_libraries(... pawl::prometheus)
//
// Counters, by queue and kind:
//   pawl_jobs_enqueued_total  pawl_jobs_started_total  pawl_jobs_retried_total  pawl_jobs_pushed_back_total
//   pawl_jobs_requeued_total  pawl_jobs_timed_out_total  pawl_jobs_overrun_total  pawl_stale_results_total
//   pawl_jobs_deduplicated_total  pawl_jobs_replaced_total  pawl_handler_exceptions_total
//   pawl_rate_limited_total         starts that a rate put off, each time one was asked
//   pawl_jobs_finished_total        by outcome too: completed, dead, cancelled, expired
//   pawl_jobs_dead_total            by cause too
// By queue:
//   pawl_jobs_rejected_total        by reason; without a queue: of an unknown one
// By kind, where it has a breaker:
//   pawl_breaker_transitions_total  by what it became: open, half_open, closed
// Of the scheduler:
//   pawl_steals_total  pawl_stale_entries_total  pawl_lane_breaker_opened_total
//   pawl_dead_letters_purged_total  with a budget of memory: to make room in it
//
// Gauges, by queue:
//   pawl_jobs                       by state: waiting, scheduled, running
//   pawl_queue_oldest_age_seconds  pawl_queue_paused  pawl_queue_held  pawl_queue_intake_open
//   pawl_queue_jobs_max             and where there is such a bound:
//   pawl_queue_concurrency  pawl_queue_concurrency_limit  pawl_queue_bytes  pawl_queue_bytes_max
//   pawl_queue_rate_limit           starts a second
// By kind:
//   pawl_kind_held_back
//   pawl_breaker_state              where it has one: 0 closed, 1 half open, 2 open
// Of the scheduler:
//   pawl_workers                    by state: busy, idle, parked; threads that may run handlers
//   pawl_worker_stuck  pawl_timers_pending  pawl_dead_letters  pawl_jobs_max
//   pawl_bytes  pawl_bytes_max      with a bound
//   pawl_lanes  pawl_lane_waiting_jobs  pawl_lane_stopped_jobs  pawl_lane_breakers_open
//   pawl_memory_bytes               by pool: the memory_pool
//   pawl_memory_set_aside_bytes  pawl_memory_free_bytes  pawl_memory_limit_bytes: see memory_report
//   pawl_health_status              0 ok, 1 degraded, 2 unhealthy
//   pawl_conditions                 how many are raised, by issue and severity
//   pawl_build_info                 1, with version and compiler
//   pawl_start_time_seconds
//
// Histograms, with options::histograms: `wait`, `lag`, `total` and `run` of job_histograms. Their bounds are
// powers of four from 1.024 us to 18 minutes. The first three by queue, the last by queue and kind:
//   pawl_job_queue_seconds  pawl_schedule_lag_seconds  pawl_job_end_to_end_seconds  pawl_job_run_seconds
//
// Labels are bounded: the first `queues_max` queues and `kinds_max` kinds, by their making, have their
// names; what the others have in common is called "other", and what cannot be added up is left out of it.
#pragma once

#include <cstddef>
#include <string>

#include "pawl/export.hpp"
#include "pawl/metrics.hpp"

namespace pawl {

struct prometheus_options {
  std::size_t queues_max = 64;
  std::size_t kinds_max = 64;
};

// In the text format 0.0.4, each family once. Throws std::bad_alloc only.
[[nodiscard]] PAWL_EXPORT std::string to_prometheus(const metrics& of,
                                                    const prometheus_options& how = {});

}  // namespace pawl
