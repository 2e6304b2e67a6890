// engine/watchdog.hpp -- sees handlers that run longer than they may.
//
// The board says what each thread runs and until when it may. The watchdog looks at a line when its
// job's deadline has come: first it asks the handler to stop, after the grace it declares an overrun.
// Nothing is done per job: a thread tells the watchdog only when its deadline comes before the next
// look at its line (board.hpp I1), which is about once per run_timeout.
//
// Roles       expect: threads that start jobs.  step: the timer thread.
// State       field   written by                       read by        order
//             next_   expect lowers it, step sets it   timer thread   seq_cst, with timers' armed_
#pragma once

#include <cstdint>
#include <functional>

#include "base/atomic.hpp"
#include "ready/board.hpp"

namespace pawl {

struct core;
class thread_context;

class watchdog {
 public:
  // The job on that line has a deadline before the next look.
  void expect(core& c, board_line& line, std::uint64_t deadline_ns) noexcept;

  // Looks at the lines whose time has come. `context`: of the calling thread. Calls on_overrun(line's
  // context) for each overrun it declares.
  void step(core& c, thread_context& context,
            const std::function<void(thread_context&)>& on_overrun) noexcept;

  // There is another step at that time, or before. Called by the timer thread; it wakes nobody.
  void lower(std::uint64_t next_ns) noexcept;

  // What a line said at one moment.
  struct picture {
    job_id job;
    std::uint64_t started_ns = 0;
    std::uint64_t deadline_ns = UINT64_MAX;
  };

  [[nodiscard]] std::uint64_t next_ns() const noexcept { return next_.load(seq_cst); }

 private:
  std::uint64_t look_at(core& c, thread_context& context, thread_context& watched, const picture& p,
                        std::uint64_t now_ns, bool& overran) noexcept;

  atomic<std::uint64_t> next_{UINT64_MAX};
};

}  // namespace pawl
