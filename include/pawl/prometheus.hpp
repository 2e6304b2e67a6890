// pawl/prometheus.hpp -- metrics as text that Prometheus reads. How it gets there is the host's business.
//
// Of the CMake component `prometheus`, which is there where prometheus-cpp's core library was:
//   find_package(pawl COMPONENTS prometheus)    target_link_libraries(... pawl::prometheus)
//
// Counters, by queue and kind: pawl_jobs_enqueued_total, _started_, _finished_ (outcome: completed, dead,
//   cancelled, expired), _retried_, _pushed_back_, _requeued_, _timed_out_, _overrun_, _deduplicated_,
//   _replaced_; pawl_jobs_dead_total by cause, pawl_stale_results_total. By queue: pawl_jobs_rejected_total
//   (reason; without a queue: of an unknown one). pawl_steals_total, pawl_stale_entries_total; with a budget of
//   memory pawl_dead_letters_purged_total (to make room in it).
// Gauges, by queue: pawl_jobs (state: waiting, scheduled, running), pawl_queue_oldest_age_seconds,
//   pawl_queue_paused, _held, _intake_open, _jobs_max, and where there is one, _concurrency_limit and
//   _rate_limit (starts a second). By kind: pawl_kind_held_back. pawl_workers (state: busy, idle, parked;
//   threads that may run handlers), pawl_worker_stuck, pawl_timers_pending, pawl_dead_letters,
//   pawl_lanes, pawl_lane_waiting_jobs, pawl_lane_stopped_jobs, pawl_jobs_max, pawl_memory_bytes
//   (pool: the memory_pool), pawl_memory_set_aside_bytes, _free_bytes and with a budget _limit_bytes (see
//   memory_report), pawl_health_status (0 ok, 1 degraded, 2 unhealthy), pawl_conditions (issue, severity):
//   how many are raised.
// Histograms, with options::histograms: pawl_job_queue_seconds, pawl_schedule_lag_seconds and
//   pawl_job_end_to_end_seconds by queue, pawl_job_run_seconds by queue and kind: `wait`, `lag`, `total` and
//   `run` of job_histograms. Their bounds are powers of four from 1.024 us to 18 minutes.
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
