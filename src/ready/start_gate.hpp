// ready/start_gate.hpp -- what stands between the ready jobs of one kind or tenant and their starts:
// closed for a reason, at its limit, or with a line of jobs before it.
//
// Who wants to start one asks try_enter(); refused, it joins the line under the lock and asks once more
// there. Who changes something for the better (a permit given back, a reason gone, a new limit, time)
// looks at `waiting` afterwards and takes from the line what may go (engine/gating.cpp). What it takes
// has a permit already, so whoever comes meanwhile cannot take the way it freed.
//
// Roles       try_enter, try_enter_past: any thread that runs jobs.  the line: whoever holds the lock.
//             close, open, set_limits, set_breaker: one thread at a time.
// Progress    try_enter and try_enter_past are lock-free.
//
// State       field       written by                 read by    order
//             state_      close, open, set_limits    starters   seq_cst; a starter's look: board.hpp
//             waiting_    who joins or leaves the    all        seq_cst: who joins adds, then asks for
//                         line                                  a permit; who gives one looks after
//                                                               (I1)
//             in_transit_ who grants, who claims     granters   relaxed: a number for rates
//             trips_      set_breaker, once          all        seq_cst / acquire
//
// Invariants  I1  At rest: nobody waits while the gate is open, has a permit left, and its rate and its
//                 breaker let a start happen that no job in transit is going to use; unless a timer
//                 is set, or half of its permits are in transit: who arrives with one, or gives it
//                 up, looks at the line again.
//             I2  Jobs leave the line in the order in which they joined it.
//
// Checked by tests/engine/limits_test.cpp, tests/model/limit_model.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>

#include "base/atomic.hpp"
#include "ready/breaker.hpp"
#include "ready/parking.hpp"
#include "ready/permits.hpp"

namespace pawl {

class alignas(cache_line_bytes) start_gate {
 public:
  // `id`: not 0; what its line is called in the parking lot.
  explicit start_gate(std::uint32_t id) noexcept : id_(id) {}
  [[nodiscard]] std::uint32_t id() const noexcept { return id_; }

  // Reasons why it is closed, and marks that say what a starter has to look at.
  enum mark : std::uint32_t {
    paused = 1u << 0,         // pause(); cleared by resume() or its timer
    held = 1u << 1,           // hold(); cleared by its timer
    limited = 1u << 2,        // there is a limit to ask for
    intake_closed = 1u << 3,  // for submits; starts do not care
  };
  static constexpr std::uint32_t closed = paused | held;

  // Nothing to ask here. seq_cst: the look of a start (board.hpp).
  [[nodiscard]] bool lets_all_pass() const noexcept {
    return (state_.load(seq_cst) & (closed | limited)) == 0 && waiting_.load(relaxed) == 0;
  }
  [[nodiscard]] bool is_closed() const noexcept { return (state_.load(seq_cst) & closed) != 0; }
  [[nodiscard]] bool has(mark m) const noexcept { return (state_.load(seq_cst) & m) != 0; }
  [[nodiscard]] bool has_waiting() const noexcept { return waiting_.load(seq_cst) != 0; }
  [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_.load(relaxed); }

  void put(mark m) noexcept { state_.fetch_or(m, seq_cst); }
  void take_off(mark m) noexcept { state_.fetch_and(~std::uint32_t{m}, seq_cst); }
  void set_limits(const limits& wanted, std::uint64_t now_ns) noexcept {
    of_.set(wanted, now_ns);
    if (wanted.concurrency != 0 || wanted.rate.starts != 0) {
      put(limited);
    } else {
      take_off(limited);
    }
  }
  // The breaker of that rule, which may be none. It is made with its first rule and stays. One thread at a
  // time. Null: no memory, and nothing has changed. `closes`: see breaker::set_rule().
  breaker* set_breaker(const breaker_rule& rule, std::uint64_t now_ns, bool& closes) noexcept {
    closes = false;
    if (breaker_ != nullptr) {
      closes = breaker_->set_rule(rule, now_ns);
    } else {
      breaker_.reset(new (std::nothrow) breaker(rule));
      trips_.store(breaker_.get(), seq_cst);
    }
    return breaker_.get();
  }
  // Null: it never had a breaker.
  [[nodiscard]] breaker* trips() const noexcept { return trips_.load(acquire); }
  [[nodiscard]] permits& of() noexcept { return of_; }
  [[nodiscard]] const permits& of() const noexcept { return of_; }

  // A permit to run, for a job that came by itself: behind those that wait.
  [[nodiscard]] bool try_enter() noexcept {
    return !is_closed() && !has_waiting() && of_.try_take();
  }

  // The same for one that has waited in another gate's line: past those that wait in this one.
  [[nodiscard]] bool try_enter_past() noexcept { return !is_closed() && of_.try_take(); }

  // Of a tenant: its share of a queue (policy/shares.hpp). relaxed: it applies from some moment on.
  void set_weight(std::uint32_t weight) noexcept { weight_.store(weight, relaxed); }
  [[nodiscard]] std::uint32_t weight() const noexcept { return weight_.load(relaxed); }

  // Whether the next of the line may be given a permit. Half of them are enough on their way at a time, and who
  // arrives lets the next go: else two lines could have given out all permits of two gates to jobs that want one
  // of the other gate as well, and none would start.
  [[nodiscard]] bool may_admit() const noexcept {
    const std::uint32_t limit = of_.limit();
    return !is_closed() && (limit == 0 || in_transit() < std::max(limit / 2, 1u));
  }

  // The line, under the lock.
  [[nodiscard]] std::mutex& mutex() noexcept { return mutex_; }
  [[nodiscard]] parked_line& line() noexcept { return line_; }
  void note_joining() noexcept { waiting_.fetch_add(1, seq_cst); }  // before the last look
  void note_left() noexcept { waiting_.fetch_sub(1, seq_cst); }

  // Jobs that were taken from the line, or wait for a thread, with a permit and not yet started.
  void note_in_transit(std::int32_t change) noexcept {
    in_transit_.fetch_add(static_cast<std::uint32_t>(change), relaxed);
  }
  [[nodiscard]] std::uint32_t in_transit() const noexcept { return in_transit_.load(relaxed); }

  // Under the lock. When a pause and a hold end by themselves; UINT64_MAX: they do not. For when a timer
  // is set; UINT64_MAX: none is.
  std::uint64_t resume_at_ns = UINT64_MAX;
  std::uint64_t held_until_ns = 0;
  std::uint64_t timer_ns = UINT64_MAX;

 private:
  const std::uint32_t id_;
  atomic<std::uint32_t> state_{0};
  atomic<std::uint32_t> waiting_{0};
  atomic<std::uint32_t> in_transit_{0};
  atomic<std::uint32_t> weight_{1};
  permits of_;
  atomic<breaker*> trips_{nullptr};
  std::unique_ptr<breaker> breaker_;  // what it points to
  std::mutex mutex_;
  parked_line line_;
};

}  // namespace pawl
