// pawl/loop.hpp -- jobs on the host's own threads: Pawl as a guest in an event loop.
//
// With options::executor = executor::external the scheduler has no drains. Each event loop of the host
// that wants to run jobs makes a loop, waits for its descriptor among its own, and calls run_some():
//
//   auto jobs = *scheduler->make_loop();
//   epoll_ctl(epoll, EPOLL_CTL_ADD, jobs->notify_fd(), &event);       // level-triggered, EPOLLIN
//   ...
//   if (event is jobs->notify_fd()) jobs->run_some(64, 200us);        // a slice, then its own events again
//
// The descriptor is all there is to watch. It tells of jobs that are submitted, come due, come again or
// are let go by a gate, and of stop(). What an idle loop costs is nothing: no wake-ups, no polling.
//
// Loops    share the work like drains: each takes batches, one that has nothing takes jobs from the
//          batch of another. As many as options::drains at a time. A loop whose descriptor is readable has
//          been chosen to do something: if its thread is busy with other things for long, what it
//          was chosen for waits until it comes, or until another submit wakes another loop.
// Threads  that the scheduler keeps all the same: one for timers, which also watches run_timeout (the
//          loop's own thread cannot see that it is late), and those of blocking kinds. Kinds declared
//          parallel run on the loop's thread as it is: what they give to oneTBB runs in the arena
//          from which run_some() was called, which is the host's own. An overrun of a handler
//          is reported; no thread is started in place of the loop's.
// Waiting  scheduler::wait() is allowed on a loop's thread outside run_some(), but while it waits this
//          loop runs nothing: with one loop it waits for a job that only itself could run. Inside a
//          handler it is refused, as on a drain. The same goes for queues that block when full.
// Ends     stop() and the scheduler's destructor refuse further run_some() calls, wait for those in
//          progress to return, and make every descriptor readable for good. A loop may be destroyed
//          before the scheduler, or later, when it only holds its descriptor and says errc::stopping.
//          Take the descriptor out of your poll set before: the number may be used again after.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "pawl/error.hpp"
#include "pawl/export.hpp"
#include "pawl/job.hpp"

namespace pawl {

// What became of one call of run_some().
struct run_result {
  std::size_t ran = 0;  // handlers called
  bool more = false;    // there may be work left, and notify_fd() is readable
  // How long until something is known to come due; not set: nothing is. For the curious: the descriptor
  // becomes readable then. It may come early, and nothing be ready yet.
  std::optional<duration> next_due;
};

// Made by scheduler::make_loop(). One thread at a time uses a loop; it need not always be the same one.
class PAWL_EXPORT loop {
 public:
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  // Not while run_some() is in progress.
  ~loop();

  // Readable (POLLIN, level-triggered) while there may be work for this loop, and before the first
  // run_some(). Wait for it in any way; do not read from it, write to it or close it. Valid as long as
  // the loop is.
  [[nodiscard]] int notify_fd() const noexcept;

  // Runs jobs on the calling thread until `jobs_max` of them have run, or `budget` has passed, or there
  // is none. The budget is looked at before each start but the first of a visit, so that the smallest
  // budget gets on, and does not interrupt a handler. What was claimed and not started goes back to the
  // front of its queue, in order. Never waits for another thread. After more == false the descriptor
  // becomes readable as soon as there is work, be it submitted during the call.
  //   errc::invalid   called from inside a handler of this scheduler
  //   errc::busy      another thread is inside run_some() of this loop
  //   errc::stopping  the scheduler is stopping or gone; the descriptor stays readable
  //   errc::memory    errc::forked
  result<run_result> run_some(std::size_t jobs_max, duration budget) noexcept;

 private:
  friend class scheduler;
  struct impl;  // src/loop.cpp
  explicit loop(std::unique_ptr<impl> parts) noexcept;
  std::unique_ptr<impl> impl_;
};

}  // namespace pawl
