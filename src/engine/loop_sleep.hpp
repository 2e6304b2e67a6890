// engine/loop_sleep.hpp -- how a loop of the host goes to rest without missing work.
//
// Its sleep is outside: the host waits for the descriptor of the loop's bell, among others. So a loop
// never sleeps itself. It announces itself, looks again, and returns to the host if there is nothing; from
// then on a waker rings. If there is something and the loop may not run it now, it rings its own bell.
//
// Roles       All members: the thread that is inside the loop.  Wakers: eventcount.hpp.
// Progress    wait-free, with one system call in wake() and in come_again().
//
// Invariants  I1  When the thread is outside, the bell rings or will, or the sleeper is announced and there
//                 was no work after the announcement: the eventcount's I1.
//             I2  wake() silences the bell before the thread looks for work, so what a silenced ring told
//                 of is seen by that look. It retracts first: a ring that comes after it is one of a waker
//                 that had chosen this sleeper before, and costs one look for nothing.
//
// Checked by tests/model/loop_model.cpp.
#pragma once

#include "base/bell.hpp"
#include "base/eventcount.hpp"

namespace pawl {

class loop_sleep {
 public:
  // Both outlive it; the bell hangs at the sleeper's place.
  loop_sleep(eventcount& idle, unsigned sleeper, bell& rung) noexcept
      : idle_(idle), sleeper_(sleeper), bell_(rung) {}

  // The thread has come. It looks for work next.
  void wake() noexcept {
    idle_.retract(sleeper_);
    bell_.silence();
  }

  // True: at rest, the thread may leave. False: has_work() said there is some; not at rest.
  template <class Look>
  bool try_rest(Look has_work) noexcept {
    idle_.announce(sleeper_);
    if (!has_work()) return true;
    idle_.retract(sleeper_);
    return false;
  }

  // The thread leaves although there may be work: it is to come at once.
  void come_again() noexcept { bell_.ring(); }

 private:
  eventcount& idle_;
  const unsigned sleeper_;
  bell& bell_;
};

}  // namespace pawl
