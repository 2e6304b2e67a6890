// engine/timers.hpp -- everything that is due later: the wheel, its inbox, and who turns it.
//
// Whoever puts a job off pushes an entry into the inbox. Whoever holds the try-lock moves entries from
// the inbox into the wheel and fires what is due: a drain that passes between two batches, else the
// timer thread, which sleeps until the next expiry.
//
// Roles       add, note_stale: any thread with a context.  step: any thread, with its own context.
//             prepare_to_sleep, woken: the timer thread.
// Progress    add is lock-free, but that where the inbox has grown long it lends a hand, which is bounded;
//             step gives up when another thread holds the lock, and is bounded. Nobody waits with the
//             lock held: what finds no memory in the wheel stays in the inbox.
//
// State       sleep_ (timer_sleep.hpp) is the lock and says who must be woken; the rest is the holder's,
//             but for the four numbers at the end.
//
// Invariants  I1  The timer thread does not oversleep: timer_sleep.hpp.
//             I2  Nothing fires early: an entry counts only if the job is the one it was made for, and
//                 the job's own due time has passed. A stale entry is dropped.
//             I3  The inbox is emptied although what comes in is due later than the timer thread sleeps:
//                 a thread wakes it with every inbox_entries_max-th entry that it adds. On its way into
//                 the wheel a stale entry is dropped. So the memory of the inbox, which is not given
//                 back, is for some thousands of entries a thread.
//             I4  At rest the wheel holds less than twice stale_min stale entries or more live ones than
//                 stale. Who makes one stale counts it, and with every stale_min-th looks at count_; the
//                 holder stores count_, then looks at stale_. All four are seq_cst, so one of them sees
//                 that a turn is worth its while. During a turn less comes in than the turn looks at.
//
// Checked by tests/sim (a virtual clock), tests/model/timers_model.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/alarm.hpp"
#include "base/atomic.hpp"
#include "base/fifo.hpp"
#include "engine/timer_sleep.hpp"
#include "job/memory_budget.hpp"
#include "time/due_heap.hpp"
#include "time/wheel.hpp"

namespace pawl {

struct core;
class thread_context;
class watchdog;

using timer_inbox = fifo<timer_entry>;

// An entry for the expiry of a job rather than for its due time: its version is the generation's.
inline constexpr std::uint32_t expiry_mark = 1u << 31;
// An entry of a retry, which takes from its queue's retry budget when it fires.
inline constexpr std::uint32_t retry_mark = 1u << 30;
// An entry of a gate rather than a job: the rest of `slot` is its id (gate_table.hpp).
inline constexpr std::uint32_t gate_mark = 1u << 29;

// When the wall clock will say `wall_ns`, if nobody sets it.
std::uint64_t boot_ns_of(const core& c, std::uint64_t wall_ns, std::uint64_t now_ns) noexcept;

class timers {
 public:
  // `entries_max`: address space for so many. `wakes`: of the timer thread; null: there is none.
  timers(std::uint64_t now_ns, std::size_t entries_max, alarm* wakes,
         memory_budget* budget) noexcept
      : account_(budget, memory_pool::timers),
        wheel_(now_ns, entries_max, account_),
        sleep_(wakes) {}
  [[nodiscard]] bool is_ready() const noexcept { return wheel_.is_ready(); }

  // Before the first entry: fire to the nanosecond, in the place of the wheel (due_heap.hpp).
  void be_exact(std::uint64_t seed) { exact_.emplace(seed); }

  // The job is scheduled, or has an expiry. Waits only when there is no memory at all, and until the
  // scheduler stops.
  void add(const core& c, thread_context& context, const timer_entry& entry) noexcept;
  // A job whose entry is in the wheel or the inbox ended before it was due.
  void note_stale() noexcept;
  // A job that is due by the wall clock was added.
  void note_wall_clock() noexcept { wall_clock_used_.store(true, relaxed); }  // before its entry

  // The wall clock was set. Who turns the wheel now may have looked at it before.
  void tell_clock_set() noexcept { sleep_.tell(0); }

  // Is there something to do at `now_ns`? Two loads.
  [[nodiscard]] bool is_due(std::uint64_t now_ns) const noexcept {
    return sleep_.has_news() || sleep_.is_due(now_ns);  // a hint
  }
  // A bounded amount of work. True: something was done. False: nothing was due, or another thread is
  // at it.
  bool step(core& c, thread_context& context) noexcept;

  // What is in the inbox finds no memory in the wheel: step again, after this time. A hint.
  static constexpr std::uint64_t memory_wait_ns = 1'000'000;
  [[nodiscard]] bool lacks_memory() const noexcept { return lacks_memory_.load(relaxed); }

  // The timer thread: until when it may sleep, the watchdog's next look included; 0: it must step
  // first. Ends with woken().
  std::uint64_t prepare_to_sleep(const watchdog& watch) noexcept;
  void woken() noexcept { sleep_.woken(); }
  // Wakes the timer thread if it would sleep beyond `due_ns`.
  void wake_for(std::uint64_t due_ns) noexcept { sleep_.wake_for(due_ns); }

  // With the stale ones and those in the inbox. Exact when nobody adds or steps.
  [[nodiscard]] std::uint64_t entry_count() const noexcept {
    return count_.load(relaxed) + inbox_.size();
  }
  // Boot time of the next thing to do, as the last step left it; 0: now.
  [[nodiscard]] std::uint64_t next_ns() const noexcept { return sleep_.next_ns(); }

 private:
  friend class firing;  // timers.cpp
  void drain_inbox(const core& c, thread_context& context, std::uint64_t now_ns) noexcept;
  std::size_t insert_current(const core& c, std::span<timer_entry> entries,
                             std::uint64_t now_ns) noexcept;
  void insert(const timer_entry& entry) noexcept;
  void lend_a_hand(const core& c, thread_context& context) noexcept;
  void turn(const core& c, thread_context& context, std::uint64_t now_ns) noexcept;
  void look_at_wall_clock(const core& c, std::uint64_t now_ns) noexcept;

  [[nodiscard]] std::size_t entries() const noexcept {
    return exact_ ? exact_->size() : wheel_.entries();
  }
  std::uint64_t next_expiry_ns(const core& c) noexcept;

  const memory_account account_;
  wheel wheel_;
  std::optional<due_heap> exact_;  // in the place of the wheel
  timer_inbox inbox_;
  // The holder's, like the wheel.
  std::int64_t wall_offset_ns_ = 0;  // wall clock - boot clock, as it was
  bool is_turning_ = false;          // a turn over all entries is under way
  bool is_reckoning_ = false;        // in it, entries by the wall clock get a new time
  bool reckon_again_ = false;        // and after it once more
  timer_sleep<alarm> sleep_;
  // count_, which the holder writes, and stale_: seq_cst where they decide on a turn, I4. The two flags:
  // relaxed. Who sets the first pushes its entry afterwards, so that the holder who finds the entry
  // sees it; the holder sets the second, which is a hint to others.
  alignas(cache_line_bytes) atomic<std::uint64_t> count_{0};  // in the wheel
  atomic<bool> wall_clock_used_{false};
  atomic<bool> lacks_memory_{false};
  atomic<std::uint64_t> stale_{0};  // those that were dropped on other ways than by a turn included
};

}  // namespace pawl
