// ready/queue_gate.hpp -- when a queue may start jobs, and how the drains come to know.
//
// A queue has a gate word, one bit for each reason why it is closed, and a work word, one bit for
// each band that may hold jobs. A queue's bit in the active set means: has work, and the gate is
// open. Three rules keep that true, each side a seq_cst read-modify-write followed by a look at what
// the other side writes:
//   pusher   pushes, then sets its work bit; if it was not set: looks at the gate, and if it is
//            open sets the active bit.
//   opener   clears its gate bit; if the gate is open now: looks at the work word, and sets the
//            active bit of each band in it.
//   picker   found the queue empty: clears the active bit, then the work bit, then looks at the band
//            again; if something is there, behaves like a pusher. Found it closed: clears the
//            active bit, then looks at the gate again; if it is open, behaves like an opener.
//
// Roles       announce: pushers.  close, open: whoever owns that reason.  retire_*: drains.
// Progress    lock-free, as the active set is; close() is wait-free.
//
// State       field   written by                          read by            order
//             gate_   close, open                         pushers, starters  seq_cst; a starter's
//                                                                            plain look: board.hpp
//             work_   pushers set, pickers clear          pushers, openers   seq_cst
//
// Invariants  I1  At rest: a band that holds jobs has its work bit; and it has its active bit if the
//                 gate is open.
//             I2  Whoever turned a work bit from 0 to 1 answers for the active bit; a pusher that
//                 found it at 1 answers for nothing, since either the active bit is set, or the one
//                 who answers has not returned yet, or the gate is closed and its opener will look,
//                 or a picker is between clearing the work bit and its second look at the band.
//             I3  The order active bit, work bit, band in retire_empty is what makes I2 true: a push
//                 that saw the work bit set came before it was cleared, so the look sees that push
//                 (the read-modify-writes of work_ are ordered and acquire); a pusher that found it
//                 cleared sets the active bit after it was cleared.
//
// Two words, because every start reads the gate and every submit writes the work word.
// Checked by tests/ready/queue_gate_test.cpp, tests/model/gate_model.cpp.
#pragma once

#include <bit>
#include <cstdint>

#include "base/atomic.hpp"
#include "ready/active_set.hpp"

namespace pawl {

// Reasons why a queue may not start jobs.
enum class gate_reason : std::uint32_t {
  paused = 1u << 0,       // pause(); cleared by resume()
  stopping = 1u << 1,     // stop() has begun; never cleared
  no_dispatch = 1u << 2,  // options::dispatch is false; never cleared
  sweeping = 1u << 3,     // stale places are being taken out; cleared by who does it
  at_limit = 1u << 4,     // as many run as may; cleared by who gives a permit back
  at_rate = 1u << 5,      // started as fast as it may; cleared by a timer
  held = 1u << 6,         // hold(); cleared by a timer
  all_paused = 1u << 7,   // the scheduler is; cleared by resume()
  all_held = 1u << 8,     // the scheduler is; cleared by a timer
  all_at_rate = 1u << 9,  // the scheduler is; cleared by a timer
  log = 1u << 10,         // the log is full or has failed; cleared by the log's thread
};

class queue_gate {
 public:
  explicit queue_gate(unsigned queue) noexcept : queue_(queue) {}

  // After a push into `band`. True: the gate is open, so the caller wakes a drain. False: who opens
  // it will see the work and wake one.
  bool announce(unsigned band, active_set& active) noexcept {
    const std::uint32_t bit = 1u << band;
    const bool was_announced = (work_.fetch_or(bit, seq_cst) & bit) != 0;
    const bool is_open = gate_.load(seq_cst) == 0;
    if (is_open && !was_announced) active.set(queue_, band);  // I2
    return is_open;
  }

  // True: `reason` was not there before.
  bool close(gate_reason reason) noexcept {
    const auto bit = static_cast<std::uint32_t>(reason);
    return (gate_.fetch_or(bit, seq_cst) & bit) == 0;
  }

  // True: the gate is open now and there may be work: the caller wakes a drain.
  bool open(gate_reason reason, active_set& active) noexcept {
    const auto bit = static_cast<std::uint32_t>(reason);
    if ((gate_.fetch_and(~bit, seq_cst) & ~bit) != 0) return false;
    return set_active(active);
  }

  // Before a pop by a thread that ended its search: what a notifier left to it (eventcount I3) was
  // announced before, so the pop sees it.
  void look_at_work() const noexcept { static_cast<void>(work_.load(seq_cst)); }

  // A picker found `band` empty. `band_has_jobs` looks again. True: it has, and is active again. The
  // look must count places, not pop one: while another consumer is between claiming a place and
  // finding none, pops may fail although a place is there.
  template <class Look>
  bool retire_empty(unsigned band, active_set& active, Look band_has_jobs) noexcept {
    active.clear(queue_, band);
    work_.fetch_and(~(1u << band), seq_cst);  // I3
    if (!band_has_jobs()) return false;
    announce(band, active);
    return true;
  }

  // A picker found the gate closed. True: it has been opened meanwhile, and the bits are set again.
  bool retire_closed(unsigned band, active_set& active) noexcept {
    active.clear(queue_, band);
    if (gate_.load(seq_cst) != 0) return false;
    return set_active(active);
  }

  // seq_cst, so that a look after an announcement cannot come before it.
  [[nodiscard]] bool is_open() const noexcept { return gate_.load(seq_cst) == 0; }
  [[nodiscard]] bool is_closed_for(gate_reason reason) const noexcept {
    return (gate_.load(seq_cst) & static_cast<std::uint32_t>(reason)) != 0;
  }
  // The look of a start, ordered by board.hpp: by a barrier of the one who closes, or by the seq_cst
  // exchange before it. has_permit() says whether the limit has let this job through already.
  template <class F>
  [[nodiscard]] bool looks_open(F has_permit) const noexcept {
    const std::uint32_t reasons = gate_.load(seq_cst);
    if (reasons == 0) [[likely]]
      return true;
    return reasons == static_cast<std::uint32_t>(gate_reason::at_limit) && has_permit();
  }

 private:
  bool set_active(active_set& active) noexcept {
    const std::uint32_t work = work_.load(seq_cst);
    for (std::uint32_t left = work; left != 0; left &= left - 1) {
      active.set(queue_, static_cast<unsigned>(std::countr_zero(left)));
    }
    return work != 0;
  }

  const unsigned queue_;
  alignas(cache_line_bytes) atomic<std::uint32_t> gate_{0};
  alignas(cache_line_bytes) atomic<std::uint32_t> work_{0};
};

}  // namespace pawl
