// pawl/scheduler.hpp -- run jobs by priority, in this process, millions a second.
//
//   submit --> ready --> running --> completed
//                |          |------> dead       the handler said so or threw
//                |          '------> cancelled  cancel() asked and the handler agreed
//                |-----------------> cancelled  cancel() came before the start
//                '-----------------> dead(shed) a full queue that sheds made room
//
// Guarantee: every accepted job starts at most once and reaches exactly one terminal state, or is
//            still waiting when the scheduler ends. Without a directory nothing outlives the
//            process: jobs that have not started when stop() is called are dropped.
// Threads:   every member may be called from any thread, also from inside a handler, unless its
//            comment says otherwise. No thread, descriptor or signal handler of Pawl exists before
//            open() or after the destructor. Signals are blocked in Pawl's threads, except those that
//            a fault raises (SIGSEGV and its kin), so that a crash handler of the host sees them.
// Units:     durations are std::chrono types; a plain number carries its unit in its name.
// Failure:   no member throws. See pawl/error.hpp for what each errc means in general. In a child
//            of fork() every call answers errc::forked (reject::forked), and the destructor does
//            nothing.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "pawl/codec.hpp"
#include "pawl/context.hpp"
#include "pawl/counters.hpp"
#include "pawl/error.hpp"
#include "pawl/export.hpp"
#include "pawl/health.hpp"
#include "pawl/job.hpp"
#include "pawl/options.hpp"
#include "pawl/registry.hpp"

namespace pawl {

class PAWL_EXPORT scheduler {
 public:
  // Reserves address space for options::jobs_max jobs and starts the drains. Both arguments are
  // copied. Blocks until the threads run.
  //   errc::invalid  an option is out of range, or the registry is not valid(); failure::where
  //                  names it
  //   errc::io       a thread could not be created
  //   errc::memory   the address space is not to be had
  static result<std::unique_ptr<scheduler>> open(const options& wanted,
                                                 const registry& kinds) noexcept;

  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;

  // stop(options::stop_deadline), then takes everything down. If a handler is still inside when the
  // deadline passes, its thread and the memory it may touch are left to it, and that is reported.
  // No other call may be in progress, except wait(), which returns errc::stopping.
  ~scheduler();

  // The queue of that name, created if need be; `wanted` becomes its options in either case. Names
  // are 1 to 128 characters of [A-Za-z0-9._-]; a scheduler has at most 4,096 queues. May allocate.
  //   errc::invalid   the name or an option is out of range
  //   errc::full      there are 4,096 queues
  //   errc::memory    no memory for it
  //   errc::stopping  errc::forked
  result<queue_ref> queue(std::string_view name, const queue_options& wanted = {}) noexcept;

  // Accepts a job: it may start at once, also before this returns. Copies `payload`. Takes no lock,
  // allocates nothing and makes no system call, except: to wake a sleeping drain; when a thread
  // meets a queue for the first time; when there are more jobs alive than ever before; for threads
  // beyond the 64th that submit at the same time, which share one place under a lock; and for
  // queues that block when full. See `reject` for every way to be refused.
  submit_answer submit(queue_ref queue, kind_ref kind, std::span<const std::byte> payload,
                       const job_options& how = {}) noexcept;

  // The same for a payload type with a codec.
  template <class T>
  requires(!std::is_convertible_v<const T&, std::span<const std::byte>>) submit_answer
      submit(queue_ref queue, kind_ref kind, const T& value, const job_options& how = {})
  noexcept { return submit(queue, kind, codec<T>::encode(value), how); }

  // Accepts the specs in order, all of them or a prefix; several times cheaper per job than
  // submit(). `ids`, where not empty, must be as long as `specs`; the ids of the accepted jobs are
  // written to it. The jobs of one priority leave their band in the order of the specs.
  submit_answers submit_bulk(queue_ref queue, kind_ref kind, std::span<const job_spec> specs,
                             std::span<job_id> ids = {}) noexcept;

  // What is known of a job now. Lock-free. A job that ended is `ended`, except the last
  // options::dead_in_memory dead ones.
  //   errc::not_found  the id was never issued
  //   errc::forked
  [[nodiscard]] result<job_status> find(job_id id) const noexcept;

  // Blocks until the job is terminal, at most `limit`. Called before the job's end it always gets
  // the outcome; called after it, what find() knows.
  //   errc::timeout    the limit has passed; the job is not touched
  //   errc::invalid    called on a drain: it would hold one of the threads that make progress
  //   errc::stopping   the scheduler stopped before the job ended
  //   errc::not_found  errc::forked
  [[nodiscard]] result<job_status> wait(job_id id, duration limit) noexcept;

  // Ends a job that has not started. A running one is asked: context::cancel_requested() turns true,
  // and its outcome decides. Which of the two it was is what find() or wait() say.
  //   errc::stale      the job has already ended
  //   errc::not_found  errc::forked
  result<ticket> cancel(job_id id) noexcept;

  // After pause() returned no job of the queue starts; those running go on, submit() still accepts.
  // Blocks for microseconds: until starts under way on other processors are through.
  //   errc::not_found  the reference is not of this scheduler
  //   errc::stopping   errc::forked
  result<ticket> pause(queue_ref queue) noexcept;
  // Undoes pause(). The same errors.
  result<ticket> resume(queue_ref queue) noexcept;

  // Applies new options to a queue, for submits and starts from now on. Lowering jobs_max ends no
  // job.
  //   errc::invalid    an option is out of range
  //   errc::not_found  errc::stopping  errc::forked
  result<ticket> set_options(queue_ref queue, const queue_options& wanted) noexcept;

  // Closes the intake, starts no more jobs, and waits at most `limit` for the handlers that run;
  // context::stop_requested() is true for them. Then the threads end. Jobs that have not started
  // never will. Calling it again waits again.
  //   errc::timeout  handlers are still inside
  //   errc::invalid  called from inside a handler
  //   errc::forked
  status stop(duration limit) noexcept;

  // May allocate; takes locks that no submit and no start takes.
  [[nodiscard]] health_report health() const;
  [[nodiscard]] counters read_counters() const noexcept;

 private:
  struct impl;  // src/scheduler.cpp
  scheduler(impl* parts, bool owns) noexcept : impl_(parts), owns_(owns) {}
  impl* impl_;
  bool owns_;  // false: what handlers see; it lives as long as any handler does
};

}  // namespace pawl
