// base/eventcount.hpp -- where drains sleep when there is no work.
//
// A sleeper announces itself, looks for work once more, then sleeps. Who brings work makes it
// visible first and calls notify() after. Each sleeper has a number below sleepers_max and a bit
// in one word, so that a waker picks one sleeper, and the next submit sees one bit less: a burst of
// submits pays one system call for each sleeping drain, not one for each job.
//
// A sleeper may have a bell: it sleeps in a poll(2) of its own, outside, and a waker rings instead of
// signalling. It comes back with retract(), where others withdraw() or return from sleep().
//
// Between working and sleeping a thread may search for a while. Who brings work while somebody
// searches wakes nobody: the searcher will see it. A thread may also nap for a moment while another
// one is awake: for wakers it is as if it were busy.
//
// Roles       sleeper i: one thread, announce(i) then withdraw(i) or sleep(i).  waker: any thread.
// Progress    wake_one never waits. sleep waits for a wake.
// Memory      none.
//
// State       field       written by                    read by      order
//             idle_       sleepers set their bit,       all          seq_cst, see I1
//                         sleepers and wakers clear it
//             signal_[i]  waker that cleared bit i: 1   sleeper i    release / acquire [signal]
//                         sleeper i: 0
//             rung[i]     who hangs the bell,           wakers       plain: ordered by bit i
//                         before the first announce(i)
//             searching_  searchers                     notifiers    seq_cst, see I3
//             napping_    nappers                       nappers      seq_cst; who naps looks at the
//                                                                    work afterwards, as after work
//
// Invariants  I1  No lost wake-up: the sleeper's announce is a seq_cst read-modify-write followed
//                 by a seq_cst look at the work; the waker's change of the work is a seq_cst
//                 read-modify-write followed by a seq_cst load of idle_. In the single order of
//                 seq_cst operations one of the two comes first, so the sleeper sees the work or
//                 the waker sees the bit. Both sides must keep their half: the look after
//                 announce(), and the change before wake_one(), are the callers' (active_set.hpp,
//                 batch_ring.hpp).
//             I2  signal_[i] goes to 1 only by the thread that cleared bit i, so each announcement
//                 is answered once: by withdraw() clearing the bit itself, or by one signal.
//                 A ring may come late, when its sleeper has retracted and even announced itself
//                 again: it then comes to look for nothing, once. No announcement is left without an
//                 answer by that, since its bit stays until a waker of its own clears it.
//             I3  notify() may leave work to a searcher because a searcher, after end_search(),
//                 looks at the work once more: before it sleeps (announce, look), or when it takes
//                 some, for more than it takes; then it wakes another. end_search() and the change
//                 of the work are seq_cst read-modify-writes, each followed by a look at the other.
//
// Checked by tests/base/eventcount_test.cpp and bell_test.cpp (threads), tests/model/eventcount_model.cpp,
// search_model.cpp and loop_model.cpp.
#pragma once

#include <bit>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/bell.hpp"
#include "base/futex.hpp"

namespace pawl {

class eventcount {
 public:
  static constexpr unsigned sleepers_max = 64;

  // From here on a waker may choose this sleeper. The caller looks for work next.
  void announce(unsigned sleeper) noexcept { idle_.fetch_or(bit(sleeper), seq_cst); }

  // The second look found work. If a waker was faster, its signal is taken here, so that it cannot
  // cut the next sleep short.
  void withdraw(unsigned sleeper) noexcept {
    if ((idle_.fetch_and(~bit(sleeper), seq_cst) & bit(sleeper)) == 0) sleep(sleeper);
  }

  // Sleeps until a waker has chosen this sleeper.
  void sleep(unsigned sleeper) noexcept {
    atomic<std::uint32_t>& signal = cells_[sleeper].signal;
    while (signal.load(acquire) == 0) futex_wait(signal, 0);  // [signal] pairs with wake_one
    signal.store(0, relaxed);  // relaxed: only the owner of bit i may set it, and there is none now
  }

  // The sleeper has a bell, which lives as long as wakers do. Before its first announce().
  void hang(unsigned sleeper, bell& rung) noexcept { cells_[sleeper].rung = &rung; }
  // Of a sleeper with a bell, instead of withdraw() and after a ring: no waker chooses it from here on.
  void retract(unsigned sleeper) noexcept { idle_.fetch_and(~bit(sleeper), seq_cst); }

  // False: enough threads search already; go and sleep.
  bool begin_search(unsigned searchers_max) noexcept {
    if (searching_.fetch_add(1, seq_cst) < searchers_max) return true;
    end_search();
    return false;
  }
  // The caller looks at the work after this, whatever it has found before.
  void end_search() noexcept { searching_.fetch_sub(1, seq_cst); }

  // False: no other of the `threads` is awake, so this one must not close its eyes. Not announced
  // meanwhile: the caller sleeps for a moment, calls end_nap() and looks for work as if it had worked.
  bool begin_nap(unsigned threads) noexcept {
    const unsigned napping = napping_.fetch_add(1, seq_cst) + 1;
    if (static_cast<unsigned>(std::popcount(asleep())) + napping < threads) return true;
    end_nap();
    return false;
  }
  void end_nap() noexcept { napping_.fetch_sub(1, seq_cst); }

  // There is new work: somebody must know, unless a searcher will find it.
  void notify() noexcept {
    if (searching_.load(seq_cst) == 0) wake_one();  // I3
  }

  // Wakes one sleeper, if any. True: one was woken.
  bool wake_one() noexcept {
    std::uint64_t idle = idle_.load(seq_cst);  // I1
    while (idle != 0) {
      const unsigned sleeper = static_cast<unsigned>(std::countr_zero(idle));
      idle = idle_.fetch_and(~bit(sleeper), seq_cst);
      if ((idle & bit(sleeper)) != 0) {
        cells_[sleeper].wake();
        return true;
      }
    }
    return false;
  }

  // A bit for each announced sleeper. For the choice whether to wake one more, and for health.
  [[nodiscard]] std::uint64_t asleep() const noexcept { return idle_.load(seq_cst); }

 private:
  static constexpr std::uint64_t bit(unsigned sleeper) noexcept {
    return std::uint64_t{1} << sleeper;
  }

  struct alignas(cache_line_bytes) cell {
    void wake() noexcept {
      if (rung != nullptr) return rung->ring();
      signal.store(1, release);  // [signal]
      futex_wake_one(signal);
    }
    atomic<std::uint32_t> signal{0};
    bell* rung = nullptr;
  };

  alignas(cache_line_bytes) atomic<std::uint64_t> idle_{0};
  atomic<std::uint32_t> searching_{0};
  atomic<std::uint32_t> napping_{0};
  cell cells_[sleepers_max];
};

}  // namespace pawl
