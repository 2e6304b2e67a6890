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

// How the log is doing.
enum class log_state : std::uint8_t {
  none,  // the scheduler has no directory
  ok,    // it takes what is said to it
  full,  // the disk has no room: nothing is accepted that is to be logged, queues that are logged start
         // nothing, and it tries again by itself
  failed,  // a write or a sync has failed. For good: what was durable is, nothing else will be; only the next
  // opening finds out what is on the disk. Queues that are not logged go on
  closed,  // stop() has closed it
};

struct log_health {
  log_state state = log_state::none;
  bool io_uring = false;            // else plain system calls
  int io_uring_errno = 0;           // why not; 0: it was not asked for
  std::uint64_t epoch = 0;          // which opening of the directory this is
  std::uint64_t lsn = 0;            // of what is said now
  std::uint64_t durable_lsn = 0;    // all up to it is durable
  std::uint64_t written_bytes = 0;  // since open(), as are
  std::uint64_t syncs = 0;
  std::uint64_t bytes_max = 0;  // options::log_bytes_max
  // Why nothing that is to be logged is accepted now: no_space, log_too_long, log_failed.
  reject refusal = reject::none;
  int sys_errno = 0;  // of a failed one; 0: a write was cut short
  std::string where;  // and in which file, at what offset
  // What open() has found.
  std::uint64_t recovered_jobs = 0;
  std::uint64_t recovered_dead = 0;
  std::uint64_t dropped_bytes = 0;  // of a torn end, which was never durable
  bool was_closed = false;          // by stop(), and did not end in a crash
  std::uint64_t suspects = 0;       // jobs that ran when the process died, and go on
  bool quarantine = false;          // they run now, and nothing else is started
  std::uint64_t held_starts =
      0;  // ready jobs that wait to be durable (queue_options::strict_start)
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
  log_health log;
  std::vector<queue_health> queues;
  std::vector<thread_health> threads;
};

}  // namespace pawl
