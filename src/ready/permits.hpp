// ready/permits.hpp -- how many of something may run at the same time, and how fast they may start.
//
// Roles       try_take, give, try_start, try_take_ahead, undo: any thread.  set: one thread at a time.
// Progress    lock-free.
//
// State       field       written by       read by  order
//             used_       takers, givers   all      seq_cst: who gives looks at who waits afterwards,
//             limit_      set              all      who waits looks here afterwards; so does who sets
//             arrival_    starters, set    all      seq_cst: a starter moves it on, then looks at the
//             turn_       set              all      turn; set changes that, then looks at the arrival
//                                                   (I2), then at who waits
//             rates_      set              all      release, acquire [rate]: what is new in one of them
//                                                   shows that its turn is over (I4)
//
// Invariants  I1  used_ goes up only while it is below the limit. Where the limit was lowered since, who
//                 is about to start with a permit it had before finds is_exceeded() and gives it back.
//             I2  At rest the arrival is no further ahead than the rate in force can bring it: a slow rate
//                 that was replaced by a fast one holds nothing back.
//             I3  Within a rate the arrival goes back only by undo(), from exactly what its step made to
//                 exactly what was before: as if that step had never been (policy/gcra.hpp says why no
//                 other step back is safe).
//             I4  rates_[turn_ % 2] is the rate in force; the other one is what the next set writes. Who reads
//                 one and then finds the turn unchanged has not read a part of another: it is written
//                 again only when its turn is over.
//
// Checked by tests/ready/permits_test.cpp, start_rates_test.cpp, tests/model/limit_model.cpp, rate_model.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/atomic.hpp"
#include "pawl/limits.hpp"
#include "policy/gcra.hpp"

namespace pawl {

class permits {
 public:
  void set(const limits& wanted, std::uint64_t now_ns) noexcept {
    const gcra_rate rate = gcra_of(wanted.rate);
    limit_.store(wanted.concurrency, seq_cst);
    const std::uint64_t turn = turn_.load(relaxed) + 1;  // relaxed: only this thread changes it
    rate_words& next = rates_[turn % 2];
    next.interval.store(rate.interval_ns, release);    // [rate]
    next.tolerance.store(rate.tolerance_ns, release);  // [rate]
    turn_.store(turn, seq_cst);
    adopt(rate, now_ns);
  }
  [[nodiscard]] bool has_limit() const noexcept { return limit_.load(relaxed) != 0; }
  [[nodiscard]] bool has_rate() const noexcept { return interval_ns() != 0; }

  // To run. False: as many as may have one.
  bool try_take() noexcept {
    std::uint32_t used = used_.load(relaxed);  // relaxed: the swap checks it
    do {
      const std::uint32_t limit = limit_.load(relaxed);
      if (limit != 0 && used >= limit) return false;
    } while (!used_.compare_exchange_weak(used, used + 1, seq_cst, relaxed));
    return true;
  }
  void give() noexcept { used_.fetch_sub(1, seq_cst); }
  [[nodiscard]] bool is_full() const noexcept {
    const std::uint32_t limit = limit_.load(seq_cst);
    return limit != 0 && used_.load(seq_cst) >= limit;
  }
  [[nodiscard]] bool is_exceeded() const noexcept {
    const std::uint32_t limit = limit_.load(relaxed);
    return limit != 0 && used_.load(relaxed) > limit;
  }
  [[nodiscard]] std::uint32_t used() const noexcept { return used_.load(relaxed); }
  [[nodiscard]] std::uint32_t limit() const noexcept { return limit_.load(relaxed); }
  // Between starts; 0: no rate. relaxed: alone it may be that of a set just before or under way.
  [[nodiscard]] std::uint64_t interval_ns() const noexcept {
    return rates_[turn_.load(relaxed) % 2].interval.load(relaxed);
  }
  // How many more may run, at most `most`.
  [[nodiscard]] std::uint32_t left(std::uint32_t most) const noexcept {
    const std::uint32_t limit = limit_.load(relaxed);
    if (limit == 0) return most;
    const std::uint32_t used = used_.load(relaxed);
    return used < limit ? std::min(most, limit - used) : 0;
  }

  // What counting has made of the arrival.
  struct step {
    std::uint64_t before_ns = 0;
    std::uint64_t after_ns = 0;
  };
  // Now. 0: it may start, and is counted; else when to ask again.
  std::uint64_t try_start(std::uint64_t now_ns, step& made) noexcept {
    std::uint64_t arrival = arrival_.load(relaxed);
    for (;;) {
      const gcra_rate r = rate();
      const gcra_answer a = gcra_take(r, arrival, now_ns);
      if (a.ask_at_ns != 0) return a.ask_at_ns;
      made = {arrival, a.arrival_ns};
      if (!arrival_.compare_exchange_weak(arrival, a.arrival_ns, seq_cst, relaxed)) continue;
      if (const gcra_rate after = rate(); after != r) adopt(after, now_ns);
      return 0;
    }
  }
  // So many starts for any moment up to `until_ns`.
  bool try_take_ahead(std::uint64_t now_ns, std::uint64_t until_ns, std::uint32_t count,
                      step& made) noexcept {
    std::uint64_t arrival = arrival_.load(relaxed);
    for (;;) {
      const gcra_rate r = rate();
      if (gcra_ready_ahead(r, arrival, now_ns, until_ns, count) < count) return false;
      made = {arrival, gcra_take_ahead(r, arrival, until_ns, count)};
      if (!arrival_.compare_exchange_weak(arrival, made.after_ns, seq_cst, relaxed)) continue;
      if (const gcra_rate after = rate(); after != r) adopt(after, now_ns);
      return true;
    }
  }
  // They did not start after all. Where something else was counted since, they stay counted: I3.
  void undo(const step& made) noexcept {
    std::uint64_t after = made.after_ns;
    arrival_.compare_exchange_strong(after, made.before_ns, seq_cst, relaxed);
  }
  [[nodiscard]] std::uint32_t ready_ahead(std::uint64_t now_ns, std::uint64_t until_ns,
                                          std::uint32_t most) const noexcept {
    return static_cast<std::uint32_t>(
        gcra_ready_ahead(rate(), arrival_.load(relaxed), now_ns, until_ns, most));
  }
  // How many may start now, at most `most`.
  [[nodiscard]] std::uint64_t starts_ready(std::uint64_t now_ns,
                                           std::uint64_t most) const noexcept {
    return gcra_ready(rate(), arrival_.load(relaxed), now_ns, most);
  }
  // When `count` may have started.
  [[nodiscard]] std::uint64_t starts_ready_at(std::uint64_t now_ns,
                                              std::uint64_t count) const noexcept {
    return gcra_ready_at(rate(), arrival_.load(relaxed), now_ns, count);
  }

 private:
  struct rate_words {
    atomic<std::uint64_t> interval{0};
    atomic<std::uint64_t> tolerance{0};
  };

  [[nodiscard]] gcra_rate rate() const noexcept {
    for (std::uint64_t turn = turn_.load(seq_cst);;) {
      const rate_words& now = rates_[turn % 2];
      const gcra_rate read{now.interval.load(acquire), now.tolerance.load(acquire)};  // [rate]
      const std::uint64_t after = turn_.load(seq_cst);
      if (after == turn) return read;  // I4
      turn = after;
    }
  }

  void adopt(const gcra_rate& r, std::uint64_t now_ns) noexcept {
    std::uint64_t arrival = arrival_.load(seq_cst);
    std::uint64_t wanted = gcra_adopt(r, arrival, now_ns);
    while (wanted != arrival && !arrival_.compare_exchange_weak(arrival, wanted, seq_cst)) {
      wanted = gcra_adopt(r, arrival, now_ns);
    }
  }

  atomic<std::uint32_t> limit_{0};
  std::array<rate_words, 2> rates_{};
  atomic<std::uint64_t> turn_{0};
  alignas(cache_line_bytes) atomic<std::uint32_t> used_{0};
  atomic<std::uint64_t> arrival_{0};
};

}  // namespace pawl
