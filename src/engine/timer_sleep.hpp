// engine/timer_sleep.hpp -- how the timer thread sleeps without missing what somebody puts off, or puts
// off sooner, meanwhile. The protocol alone: it knows times and no entries.
//
// Roles       tell, wake_for: any thread.  try_hold and the three after it: who turns the wheel.
//             prepare_to_sleep, woken: the timer thread.
// Progress    All are wait-free, but for the system call of a wake.
//
// State       field      written by             read by           order
//             held_      who turns the wheel    ditto             acquire / release [held]
//             left_      holder                 holder            plain: ordered by [held]
//             waiting_   adders and holder set, all               seq_cst, I1; by exchanges only, so that
//                        holder clears                            who clears it sees all pushes before it
//             next_      holder                 all               seq_cst, I1
//             armed_     timer thread, who      adders, holder,   seq_cst, I1
//                        wakes it               watched starts
//
// Invariant   I1  The timer thread does not oversleep: when nobody is inside a call, it is awake or armed
//                 for no later than the earliest entry in the inbox or the wheel.
//                 It stores what it will sleep until in armed_ and then looks at waiting_ and next_. Who
//                 adds pushes, sets waiting_, then looks at armed_; who holds publishes next_, then looks
//                 at armed_. All are seq_cst, so of each pair one sees the other.
//                 While a holder empties the inbox, waiting_ says nothing of what is in there: so who
//                 leaves something behind publishes that there is something to do now.
//
// Checked by tests/model/timers_model.cpp.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/atomic.hpp"

namespace pawl {

// Alarm: base/alarm.hpp; the explorer has one of its own.
template <class Alarm>
class timer_sleep {
 public:
  // `wakes`: of the timer thread; null: there is none.
  explicit timer_sleep(Alarm* wakes) noexcept : wakes_(wakes) {}

  // An entry has been pushed into the inbox.
  void tell(std::uint64_t due_ns) noexcept {
    waiting_.exchange(true, seq_cst);  // I1
    wake_for(due_ns);
  }
  // Wakes the timer thread if it would sleep beyond `due_ns`.
  void wake_for(std::uint64_t due_ns) noexcept {
    std::uint64_t armed = armed_.load(seq_cst);  // I1
    // One of several is enough.
    if (due_ns < armed && armed_.compare_exchange_strong(armed, 0, seq_cst) && wakes_ != nullptr) {
      wakes_->wake();
    }
  }

  // False: another thread turns the wheel. True: ends with let_go().
  bool try_hold() noexcept { return !held_.exchange(true, acquire); }  // [held]
  // The holder is about to empty the inbox. What is pushed from here on is news again.
  void take_news() noexcept { waiting_.exchange(false, seq_cst); }
  // The holder leaves something in the inbox, or has put something there.
  void leave_news() noexcept {
    waiting_.exchange(true, seq_cst);
    left_ = true;
  }
  // `next_ns`: when the holder's wheel has something to do.
  void let_go(std::uint64_t next_ns) noexcept {
    const bool left = left_;
    left_ = false;
    if (left) next_ns = 0;
    next_.store(next_ns, seq_cst);  // I1
    held_.store(false, release);    // [held]
    wake_for(next_ns);
  }

  // The timer thread: until when it may sleep, 0: it must step first. Ends with woken().
  // other_ns(): when it is wanted for something else; a seq_cst load, and who lowers it calls wake_for().
  template <class Other>
  std::uint64_t prepare_to_sleep(Other other_ns) noexcept {
    const auto next = [&] { return std::min(next_.load(seq_cst), other_ns()); };
    const std::uint64_t until = next();
    armed_.store(until, seq_cst);
    if (!waiting_.load(seq_cst) && next() >= until) return until;  // I1
    armed_.store(0, seq_cst);
    return 0;
  }
  void woken() noexcept { armed_.store(0, seq_cst); }

  // Hints, for who passes and for the holder: relaxed.
  [[nodiscard]] bool has_news() const noexcept { return waiting_.load(relaxed); }
  [[nodiscard]] bool is_due(std::uint64_t now_ns) const noexcept {
    return next_.load(relaxed) <= now_ns;
  }
  // Of the next thing to do, as the last holder left it; 0: now.
  [[nodiscard]] std::uint64_t next_ns() const noexcept {
    return waiting_.load(seq_cst) ? 0 : next_.load(seq_cst);
  }

 private:
  Alarm* const wakes_;
  alignas(cache_line_bytes) atomic<bool> held_{false};
  plain<bool> left_{false};
  alignas(cache_line_bytes) atomic<std::uint64_t> next_{UINT64_MAX};
  atomic<std::uint64_t> armed_{0};
  alignas(cache_line_bytes) atomic<bool> waiting_{false};
};

}  // namespace pawl
