// ready/set_aside.hpp -- credits of one queue that one thread keeps for its next jobs.
//
// The thread that owns them takes and puts with each submit; who lowers the queue's bound wants all
// of them back, a few times a day, from threads that may never submit again. So the owner pays plain
// stores and the recaller the rest, as for a start (board.hpp):
//   owner     stores "in use", looks whether a recall is on, takes or puts, stores "not in use".
//   recaller  begins the recall, calls membarrier(2), takes what each thread has set aside once it is
//             not in use, ends the recall.
// After the barrier an owner's "in use" is visible to the recaller, or its look comes after the
// beginning. So until the end of the recall no owner touches what it set aside: it does as if there
// was none, without waiting. An owner that finds the recall over sees the new bound.
// Where membarrier is refused, the owner's store is an exchange and the recaller needs no barrier.
// Nothing foreign is called while "in use" is set, so the recaller waits for a few instructions.
//
// Roles       owner: one thread at a time, with order between two of them.  recaller: any thread, one
//             at a time for a queue.
// Progress    take and put are wait-free. take_recalled waits for a take or put under way.
//
// State       field    written by  read by    order
//             on_      recaller    owners     seq_cst, see above; release when it is over [over]
//             in_use_  owner       recaller   store relaxed, see above; release when it is out of
//                                             use [out]
//             count_   both        both       plain: by [over] and [out]
//
// Invariant   I1  No credit is lost or doubled: what take, put and take_recalled answer accounts for
//                 every one.
//             I2  From the barrier of a recall to its end nothing is set aside anew.
//
// Checked by tests/ready/set_aside_test.cpp, tests/model/set_aside_model.cpp.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/membarrier.hpp"

namespace pawl {

// Whether a queue's credits are being called back.
class credit_recall {
 public:
  void begin() noexcept { on_.exchange(true, seq_cst); }
  void end() noexcept { on_.store(false, release); }                       // [over]
  [[nodiscard]] bool is_on() const noexcept { return on_.load(seq_cst); }  // [over]

 private:
  atomic<bool> on_{false};
};

class set_aside {
 public:
  // The owner. Takes up to `wanted`, as many as there are. 0: none, or they are called back.
  std::uint32_t take(std::uint32_t wanted, const credit_recall& recall, bool asymmetric) noexcept {
    std::uint32_t taken = 0;
    begin_use(asymmetric);
    if (!recall.is_on()) [[likely]] {
      const std::uint32_t count = count_;
      taken = std::min(count, wanted);
      count_ = count - taken;
    }
    end_use();
    return taken;
  }

  // The owner. Puts up to `count` there, so that it has `count_max()` at most. How many it put: the
  // caller keeps the others. `count_max` is asked when no recall is on, and sees the new bound after
  // one.
  template <class CountMax>
  std::uint32_t put(std::uint32_t count, CountMax count_max, const credit_recall& recall,
                    bool asymmetric) noexcept {
    std::uint32_t done = 0;
    begin_use(asymmetric);
    if (!recall.is_on()) [[likely]] {
      const std::uint32_t before = count_;
      const std::uint32_t most = count_max();
      done = before < most ? std::min(count, most - before) : 0;
      count_ = before + done;
    }
    end_use();
    return done;
  }

  // The recaller: after begin() and, where owners are asymmetric, membarrier_all_threads(); before
  // end(). All there are.
  std::uint32_t take_recalled() noexcept {
    while (in_use_.load(seq_cst)) cpu_pause();  // [out]; after the begin, where it is an exchange
    const std::uint32_t taken = count_;
    count_ = 0;
    return taken;
  }

 private:
  void begin_use(bool asymmetric) noexcept {
    if (asymmetric) {
      in_use_.store(true, relaxed);
      compiler_barrier();
    } else {
      in_use_.exchange(true, seq_cst);
    }
  }
  void end_use() noexcept { in_use_.store(false, release); }  // [out]

  atomic<bool> in_use_{false};
  plain<std::uint32_t> count_{0};
};

}  // namespace pawl
