// pawl/metrics.hpp -- what has happened since open() and what is there now, by queue and by kind.
//
// scheduler::read_metrics() makes one picture of it: plain values that nothing changes afterwards. Every
// thread that works on jobs counts in memory of its own, and the picture is the sum; nobody waits for who
// makes it, so it costs the work nothing. It takes the time of some thousand loads for each pair of queue
// and kind, and allocates.
//
// Consistency: each count is exact and only grows, also from one picture to the next. Two counts may
//              belong to slightly different moments, except that a job is counted as accepted before
//              as started, and as started before as completed. What is worked out of several (`waiting`,
//              `scheduled`) is exact when nothing changes meanwhile, and never below 0.
// Sums:        of the queues, of the kinds and of the pairs are the same, and with `unassigned` they are
//              `total`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pawl/counters.hpp"
#include "pawl/health.hpp"
#include "pawl/job.hpp"

namespace pawl {

struct queue_metrics {
  std::string name;
  queue_ref queue;
  counters counts;              // of its jobs
  std::uint64_t waiting = 0;    // ready, or held back by their kind or tenant
  std::uint64_t scheduled = 0;  // due later
  std::uint64_t running = 0;
  // No job that is ready, and that no kind or tenant holds back, has been so for longer. 0: there is none,
  // or the queue was empty before and nothing has been taken from it since.
  duration oldest_ready{0};
  std::uint64_t jobs_max = 0;
  std::uint32_t concurrency_max = 0;  // 0: no limit
  double starts_per_s_max = 0;        // 0: no limit
  bool paused = false;                // it, or the whole scheduler
  bool held = false;                  // the same
  bool takes_jobs = true;             // its intake is open
  bool is_at_limit = false;           // closed for its concurrency or a rate, in this moment
};

struct kind_metrics {
  std::string name;
  kind_ref kind;
  counters counts;
  std::uint64_t running = 0;
  std::uint64_t held_back = 0;  // jobs that wait for the limits or the pause of the kind
};

// What one queue and one kind have in common. Of pairs without a job, ever, there is none.
struct pair_metrics {
  queue_ref queue;
  kind_ref kind;
  counters counts;
};

struct metrics {
  duration taken{0};    // when, since boot
  counters total;       // as read_counters()
  counters unassigned;  // of no queue and kind: calls with an unknown one, stolen, stale_entries
  std::vector<queue_metrics> queues;  // in the order of their making: queue_ref::index
  std::vector<kind_metrics> kinds;    // kind_ref::index
  std::vector<pair_metrics> pairs;    // by queue, then kind
  health_report health;               // of the same time, about
};

}  // namespace pawl
