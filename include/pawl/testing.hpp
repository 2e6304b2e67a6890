// pawl/testing.hpp -- a scheduler for tests of your own jobs: no threads, a virtual clock, one seed.
//
//   auto t = std::move(*pawl::testing::test_scheduler::open({}, kinds));
//   auto queue = *(*t)->queue("mail");                      // (*t)-> : a pawl::scheduler, all of it
//   auto job = (*t)->submit(queue, send, letter{42}, {.after = std::chrono::hours(24)});
//   t->advance(std::chrono::hours(23));                     // nothing happens
//   t->advance(std::chrono::hours(1));                      // it runs here, on this thread
//
// Nothing happens unless the test says so. Ready jobs wait for a call that runs them; then they run on
// the calling thread, one after the other, inside that call. Time stands still except where this page
// says that it passes, and a day takes no longer than a millisecond.
//
// Guarantee: the engine is the one that ships: priorities, limits, retries, expiry, timeouts, dead
//            letters. Nothing starts before it is due, and what is due runs when the clock shows
//            exactly that nanosecond, unless a handler takes longer.
// Order:     what several drains leave open is drawn from the seed: which job of a priority starts
//            first, within a window of the 32 oldest of a queue; which queue of several, by weight; what of
//            several things due at the same nanosecond comes first. The same seed, the same test: the
//            same run, jitter included (options::seed 0 is made from the seed). With options::drains = 1
//            jobs of one queue and priority that the test submits start in the order of the submits; in
//            an ordered queue, in its order.
// Handlers:  take no time, unless they say advance(). They never overlap, however many drains the
//            options name, except that a handler of a blocking kind may wait() for other jobs. What a
//            parallel one spawns in oneTBB runs on the same thread.
// Blocking:  where a scheduler would block its caller, this one runs jobs and lets time pass: wait()
//            until the job has ended, submit() to a full queue that blocks until there is room. Both
//            return at that moment, or with the clock moved on by the whole limit.
// Clock:     now() counts from 0, the scale of job_status::due, dead_letter::died and the rest that is
//            "since boot". The wall clock starts at 2025-01-01 00:00 UTC and goes along. Both end after
//            200 years: nothing moves them further, and what is due later is never due.
// Threads:   one at a time, for a test_scheduler and its scheduler together. stop() and the destructor
//            find no handler running. thread_hooks are not called.
// Failure:   nothing throws. In a handler or a hook the members that run jobs do nothing, and say 0
//            or false.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "pawl/export.hpp"
#include "pawl/scheduler.hpp"

namespace pawl::testing {

class PAWL_EXPORT test_scheduler {
 public:
  // As scheduler::open(), with the same errors. `seed` 0: that of the environment variable
  // PAWL_TEST_SEED, or a fresh one; either way printed on standard error as PAWL_TEST_SEED=..., so that
  // a test that failed can be run again.
  static result<std::unique_ptr<test_scheduler>> open(const options& wanted, const registry& kinds,
                                                      std::uint64_t seed = 0) noexcept;

  // The test scheduler that runs this job; null: a real one does. For handlers, and the stand-ins they
  // call, that say how long they take:
  //   if (auto* t = test_scheduler::of(job)) t->advance(std::chrono::seconds(3));
  static test_scheduler* of(const context& job) noexcept;

  test_scheduler(const test_scheduler&) = delete;
  test_scheduler& operator=(const test_scheduler&) = delete;
  ~test_scheduler();

  // The scheduler: submit, find, wait, cancel, requeue, pause, stop and so on.
  scheduler& operator*() const noexcept;
  scheduler* operator->() const noexcept { return &**this; }

  // Runs what is ready now, and what becomes ready by that, while time stands still. Stops after
  // `attempts_max` starts; jobs that make themselves ready again for ever need that bound. How many
  // starts there were.
  std::size_t run_ready(std::size_t attempts_max = SIZE_MAX) noexcept;

  // Lets time pass: runs what is ready, moves the clock to the next due time, runs what became ready,
  // and so on, until `span` has passed. What a handler starts and a retry that comes due within the span
  // happen within it, at their times. How many starts there were.
  // Inside a handler: the handler takes so long. Deadlines within the span come true at their times
  // (context::timed_out(), stop tokens, overruns, expiry); jobs that come due become ready and start
  // when the handler has returned. 0.
  std::size_t advance(duration span) noexcept;

  // Runs what is ready; then moves the clock to the next time at which a job is due or expires, and
  // runs what became ready. False: nothing is due any more, and the clock stands where it was.
  bool advance_to_next() noexcept;

  // advance_to_next() until nothing is ready and nothing is due within `limit` from now. The clock
  // stands at the last due time. How many starts there were.
  std::size_t run_until_idle(duration limit) noexcept;

  [[nodiscard]] duration now() const noexcept;

  // What job_options::at goes by. It goes along with now(), and setting it moves nothing else; what is
  // due by it gets its new time, and runs with the next call that runs jobs. Not before 1970.
  [[nodiscard]] std::chrono::system_clock::time_point wall_clock() const noexcept;
  void set_wall_clock(std::chrono::system_clock::time_point at) noexcept;

  [[nodiscard]] std::uint64_t seed() const noexcept;

 private:
  struct impl;  // src/testing.cpp
  explicit test_scheduler(std::unique_ptr<impl> parts) noexcept;
  std::unique_ptr<impl> impl_;
};

}  // namespace pawl::testing
