// engine/thread_context.hpp -- what a thread needs to work on jobs without sharing anything.
//
// A pair of magazines, a token for each band it pushes to or pops from, credits set aside, counts,
// and a line on the board. Owned by one thread at a time; context_office.hpp says which.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "engine/attempt.hpp"
#include "engine/log_appender.hpp"
#include "engine/pair_tallies.hpp"
#include "engine/timers.hpp"
#include "job/memory_budget.hpp"
#include "job/slab.hpp"
#include "persistence/crash_line.hpp"
#include "ready/board.hpp"
#include "ready/ready_queue.hpp"
#include "ready/set_aside.hpp"
#include "ready/start_gate.hpp"
#include "ready/start_pass.hpp"

namespace pawl {

enum class context_role : std::uint8_t {
  application,  // a thread of the host
  shared,       // all threads of the host beyond the 64th, under `sharing`
  drain,
  blocking,
  timer,
};

constexpr thread_role role_of(context_role r) noexcept {
  return r == context_role::drain   ? thread_role::drain
         : r == context_role::timer ? thread_role::timer
                                    : thread_role::blocking;
}

// A thread's part in one queue.
struct queue_share {
  std::array<std::optional<band::producer>, priority_count> producers;
  std::array<std::optional<band::consumer>, priority_count> consumers;
  set_aside credits;  // each is one of the queue's and one of the scheduler's
  // Of the queue and the kind that was submitted to it last.
  std::uint16_t kind = 0xffff;  // no kind has that number
  tally* counts = nullptr;
};

// Permits to run that a thread has: for the job it runs, and the next of its batch.
struct held_permits {
  ready_queue* queue = nullptr;
  start_gate* kind = nullptr;
  start_gate* tenant = nullptr;
};

// Attempts of one kind that did well and that its breaker has not been told of yet (engine/breaking.hpp).
struct good_ends {
  std::uint32_t mark = no_breaker_mark;
  std::uint32_t count = 0;
};

// Room of ended jobs that has not been given back yet.
struct room_debt {
  unsigned queue = 0;
  std::uint32_t jobs = 0;
};

class thread_context {
 public:
  static constexpr std::uint32_t no_slot = 0xffffffff;

  // `current` and `spare` are empty magazines of the slab that this context works with.
  thread_context(context_role role, unsigned index, magazine* current, magazine* spare,
                 memory_budget* budget) noexcept
      : tallies(memory_account(budget, memory_pool::threads), need_of(role)),
        budget_(budget),
        role_(role),
        index_(index),
        current_(current),
        spare_(spare) {}

  // Our own threads must go on.
  static constexpr need need_of(context_role r) noexcept {
    return r == context_role::application || r == context_role::shared ? need::wanted
                                                                       : need::accepted;
  }
  [[nodiscard]] memory_account account(memory_pool of) const noexcept { return {budget_, of}; }

  [[nodiscard]] context_role role() const noexcept { return role_; }
  [[nodiscard]] unsigned index() const noexcept { return index_; }
  // May its thread be held up? Not inside a handler.
  [[nodiscard]] bool may_block() const noexcept {
    return role_ == context_role::application || role_ == context_role::shared;
  }

  // A free slot, held by this thread. no_slot: all are in use, or no memory.
  std::uint32_t take_slot(slab& jobs) noexcept {
    do {
      if (current_->is_empty() && !refill(jobs)) return no_slot;
      const std::uint32_t taken = current_->pop();
      // Free slots come from another processor's cache, or from memory when there is a backlog: have
      // the one after the next few on its way.
      const slot& later = jobs[current_->peek(6)];
      __builtin_prefetch(&later, 1);
      __builtin_prefetch(&later.body, 1);
      if (jobs[taken].generation < jobs.ceiling() || may_use(jobs[taken])) return taken;
    } while (true);
  }
  // Gives back a slot whose word is free.
  void free_slot(slab& jobs, std::uint32_t slot) noexcept {
    if (current_->is_full()) [[unlikely]]
      make_room_for_slot(jobs);
    current_->push(slot);
  }

  // Allocates the first time. Null: no memory.
  queue_share* share_of(unsigned queue) noexcept {
    if (queue < shares_.size() && shares_[queue]) return shares_[queue].get();
    return add_share(queue);
  }
  band::producer* producer_of(queue_share& share, ready_queue& queue, unsigned b) noexcept {
    return share.producers[b] ? &*share.producers[b] : add_producer(share, queue, b);
  }
  band::consumer* consumer_of(queue_share& share, ready_queue& queue, unsigned band) noexcept;

  // Null: no memory.
  timer_inbox::producer* timer_producer(timer_inbox& inbox) noexcept {
    if (!timer_producer_) timer_producer_.emplace(inbox.make_producer());
    if (!timer_producer_->valid()) timer_producer_.reset();
    return timer_producer_ ? &*timer_producer_ : nullptr;
  }
  timer_inbox::consumer& timer_consumer(timer_inbox& inbox) noexcept {
    if (!timer_consumer_) timer_consumer_.emplace(inbox.make_consumer());
    return *timer_consumer_;
  }

  // Calls f(queue index, share) for each queue met so far.
  template <class F>
  void for_each_share(F f) {
    for (unsigned i = 0; i < shares_.size(); ++i) {
      if (shares_[i]) f(i, *shares_[i]);
    }
  }

  // What is set aside of a queue whose credits are called back: any thread; see set_aside.hpp. A share
  // that its thread adds after this looked has nothing set aside, and its thread sees the recall.
  std::uint32_t take_recalled(unsigned queue) noexcept {
    const std::lock_guard lock(adding_);
    return queue < shares_.size() && shares_[queue] ? shares_[queue]->credits.take_recalled() : 0;
  }

  std::unique_ptr<log_appender> log;  // the way into the log; null: there is none
  pair_tallies tallies;
  room_debt debt;
  held_permits held;
  start_pass pass;
  held_starts starts;
  good_ends ended_well;
  board_line line;
  crash_line* crash =
      nullptr;  // the same for the next process, of jobs that are logged; null: nobody asks
  attempt now_running;
  clock_source::reading clock_reading;
  // That the last submit lacked which was refused for want of room. 0: it lacked a job's room.
  std::uint64_t bytes_wanted = 0;
  std::uint64_t bytes_taken = 0;  // by the job on its way in, if its slot is marked as weighed
  // With histograms: when the attempt of the thread's last job ended, if nothing but our own work on that job
  // has been done since; else 0.
  std::uint64_t ended_ns = 0;
  bool is_short_of_memory = false;  // inside take_in_scarce()
  std::uint32_t timers_added = 0;   // entries, since the context was made; wraps
  // Held by a user of the shared context, which may come again from a hook or a stop callback. What is
  // foreign is called where a context of a thread's own may be used again as well.
  std::recursive_mutex sharing;

 private:
  bool refill(slab& jobs) noexcept;
  [[nodiscard]] bool may_use(const slot& free) const noexcept;
  void make_room_for_slot(slab& jobs) noexcept;
  queue_share* add_share(unsigned queue) noexcept;
  band::producer* add_producer(queue_share& share, ready_queue& queue, unsigned b) noexcept;

  memory_budget* const budget_;
  const context_role role_;
  const unsigned index_;
  // Two, so that a thread that takes and frees in turn at a boundary does not go to the depot each
  // time.
  magazine* current_;
  magazine* spare_;
  std::mutex adding_;  // held by who changes shares_ and by who reads it on another thread
  std::vector<std::unique_ptr<queue_share>> shares_;
  std::optional<timer_inbox::producer> timer_producer_;
  std::optional<timer_inbox::consumer> timer_consumer_;
};

}  // namespace pawl
