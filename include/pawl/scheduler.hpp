// pawl/scheduler.hpp -- run jobs by priority, in this process, millions a second.
//
//   submit --> scheduled --> ready --> running --> completed
//                  ^           | ^        |------> dead       no attempts left, or the handler said so
//                  |           | '--------|------- ready      yield
//                  '-----------|----------'------- scheduled  retry, snooze
//                              |          '------> cancelled  cancel() asked and the handler agreed
//                              |-----------------> cancelled  cancel() came before the start
//                              |-----------------> expired    it was not started in time
//                              '-----------------> dead(shed) a full queue that sheds made room
//   dead --> ready             requeue()
//
// Guarantee: nothing starts before it is due, nor after it expired, nor twice at the same time; every
//            accepted job reaches exactly one terminal state, or is still waiting when the scheduler
//            ends. With a directory (options::directory) those that wait then are there when it is opened
//            again, with their ids, and so they are after a crash: what was durable, whatever crashed, and
//            what was relaxed if only the process did and a millisecond had passed. A job that ran when
//            it happened runs again: starts are at least once, ends exactly once. Without a directory
//            nothing outlives the process: jobs that have not ended when stop() is called are dropped.
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
#include <vector>

#include "pawl/codec.hpp"
#include "pawl/context.hpp"
#include "pawl/counters.hpp"
#include "pawl/dead_letter.hpp"
#include "pawl/error.hpp"
#include "pawl/export.hpp"
#include "pawl/health.hpp"
#include "pawl/job.hpp"
#include "pawl/job_result.hpp"
#include "pawl/lane.hpp"
#include "pawl/limits.hpp"
#include "pawl/loop.hpp"
#include "pawl/metrics.hpp"
#include "pawl/options.hpp"
#include "pawl/registry.hpp"
#include "pawl/source.hpp"
#include "pawl/unique.hpp"

namespace pawl {

namespace testing {
class test_scheduler;  // pawl/testing.hpp
}

class PAWL_EXPORT scheduler {
 public:
  // Reserves address space for options::jobs_max jobs and starts the drains, if
  // options::executor asks for any. Both arguments are copied. Blocks until the threads run; with a directory,
  // until its log is read, what it held is in place, and is written into a new one. Queues that it knows are
  // there again with the options they had. Jobs of kinds that the registry does not have wait, blocked
  // (waiting_for::handler), until an opening brings them.
  //   errc::invalid  an option is out of range, or the registry is not valid(); failure::where
  //                  names it
  //   errc::io       a thread could not be created, or the directory not be read or written:
  //                  failure::sys_errno
  //   errc::memory   the address space is not to be had
  //   errc::busy     another scheduler has the directory, of this process or another
  //   errc::corrupt  the log is damaged: where and how goes to the log sink, and nothing was changed
  //   errc::version  the log was written by a release that this one cannot read
  //   errc::no_space the disk is full
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
  //   errc::invalid   the name or an option is out of range, or `wanted.order` is not the queue's
  //   errc::full      there are 4,096 queues
  //   errc::memory    no memory for it
  //   errc::stopping  errc::forked
  result<queue_ref> queue(std::string_view name, const queue_options& wanted = {}) noexcept;

  // Accepts a job: it may start at once, also before this returns. Copies `payload`. Takes no lock,
  // allocates nothing and makes no system call, except: to wake a sleeping drain; when a thread
  // meets a queue for the first time; when there are more jobs alive than ever before; for threads
  // beyond the 64th that submit at the same time, which share one place under a lock; for queues
  // that block when full; and for jobs with a unique key or a lane, see pawl/unique.hpp and
  // pawl/lane.hpp. See `reject` for every
  // way to be refused.
  submit_answer submit(queue_ref queue, kind_ref kind, std::span<const std::byte> payload,
                       const job_options& how = {}) noexcept;

  // The same for a payload type with a codec.
  template <class T>
  requires(!std::is_convertible_v<const T&, std::span<const std::byte>>) submit_answer
      submit(queue_ref queue, kind_ref kind, const T& value, const job_options& how = {})
  noexcept { return submit(queue, kind, codec<T>::encode(value), how); }

  // Accepts the specs in order, all of them or a prefix; several times cheaper per job than
  // submit(). `ids`, where not empty, must be as long as `specs` (else: reject::bad_option); the ids of the
  // accepted jobs are written to it. The jobs of one priority leave their band in the order of the specs.
  // A duplicate that is rejected ends the prefix; one whose answer is another job (on_duplicate) counts
  // as accepted, and its id is that job's. Two specs of one key are duplicates like any two submits.
  submit_answers submit_bulk(queue_ref queue, kind_ref kind, std::span<const job_spec> specs,
                             std::span<job_id> ids = {}) noexcept;

  // What is known of a job now. Lock-free. A job that ended is `ended`, except the last
  // options::dead_in_memory dead ones.
  //   errc::not_found  the id was never issued
  //   errc::forked
  [[nodiscard]] result<job_status> find(job_id id) const noexcept;

  // What is known of a lane now; of one that nobody has heard of, that it has no jobs. Takes a lock for a
  // moment.
  //   errc::invalid   the key is empty
  //   errc::not_found  the queue is not of this scheduler
  //   errc::stopping  errc::forked
  [[nodiscard]] result<lane_status> find(lane_ref lane) const noexcept;

  // Blocks until the job is terminal, at most `limit`. Called before the job's end it always gets
  // the outcome; called after it, what find() knows.
  //   errc::timeout    the limit has passed; the job is not touched
  //   errc::invalid    called on a drain: it would hold one of the threads that make progress
  //   errc::stopping   the scheduler stopped before the job ended
  //   errc::not_found  errc::forked
  [[nodiscard]] result<job_status> wait(job_id id, duration limit) noexcept;

  // Ends a job that is not running. A running one is asked: context::cancel_requested() turns true,
  // and its outcome decides; it is not retried. Which of the two it was is what find() or wait() say.
  //   errc::stale      the job has already ended
  //   errc::not_found  errc::forked
  result<ticket> cancel(job_id id) noexcept;

  // Makes a dead job ready again: the same id, all attempts before it, its errors kept; it does not expire any
  // more (job_options::expires). `version` is that of the death (dead_letter::version, job_status::version), so
  // asking twice does it once.
  //   errc::stale      the job is not dead, or died again since
  //   errc::not_found  the id was never issued, or the letter is gone
  //   errc::full       no room in the queue or the scheduler
  //   errc::busy       the job died of an overrun and its handler is still inside, or it had a unique
  //                    key (job_options::unique) that another job holds now
  //   errc::stopping   errc::forked  errc::memory
  result<ticket> requeue(job_id id, std::uint64_t version) noexcept;

  // At most `letters_max` of the dead letters that `which` lets through, oldest death first, from
  // `cursor` on (0: the beginning). One that is requeued meanwhile and dies again is listed again.
  // Allocates; each letter is looked at under a lock that deaths take too.
  //   errc::invalid  letters_max is 0
  //   errc::forked  errc::memory
  [[nodiscard]] result<dead_page> list_dead(const dead_filter& which = {}, std::uint64_t cursor = 0,
                                            std::size_t letters_max = 100) const noexcept;
  // One dead letter, and a copy of its payload if `payload` is not null.
  //   errc::not_found  the job is not among the dead that are kept
  //   errc::forked  errc::memory
  [[nodiscard]] result<dead_letter> show_dead(
      job_id id, std::vector<std::byte>* payload = nullptr) const noexcept;
  // Forgets dead letters. How many.
  //   errc::forked
  result<std::uint64_t> purge_dead(const dead_filter& which = {}) noexcept;

  // What a completed job left behind (context::set_result()), if its queue keeps that and it is among the
  // newest options::results_in_memory. It is there before wait() and hooks tell of the end.
  //   errc::not_found  nothing is kept of that job
  //   errc::forked  errc::memory
  [[nodiscard]] result<job_result> show_result(job_id id) const noexcept;
  // At most `results_max` of them, the oldest end first, from `cursor` on (0: the beginning); of those that were
  // recovered, what had become durable at once is in any order. Allocates; ends of jobs that leave something wait
  // meanwhile.
  //   errc::invalid  results_max is 0
  //   errc::forked  errc::memory
  [[nodiscard]] result<result_page> list_results(std::uint64_t cursor = 0,
                                                 std::size_t results_max = 100) const noexcept;
  // Forgets what these jobs left behind. How many there were.
  //   errc::forked  errc::memory
  result<std::uint64_t> purge_results(std::span<const job_id> jobs) noexcept;

  // The tenant of that name, made if need be; `wanted` becomes its options in either case. Names are as
  // those of queues; a scheduler has at most 65,535 tenants, and none is forgotten. May allocate.
  //   errc::invalid   the name or an option is out of range
  //   errc::full      there are 65,535 tenants
  //   errc::memory  errc::stopping  errc::forked
  result<tenant_ref> tenant(std::string_view name, const tenant_options& wanted = {}) noexcept;

  // The source of that name, made if need be, and the same after a crash: pawl/source.hpp. Names are as those of
  // queues; there are at most 4,096, and none is forgotten. May allocate.
  //   errc::invalid  the name is out of range
  //   errc::full     there are 4,096 sources
  //   errc::memory  errc::stopping  errc::forked
  result<source_ref> source(std::string_view name) noexcept;
  // How far it has been read: by the job that was accepted last with a cursor of it, or as it was set.
  //   errc::not_found  the source is not of this scheduler
  //   errc::memory  errc::forked
  [[nodiscard]] result<source_position> cursor(source_ref source) const noexcept;
  // Sets that without a job: the end of a source that brought none, or another beginning. Logged.
  //   errc::invalid  the position is longer than position_bytes_max
  //   errc::not_found  errc::memory  errc::stopping  errc::forked
  result<ticket> set_cursor(const source_cursor& at) noexcept;

  // What follows is about a scope: scope::all(), a queue, a kind, a tenant, or a lane. Errors of each:
  //   errc::not_found  the reference is not of this scheduler
  //   errc::invalid    a duration is below 0 or above a year, a limit is out of range, or the key of a
  //                    lane is empty
  //   errc::stopping   errc::forked  errc::memory
  //
  // After pause() returned no job of the scope starts; those running go on, submit() still accepts.
  // Ends with resume(), or by itself so long after; 0: not by itself. Blocks for microseconds: until
  // starts under way on other processors are through.
  result<ticket> pause(scope of, duration resume_after = {}) noexcept;
  result<ticket> resume(scope of) noexcept;
  // Nothing of the scope starts for so long: somebody who is called has asked for rest. The latest end
  // counts; neither pause() nor resume() has a part in it.
  result<ticket> hold(scope of, duration span) noexcept;
  // From now on; those running go on. Of scope::all() there is a rate only; the limits of lanes are their
  // queue's, queue_options::lanes (errc::invalid).
  result<ticket> set_limits(scope of, const limits& wanted) noexcept;
  // The kind's breaker gets another rule, or its first one (pawl/breaker.hpp); breaker_rule{} takes it away.
  // It judges what attempts come to from now on:
  //   none      one that is given is closed; of attempts that run already it hears nothing
  //   closed    what it has counted stays, and is judged together with the next attempt
  //   open      it is tried after the new open_for at the latest
  //   half open the trials begin anew, and those that are out do not count
  //   taken away what waited for it goes on at once, unless something else holds it back
  // The rule it has already changes nothing. Breakers of lanes: queue_options::lanes, and set_options().
  //   errc::not_found  the kind is not of this scheduler's registry
  //   errc::invalid    the rule is out of range
  //   errc::stopping   errc::forked  errc::memory
  result<ticket> set_breaker(kind_ref kind, const breaker_rule& wanted) noexcept;
  // submit() refuses new jobs of the scope with reject::intake_closed; those that are there run. A call
  // that is under way meanwhile may still be accepted.
  result<ticket> close_intake(scope of) noexcept;
  result<ticket> open_intake(scope of) noexcept;

  // Up to where the log is durable. 0 without one.
  [[nodiscard]] std::uint64_t durable_lsn() const noexcept;
  // Is what the ticket is of a fact, whatever crashes? Always, where nothing is logged; of a relaxed job
  // some time after it was asked for all the same.
  [[nodiscard]] bool is_durable(const ticket& t) const noexcept { return t.lsn <= durable_lsn(); }
  // Blocks until it is, at most `limit`. The log is written in the meantime, so a thread may submit many
  // jobs and wait for the last ticket, which covers all that the thread did before.
  //   errc::timeout   the limit has passed
  //   errc::io        the log has failed: it will never be durable, and whether it is on the disk only the
  //                   next opening knows
  //   errc::invalid   called on a drain, or the ticket is of another scheduler
  //   errc::stopping  the scheduler was stopped before
  //   errc::forked
  [[nodiscard]] status wait_durable(const ticket& t, duration limit) noexcept;

  // Applies new options to a queue, for submits and starts from now on. Lowering a bound ends no
  // job; a submit that is under way meanwhile may still take the room it had found.
  //   errc::invalid    an option is out of range, or `wanted.order` is not the queue's
  //   errc::not_found  errc::stopping  errc::forked
  result<ticket> set_options(queue_ref queue, const queue_options& wanted) noexcept;

  // A place in which a thread of the host runs jobs, see pawl/loop.hpp. May allocate.
  //   errc::invalid   options::executor is not executor::external, or options::dispatch is false
  //   errc::full      there are options::drains loops
  //   errc::io        the process has no more descriptors
  //   errc::memory    errc::stopping  errc::forked
  result<std::unique_ptr<loop>> make_loop() noexcept;

  // Closes the intake, starts no more jobs, and waits at most `limit` for the handlers that run;
  // context::stop_requested() is true for them. `limit` counts from the call: callbacks of stop tokens
  // run first and in it, and one that takes longer holds up the return. Then the threads end.
  // Jobs that have not started never will, by this scheduler. Calling it again waits again.
  // Then the log is closed, with all that was said to it durable.
  //   errc::timeout  handlers are still inside; health() and the log sink say which. The log stays open
  //   errc::io       the log could not be closed that way; it holds what was durable before
  //   errc::invalid  called from inside a handler
  //   errc::forked
  status stop(duration limit) noexcept;

  // May allocate; takes locks that no submit and no start takes. Looks for conditions: see
  // pawl/condition.hpp. So does read_metrics().
  [[nodiscard]] health_report health() const;
  [[nodiscard]] counters read_counters() const noexcept;
  // What has happened and what is there, by queue and kind: see pawl/metrics.hpp.
  [[nodiscard]] metrics read_metrics() const;

 private:
  friend class testing::test_scheduler;
  struct impl;  // src/scheduler_impl.hpp
  scheduler(impl* parts, bool owns) noexcept : impl_(parts), owns_(owns) {}
  impl* impl_;
  bool owns_;  // false: what handlers see; it lives as long as any handler does
};

}  // namespace pawl
