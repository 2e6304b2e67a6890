// engine/quarantine.hpp -- suspects: jobs that ran when the process before this one died. They run first, one at a
// time, and nothing else runs meanwhile; so the next crash, if there is one, says which of them it was.
//
// A job that takes longer than its quarantine has lived through it: the next one starts, as if this one were
// not there. A suspect that may not start, as its queue is paused, is let go as well: it will run among others,
// and if that ends in a crash again it is the next opening's suspect.
//
// Roles       begin: who opens the scheduler, before there are threads.  next, let_go: drains.
//             is_on, runs_alone: all.
// Progress    is_on, runs_alone: one load.  next: does not wait: where another drain is inside, there is
//             nothing to do.
// Memory      on_: release / acquire, so who sees that it is over sees what the suspects did.
//             alone_: relaxed; stored before the place of the suspect is given out, to whom that is given.
//             The rest is under mutex_.
//
// Invariant   Q1  While it is on, no drain starts a job that next() has not given it; and next() gives no place
//                 while the one before is under way, unless that has outlived its quarantine.
//
// Checked by tests/crash/poison_test.cpp.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "base/atomic.hpp"
#include "job/slot.hpp"

namespace pawl {

struct core;

class quarantine {
 public:
  // Those of the places that are ready. `limit_ns`: for each; 0: nobody is kept in quarantine.
  void begin(std::vector<std::uint64_t> places, std::uint64_t limit_ns);

  [[nodiscard]] bool is_on() const noexcept { return on_.load(acquire); }
  [[nodiscard]] bool runs_alone(std::uint32_t slot) const noexcept {
    return alone_.load(relaxed) == std::uint64_t{slot} + 1;
  }

  // The place of a suspect that the caller must try to start, now. None: one is running, or it is over.
  std::optional<std::uint64_t> next(core& c) noexcept;
  // Its attempt is over, or it cannot start now.
  void let_go(std::uint64_t place) noexcept;

 private:
  void look_at_current(core& c) noexcept;

  std::mutex mutex_;
  std::vector<std::uint64_t> waiting_;  // the last one is next
  std::uint64_t limit_ns_ = 0;
  std::optional<std::uint64_t> current_;
  std::uint64_t since_ns_ = 0;
  atomic<std::uint64_t> alone_{0};  // a slot plus one
  atomic<bool> on_{false};
};

}  // namespace pawl
