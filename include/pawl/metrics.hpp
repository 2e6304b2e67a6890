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

#include "pawl/breaker.hpp"
#include "pawl/counters.hpp"
#include "pawl/health.hpp"
#include "pawl/histogram.hpp"
#include "pawl/job.hpp"

namespace pawl {

// How long jobs waited and ran, if options::histograms; else empty. Each start is in either `wait` or `lag`.
// Times are exact to less than a microsecond on x86-64, where the processor's counter fills in between two
// readings of the clock; elsewhere the clock is read.
struct job_histograms {
  histogram wait;  // of what was ready with its submit: from the submit to its first start
  histogram
      lag;  // of every other start (delays, retries, snoozes, yields, requeues): from when it was due
  histogram run;    // of each attempt whose outcome counted: from the start to the handler's return
  histogram total;  // of each job that a handler ended: from the submit to its end

  job_histograms& operator+=(const job_histograms& other) {
    wait += other.wait;
    lag += other.lag;
    run += other.run;
    total += other.total;
    return *this;
  }
};

struct queue_metrics {
  std::string name;
  queue_ref queue;
  counters counts;  // of its jobs
  job_histograms times;
  std::uint64_t waiting = 0;    // ready, or held back by their kind, tenant or lane
  std::uint64_t scheduled = 0;  // due later
  std::uint64_t running = 0;
  // No job that is ready, and that no kind or tenant holds back, has been so for longer. 0: there is none,
  // or the queue was empty before and nothing has been taken from it since. Of an ordered queue: how long
  // ago the job became ready that was taken last.
  duration oldest_ready{0};
  std::uint64_t jobs_max = 0;
  std::uint64_t bytes =
      0;  // payload bytes of the jobs alive; 0 while nobody counts them (queue_health)
  std::uint64_t bytes_max = 0;        // 0: no bound
  std::uint32_t concurrency_max = 0;  // 0: no limit
  double starts_per_s_max = 0;        // 0: no limit
  bool paused = false;                // it, or the whole scheduler
  bool held = false;                  // the same
  bool takes_jobs = true;             // its intake is open
  bool is_at_limit = false;  // none may start for its concurrency or a rate, in this moment
};

struct kind_metrics {
  std::string name;
  kind_ref kind;
  counters counts;
  job_histograms times;
  std::uint64_t running = 0;
  std::uint64_t held_back = 0;  // jobs that wait for its limits, its pause or its breaker
  breaker_state breaker = breaker_state::none;
  std::uint64_t breaker_opened = 0;  // times
  std::uint64_t breaker_half_opened = 0;
  std::uint64_t breaker_closed = 0;
};

// What one queue and one kind have in common. Of pairs without a job, ever, there is none.
struct pair_metrics {
  queue_ref queue;
  kind_ref kind;
  counters counts;
  job_histograms times;
};

// Of all lanes, pawl/lane.hpp.
struct lane_metrics {
  std::uint64_t lanes = 0;           // that have jobs, or are kept for what they remember
  std::uint64_t waiting = 0;         // jobs whose turn had come, but not in their lane
  std::uint64_t stopped = 0;         // dead jobs that their lanes wait for (on_failure::block)
  std::uint64_t breakers_open = 0;   // lanes whose breaker is open or half open
  std::uint64_t breaker_opened = 0;  // times one has opened
};

struct metrics {
  duration taken{0};                               // when, since boot
  std::chrono::system_clock::time_point opened{};  // when the scheduler was, by the wall clock then
  counters total;                                  // as read_counters()
  counters unassigned;  // of no queue and kind: calls with an unknown one, stolen, stale_entries
  std::vector<queue_metrics> queues;  // in the order of their making: queue_ref::index
  std::vector<kind_metrics> kinds;    // kind_ref::index
  std::vector<pair_metrics> pairs;    // by queue, then kind
  lane_metrics lanes;
  health_report health;  // of the same time, about
};

}  // namespace pawl
