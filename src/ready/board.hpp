// ready/board.hpp -- what each thread that may run handlers is doing now, and how a start is made.
//
// A start must not pass a gate that closed before it. The one who closes is rare, starts happen
// millions of times a second; so the starter pays two plain stores and the closer the rest:
//   starter  stores "starting (queue)" to its line, looks at the gate, swaps the job's word to
//            running, stores "running".
//   closer   closes the gate, calls membarrier(2), then waits for each line that says "starting" for
//            its queue to say something else.
// After the barrier a starter's store is visible to the closer, or its look comes after the close.
// So when the closer returns, each start of that queue is over or will see the closed gate.
// Where membarrier is refused, the starter's store is an exchange and the closer needs no barrier.
//
// Roles       one thread writes a line.  closers and health read all lines.
// Progress    begin and the others are wait-free. wait_for_start waits for a start under way.
//
// State       field   written by   read by           order
//             state_  its thread   closers, health   store relaxed, see above; release when a start
//                                                    is over [over]
//             job_    its thread   health, watchdog  release / acquire [run]: who sees the job sees
//                                                    its times
//             started_, deadline_  its thread  health, watchdog  release / acquire [time]: who sees a
//                                                    later job's time sees that the job has changed
//             watched_  watchdog; its thread lowers it  see I1
//
// Invariant   I1  A running job's deadline is not before watched_, or the watchdog has been told: the
//                 thread stores its line, then looks at watched_; the watchdog raises watched_, calls
//                 membarrier(2), then looks at the line.
//
// Checked by tests/ready/board_test.cpp, tests/model/start_model.cpp, watch_model.cpp.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/membarrier.hpp"
#include "pawl/job.hpp"

namespace pawl {

class alignas(cache_line_bytes) board_line {
 public:
  // Before the look at the gate of `queue`.
  void begin_start(unsigned queue, bool asymmetric) noexcept {
    const std::uint32_t starting = queue + 1;
    if (asymmetric) {
      state_.store(starting, relaxed);
      compiler_barrier();
    } else {
      state_.exchange(starting, seq_cst);
    }
  }

  // The start was given up.
  void give_up_start() noexcept { state_.store(idle, release); }  // [over]

  // The job's word says running. True: its deadline is before the watchdog's next look, which must be
  // told (watchdog::expect).
  [[nodiscard]] bool end_start(job_id running, std::uint64_t started_ns, std::uint64_t deadline_ns,
                               bool asymmetric) noexcept {
    started_.store(started_ns, release);    // [time]
    deadline_.store(deadline_ns, release);  // [time]
    if (asymmetric) {
      job_.store(running.value, release);  // [run]
    } else {
      job_.exchange(running.value, seq_cst);  // I1
    }
    state_.store(idle, release);  // [over]
    compiler_barrier();
    return deadline_ns < watched_.load(seq_cst);  // I1
  }

  [[nodiscard]] bool is_starting(unsigned queue) const noexcept {
    return state_.load(seq_cst) == queue + 1;  // [over]; after the close, where it is an exchange
  }
  [[nodiscard]] bool is_starting() const noexcept {
    return state_.load(seq_cst) != idle;  // [over]; as above
  }
  [[nodiscard]] job_id running() const noexcept { return job_id{job_.load(seq_cst)}; }  // [run], I1
  [[nodiscard]] std::uint64_t started_ns() const noexcept {
    return started_.load(acquire);  // [time]
  }
  [[nodiscard]] std::uint64_t deadline_ns() const noexcept {
    return deadline_.load(acquire);  // [time]
  }
  void clear_running() noexcept { job_.store(0, release); }  // [run]

  // When the watchdog will look at this line next.
  [[nodiscard]] std::uint64_t watched_ns() const noexcept { return watched_.load(seq_cst); }
  // The watchdog, before it looks again.
  void watch(std::uint64_t next_look_ns) noexcept { watched_.store(next_look_ns, seq_cst); }
  // For a deadline that comes before that.
  void lower_watch(std::uint64_t deadline_ns) noexcept {
    std::uint64_t now = watched_.load(seq_cst);
    while (deadline_ns < now && !watched_.compare_exchange_weak(now, deadline_ns, seq_cst)) {
    }
  }

 private:
  static constexpr std::uint32_t idle = 0;

  atomic<std::uint32_t> state_{idle};
  atomic<std::uint64_t> job_{0};
  atomic<std::uint64_t> started_{0};
  atomic<std::uint64_t> deadline_{0};
  atomic<std::uint64_t> watched_{UINT64_MAX};
};

// After a gate of `queue` was closed and, where starts are asymmetric, membarrier_all_threads() has
// returned: returns when no start that may have missed the gate is under way on this line.
inline void wait_for_start(const board_line& line, unsigned queue) noexcept {
  while (line.is_starting(queue)) cpu_pause();
}

// The same for a gate that is not of a queue. A line may start one job after the other; one moment
// without a start under way is enough.
inline void wait_for_start(const board_line& line) noexcept {
  while (line.is_starting()) cpu_pause();
}

}  // namespace pawl
