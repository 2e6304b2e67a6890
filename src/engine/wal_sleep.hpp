// engine/wal_sleep.hpp -- how the log's thread sleeps, and who wakes it.
//
// The thread announces how deep it sleeps, looks once more, then sleeps. Who has published looks at the
// announcement after that, and calls it if it sleeps too deep for what was published.
//
// Roles       announce, withdraw, sleep, take_wants, is_wanted: the log's thread.   The others: any thread.
// Progress    published(), published_durable(), want() never wait: two loads when the thread is awake and knows.
// Memory      none.
//
// State       field     written by                     read by       order
//             depth_    log's thread: how deep         publishers    seq_cst, see I1
//                       publishers: awake
//             wants_    whoever wants a sync: true     all           seq_cst, see I1 and I2
//                       log's thread: false
//
// Invariants  I1  No lost wake-up. What the thread looks for after announce() was changed, by who wakes it, by a
//                 seq_cst read-modify-write (a ring's tail: log_ring::publish) or is wants_; a seq_cst load
//                 of depth_ follows that. The announcement is a seq_cst read-modify-write that seq_cst looks
//                 follow. In the single order of seq_cst operations one of the two comes first: the thread sees
//                 the change, or who made it sees the announcement.
//             I2  Nothing that is wanted durable waits longer than one cut too many. Who wants it first
//                 publishes and reads its LSN, then sees wants_ true or makes it so. The thread takes wants_
//                 before it begins a cut, and keeps what it took until it has begun one: so that cut begins
//                 after the publish, has it, and its number is not below the LSN. If a cut between the
//                 publish and the want had it already, that one is one too many, of other things or of
//                 nothing.
//
// Checked by tests/model/wal_sleep_model.cpp, tests/engine/wal_test.cpp.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/futex.hpp"

namespace pawl {

// How deep the log's thread sleeps.
enum class log_sleep : std::uint32_t {
  awake,
  napping,  // until what is published has waited long enough; what is wanted durable wakes it
  asleep,   // any publish wakes it
  deaf,     // nothing helps but time, or the end: the disk is full
};

class wal_sleep {
 public:
  // After a publish that may be lost with the machine.
  void published() noexcept {
    if (depth() == log_sleep::asleep) call();
  }
  // After a publish that is waited for, whose LSN was read before this.
  void published_durable() noexcept { want(); }
  // Somebody waits: for a sync, for room, for a floor.
  void want() noexcept {
    if (!wants_.load(seq_cst)) wants_.store(true, seq_cst);
    const log_sleep d = depth();
    if (d == log_sleep::napping || d == log_sleep::asleep) call();
  }
  // However deep it sleeps.
  void call() noexcept {
    if (depth_.exchange(number(log_sleep::awake), seq_cst) != number(log_sleep::awake)) {
      futex_wake_one(depth_);
    }
  }

  void announce(log_sleep how) noexcept { depth_.exchange(number(how), seq_cst); }
  void withdraw() noexcept { depth_.store(number(log_sleep::awake), seq_cst); }
  // Until it is called, `limit_ns` have passed (0: no limit), or for no reason. It is awake then.
  void sleep(log_sleep how, std::uint64_t limit_ns) noexcept {
    futex_wait_for(depth_, number(how), limit_ns);
    withdraw();
  }

  // The look after announce().
  [[nodiscard]] bool is_wanted() const noexcept { return wants_.load(seq_cst); }
  // Before a cut is begun.
  [[nodiscard]] bool take_wants() noexcept {
    return wants_.load(seq_cst) && wants_.exchange(false, seq_cst);
  }

 private:
  static constexpr std::uint32_t number(log_sleep s) noexcept {
    return static_cast<std::uint32_t>(s);
  }
  [[nodiscard]] log_sleep depth() const noexcept {
    return static_cast<log_sleep>(depth_.load(seq_cst));
  }

  alignas(cache_line_bytes) atomic<std::uint32_t> depth_{0};
  alignas(cache_line_bytes) atomic<bool> wants_{false};
};

}  // namespace pawl
