// pawl/options.hpp -- every limit and switch, with its default.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "pawl/condition.hpp"
#include "pawl/job.hpp"
#include "pawl/lane.hpp"
#include "pawl/limits.hpp"
#include "pawl/log.hpp"

namespace pawl {

// What a thread of the scheduler is for. A loop is the host's own thread (pawl/loop.hpp): health() knows
// it, thread hooks are not called for it.
enum class thread_role : std::uint8_t { drain, blocking, timer, loop };

// Who runs the jobs.
enum class executor : std::uint8_t {
  threads,   // drains: threads of the scheduler
  external,  // the host, in loops of its own: pawl/loop.hpp. Blocking kinds still get threads
  stepped,   // pawl/testing.hpp, which sets it; scheduler::open() refuses it
};

// Called on each thread of the scheduler, first and last thing. For affinity, names, thread-locals.
struct thread_hooks {
  void (*on_start)(void* user, thread_role role, unsigned index) = nullptr;
  void (*on_stop)(void* user, thread_role role, unsigned index) = nullptr;
  void* user = nullptr;
};

// A job that changes its state, as hooks see it.
struct job_change {
  job_id id;
  queue_ref queue;
  kind_ref kind;
  unsigned attempt = 0;
  job_state state = job_state::ended;   // after the change: running for a start
  dead_cause cause = dead_cause::none;  // of a dead one
};

// Called once for each start of a handler and once for each end of an attempt or of a waiting job
// (completed, dead, cancelled, expired; scheduled or ready: it comes again), on the thread that made
// the change, after it. A job that starts again may do so before the hook of its last end returned.
// Must not throw and must not block; may submit.
struct job_hooks {
  void (*on_start)(void* user, const job_change& change) = nullptr;
  void (*on_end)(void* user, const job_change& change) = nullptr;
  void* user = nullptr;
};

// What becomes of a job whose handler is still inside when run_timeout and grace have passed.
enum class on_overrun : std::uint8_t {
  keep,  // it stays running, and counts as failed when its handler returns
  dead,  // it is dead(timeout) at once; what its handler does counts no more
};

// Called on the log's thread each time more of the log is durable: all tickets up to `lsn`. Must not throw
// and must not block: what it takes, every commit takes longer.
struct durable_hook {
  void (*on_durable)(void* user, std::uint64_t lsn) = nullptr;
  void* user = nullptr;
};

struct options {
  // Where the log lies, so that jobs outlive the process (queue_options::durability); made if need be. One
  // scheduler at a time. Empty: there is none, and nothing is written anywhere.
  std::string directory{};
  std::uint32_t segment_bytes = 64u
                                << 20;  // of a file of the log: 64 KiB to 1 GiB, in steps of 4 KiB
  // What one process may write of the log, in bytes, with what open() has found. Beyond it jobs that are logged are
  // refused (reject::log_too_long) until the next open(), which writes the log anew and short; the jobs that are
  // there go on, and what they come to is logged. So is all else; for the ends of jobs in queues that are logged room
  // is kept below the bound. At least four segments; 0: none. On disk there may be three segments more.
  std::uint64_t log_bytes_max = std::uint64_t{4} << 30;
  bool io_uring = true;  // write by it where the system allows that; health() says what is used
  durable_hook durable{};
  pawl::executor executor = pawl::executor::threads;
  unsigned drains = 0;                         // worker threads; 0: one per processor; at most 64.
                                               // With executor::external: loops there may be
  std::uint64_t jobs_max = 10'000'000;         // jobs alive; 1 to 100,000,000; also bounded so that
                                               // their slots fit in a quarter of the memory; what
                                               // a queue sets aside for a thread counts here too
  std::uint64_t bytes_max = 0;                 // payload bytes of all jobs alive, as bytes_max of
                                               // queue_options; 0: no bound
  std::size_t payload_bytes_max = 1u << 20;    // of one payload; at most 1 MiB
  std::uint64_t payload_memory_bytes_max = 0;  // of all payloads above 64 bytes; 0: a quarter of
                                               // the machine's memory
  // Of everything that grows with the load; 0: no bound beyond the others. When it is used up submits are
  // refused, or wait, or shed, and what was accepted goes on: see pawl/memory.hpp. One that is too small to
  // work with is errc::invalid, and the log names what it needs: 18 MB, and 24 KB for each thread there may
  // be (67, drains, replacements_max and blocking_threads_max).
  std::uint64_t memory_bytes_max = 0;
  std::uint32_t dead_in_memory = 100'000;  // dead jobs that find() still knows
  // Of completed jobs, in all queues that keep them (queue_options::keep_results); beyond it the oldest are
  // forgotten, in the log as well.
  std::uint32_t results_in_memory = 100'000;
  unsigned blocking_threads_max = 64;  // threads for kinds declared blocking; 1 to 4,096
  duration blocking_idle = std::chrono::seconds(10);  // an idle one of them leaves after this
  duration spin = std::chrono::microseconds(20);      // an idle drain looks this long, then sleeps
  duration ageing = std::chrono::seconds(1);  // a band of rank r is served before higher ones when
                                              // it lags by more than r times this; 0: never
  duration grace = std::chrono::seconds(5);   // between a run_timeout and the overrun
  // With a directory: jobs that ran when the process before this one died are run first, one at a time, and
  // nothing else is started until they are over, or each of them has lived so long. 0: they run like all others.
  duration quarantine = std::chrono::seconds(10);
  pawl::on_overrun on_overrun = pawl::on_overrun::keep;
  unsigned replacements_max = 4;     // drains started in place of those that an overrun holds; they
                                     // and `drains` are at most 64
  rate_limit start_rate{};           // of all starts of all jobs
  std::uint8_t pushbacks_max = 100;  // times a job may snooze or be rate limited
  // Keep histograms of how long jobs wait and run, see job_histograms in pawl/metrics.hpp. They cost an
  // attempt some 150 instructions, about 10 ns; off they cost two. Memory in each thread that runs jobs:
  // for each pair of queue and kind it meets 2 KB, and 128 bytes for each 16 buckets in use, 31 KB at
  // most; taken when the first time of them comes.
  bool histograms = false;
  health_rules health{};   // when health() raises a condition, see pawl/condition.hpp
  std::uint64_t seed = 0;  // of everything random; 0: chosen by the system
  duration stop_deadline = std::chrono::seconds(10);  // how long the destructor waits for handlers
  bool dispatch = true;                               // false: accept jobs, start none (inspection)
  log_sink log{};                                     // where warnings go; default: standard error
  thread_hooks threads{};
  job_hooks hooks{};
};

// What submit() does when the queue has no room: jobs_max live jobs, too many bytes for the new one, or nothing
// left of options::memory_bytes_max, which is reject::memory in the place of queue_full.
enum class when_full : std::uint8_t {
  reject,  // answer reject::queue_full at once
  block,   // wait up to queue_options::block_for for room; from inside a handler: reject
  shed,  // end the oldest waiting job of the queue's lowest priority as dead(shed), unless the new
  // job's priority is lower still; nothing to shed: reject. Bytes may take several: one after
  // the other until the new job fits, or is refused, and those stay dead
};

// What is first among the ready jobs of a queue that have the same priority (job_options::priority, which
// comes before it in every queue).
//
//   exact     In an ordered queue, that is any but fifo, a drain takes what is first of all that is there.
//             It takes up to 32 jobs at once, as many as 20 us of handler time are worth and one where a
//             handler takes longer; those start before what comes meanwhile. So with one drain the order
//             of starts is exact among the jobs that are ready when a batch is taken; with several a job
//             may start before more urgent ones that the others hold, at most 32 each. It is exact from
//             start to start with options::drains = 1 and handlers of 20 us or more.
//   again     A job that is ready again (delayed, retried, yielded, requeued) comes to where its deadline or
//             number puts it, behind its equals. One that was taken and not started, because the queue
//             was paused or reached a limit, comes back to where it was.
//   held back What a limit, a pause or a breaker of its kind or of its tenant holds back waits in the line of
//             that one, first come, first served, and comes out before all others of its queue and priority;
//             so does what waits for its turn in its lane, by the lane's order.
//             The queue's own limits keep the order, since they hold back the queue and not the job; so
//             does the wait for a thread of a blocking kind.
//   starving  A job waits for all that are more urgent, also for those to come: ageing is among
//             priorities. queue_metrics::oldest_ready is that of the job taken last.
//   cost      A lock for each submit call and each batch, and 40 bytes for each job that waits.
//
// A queue of the order `tenants` is shared by its tenants (job_options::tenant): of the handler time of one
// priority each gets a part by its tenant_options::weight, however many jobs the others have there and
// however long those take. Jobs without a tenant are one tenant of weight 1.
//
//   exact     Next is a job of the tenant that has had least time for its weight; its own are first in, first
//             out. A tenant that has always jobs ready gets its part up to the time of one or two of the
//             longest jobs of each tenant; with several drains, of each drain. Time counts when an attempt is
//             over; before, the mean of the tenant's last ones stands for it. Weights may be changed at any
//             time and count from then on.
//   idle      Who has no job ready saves up nothing. Its next one waits for what the drains hold, and for at
//             most one job of each of the others.
//   again     A job that is ready again comes behind the others of its tenant; one that was taken and not
//             started to where it was.
//   held back Jobs that a pause or a limit of their tenant holds back stay in that tenant's line, but for those
//             that were taken already, and take no turn from others; the time for which it is held back is
//             lost to the tenant. What waits for its turn in its lane goes back to its tenant's line. What a
//             limit, a pause or a breaker of its kind holds back waits in the line of the kind, as above.
//   time      On the drains. A blocking kind has its own threads: there the time on those is shared.
//   cost      As above; some hundred bytes for each tenant, in each priority; a look at the clock, about
//             25 ns, for each job.
enum class queue_order : std::uint8_t {
  fifo,            // first in, first out, by submitting thread
  deadline,        // the earliest job_options::deadline first
  exact_priority,  // the smallest job_options::exact_priority first
  tenants,         // tenants in turn, by their shares of the handler time
};

struct queue_options {
  std::uint64_t jobs_max =
      1'000'000;  // live jobs, at least 1. Never exceeded. Up to a 1/4096 part of
                  // it per submitting thread may be set aside for that thread,
                  // so a full queue can say so that much early; bounds below
                  // 8,192 are exact
  // Payload bytes of its live jobs; 0: no bound. Exact, and never exceeded by a submit; each submit and end
  // of a job with a payload pays some ten nanoseconds for that, more where threads meet. A job without
  // payload has none, and a dead one none any more. A payload that is larger than the whole bound is
  // reject::too_large. May be changed at any time: below what is in use it ends no job and lets none with
  // a payload in. A first bound for a queue that has jobs counts them, which takes as long as a look at
  // every slot in use; submits under way in that moment may bring it above.
  std::uint64_t bytes_max = 0;
  pawl::when_full when_full = pawl::when_full::reject;
  duration block_for = std::chrono::seconds(1);  // the limit of when_full::block
  unsigned weight = 1;  // share of handler time among queues of one priority; 1 to 1,000
  // The queue's retry budget: beyond it retries are put off and due later, none is dropped. 0: no limit.
  std::uint32_t retries_per_s_max = 0;
  pawl::limits limits{};
  lane_options lanes{};
  // Fixed when the queue is created: another one later is errc::invalid, and so is any but fifo
  // together with when_full::shed.
  queue_order order = queue_order::fifo;
  // Of jobs that do not say it themselves (job_options::durability); for submits from now on. What was
  // logged before stays so.
  pawl::durability durability = pawl::durability::durable;
  // A durable job starts only when its submit is durable, and so is never found to have run without having
  // been accepted; else it may start before, and a crash in between forgets job and attempt together. It
  // waits for a write and a sync, and meanwhile cannot be shed. For submits from now on. Not of
  // jobs that are `relaxed` or `none`, nor without a log; while the disk is full, or for good once the log
  // has failed, such jobs do not start.
  bool strict_start = false;
  // Keep what its jobs leave behind (context::set_result()), for attempts that end from now on. It is logged
  // with the end of a job that is logged.
  bool keep_results = false;
};

struct tenant_options {
  pawl::limits limits{};
  unsigned weight = 1;  // share of handler time in queues of the order `tenants`; 1 to 1,000
};

}  // namespace pawl
