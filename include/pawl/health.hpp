// pawl/health.hpp -- how the scheduler is doing, at one glance.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pawl/condition.hpp"
#include "pawl/job.hpp"
#include "pawl/memory.hpp"
#include "pawl/options.hpp"

namespace pawl {

enum class phase : std::uint8_t { open, stopping, stopped };

struct queue_health {
  std::string name;
  queue_ref queue;
  std::uint64_t jobs = 0;  // alive; may count ahead by what submitting threads have set aside
  std::uint64_t jobs_max = 0;
  std::uint64_t bytes =
      0;  // payload bytes of those, exact; 0 while they are not counted: the queue never
          // had a bound, and the scheduler has none
  std::uint64_t bytes_max = 0;  // 0: no bound
  bool paused = false;
};

// A thread that may run handlers, and the job it runs now (id 0: none).
struct thread_health {
  thread_role role = thread_role::drain;
  unsigned index = 0;
  job_id running;
  duration running_for{0};  // how long
  bool overrun = false;     // longer than its run_timeout and the grace
};

struct health_report {
  pawl::phase phase = pawl::phase::open;
  health_status status = health_status::ok;
  std::vector<condition> conditions;  // what is wrong, of queues first
  unsigned drains = 0;                // with executor::external: loops there are
  unsigned drains_asleep = 0;         // of them; of loops, those that have nothing to do
  unsigned blocking_threads = 0;
  unsigned overruns = 0;      // threads held by handlers that overran
  unsigned replacements = 0;  // drains started in their place
  // Entries for what is due later: one a delayed job, one a job with an expiry, and until they are
  // cleared away those of jobs that ended before; of these never many more than of the others.
  std::uint64_t timers = 0;
  std::uint64_t dead = 0;  // dead letters kept
  std::uint64_t jobs = 0;  // alive, as above
  std::uint64_t jobs_max = 0;
  std::uint64_t bytes = 0;                 // payload bytes of those, exact; 0 without a bound
  std::uint64_t bytes_max = 0;             // 0: no bound
  std::uint64_t payload_memory_bytes = 0;  // taken from the system for payloads above 64 bytes
  memory_report memory;                    // taken from the system for everything
  bool asymmetric_barrier = false;         // membarrier(2) works here; else each start is dearer
  std::vector<queue_health> queues;
  std::vector<thread_health> threads;
};

}  // namespace pawl
