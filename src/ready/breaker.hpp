// ready/breaker.hpp -- the circuit breaker of one kind, for many threads.
//
// Roles       try_start, end, end_well: any thread that makes attempts.  set_rule: one thread at a time.
//             the rest: any thread.
// Progress    lock-free.
//
// State       field    written by                 read by  order
//             word_    who starts or ends an      all      seq_cst: who ends one changes it, then looks
//                      attempt                             who waits; who waits says so, then looks here
//             rule_    set_rule, before it        all      live_breaker_rule.hpp. Who has to know of a
//                      changes the word                    new one has seen an epoch that begins with it
//             opened_, half_opened_, closed_      all      relaxed: numbers
//                      who makes it that
//
// Invariants  I1  While it is not closed, no more trials are out than the rule says.
//             I2  At rest: nobody waits for a closed one, or for a trial that is to be had; unless a timer
//                 is set (start_gate.hpp I1).
//             I3  While it is half open by a rule, its trials have started and end by that rule: set_rule
//                 begins another epoch, and an attempt reads the rule after the epoch. So no trial is waited
//                 for that the rule does not want.
//             I4  At rest: it is open for no longer than its rule says. Who opens it looks whether the
//                 rule is still the same; who sets one looks whether it is open.
//
// Checked by tests/policy/breaker_test.cpp, tests/model/breaker_model.cpp, tests/engine/breaker_test.cpp.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "policy/breaker.hpp"
#include "ready/live_breaker_rule.hpp"

namespace pawl {

class breaker {
 public:
  explicit breaker(const breaker_rule& rule) noexcept { rule_.set(rule); }
  [[nodiscard]] breaker_rule rule() const noexcept { return rule_.read(); }
  // For what is told from now on; see breaker_adopt(). Look who waits afterwards. True: it was not closed, and
  // is now.
  bool set_rule(const breaker_rule& wanted, std::uint64_t now_ns) noexcept {
    const breaker_rule before = rule_.read();
    rule_.set(wanted);
    return adopt(before, wanted, now_ns);
  }

  // relaxed: a hint, whether a start needs the time.
  [[nodiscard]] bool is_closed() const noexcept {
    return breaker_word{word_.load(relaxed)}.now() == breaker_word::phase::closed;
  }

  // Of an attempt: what its end is told with.
  struct attempt {
    std::uint16_t epoch = 0;
    bool is_trial = false;
  };
  // False: not now.
  bool try_start(std::uint64_t now_ns, attempt& a) noexcept {
    breaker_word w{word_.load(seq_cst)};
    for (;;) {
      const bool is_closed = w.now() == breaker_word::phase::closed;
      if (!is_closed && breaker_ready(rule_.read(), w, now_ns, 1) == 0) return false;
      const breaker_word next = breaker_start(w);
      if (next == w || word_.compare_exchange_weak(w.bits, next.bits, seq_cst)) {
        if (next.now() != w.now()) half_opened_.fetch_add(1, relaxed);
        a = {next.epoch(), next.now() != breaker_word::phase::closed};
        return true;
      }
    }
  }

  enum class change : std::uint8_t {
    none,
    more,    // another trial may be had
    opened,  // those that wait need a timer
    closed,
  };
  // An attempt of that epoch is over, or was not made after all. Unless `none`: look who waits.
  change end(std::uint16_t epoch, const breaker_facts& facts, std::uint64_t now_ns) noexcept {
    return become(now_ns, [&](const breaker_rule& r, breaker_word w) {
      return breaker_end(r, w, epoch, facts, now_ns);
    });
  }
  // `count` of them that were no trials did well. The same, with one swap for all.
  change end_well(std::uint16_t epoch, std::uint32_t count, std::uint64_t now_ns) noexcept {
    return become(now_ns, [&](const breaker_rule& r, breaker_word w) {
      return breaker_end_well(r, w, epoch, count, now_ns);
    });
  }

  // How many may start now, at most `most`.
  [[nodiscard]] std::uint64_t starts_ready(std::uint64_t now_ns,
                                           std::uint64_t most) const noexcept {
    const breaker_word w{word_.load(seq_cst)};
    if (w.now() == breaker_word::phase::closed) return most;
    return breaker_ready(rule_.read(), w, now_ns, most);
  }
  [[nodiscard]] std::uint64_t ask_at(std::uint64_t now_ns) const noexcept {
    return breaker_ask_at(breaker_word{word_.load(seq_cst)}, now_ns);
  }
  [[nodiscard]] breaker_state state(std::uint64_t now_ns) const noexcept {
    // relaxed: for who looks from outside
    return breaker_state_of(rule_.read(), breaker_word{word_.load(relaxed)}, now_ns);
  }
  // Times it has opened.
  [[nodiscard]] std::uint64_t opened() const noexcept { return opened_.load(relaxed); }
  [[nodiscard]] std::uint64_t half_opened() const noexcept { return half_opened_.load(relaxed); }
  [[nodiscard]] std::uint64_t closed() const noexcept { return closed_.load(relaxed); }

 private:
  // Also where nothing changes: a swap says to who ends an attempt that the rule is another one.
  bool adopt(const breaker_rule& before, const breaker_rule& wanted,
             std::uint64_t now_ns) noexcept {
    breaker_word w{word_.load(seq_cst)};
    breaker_word next = breaker_adopt(before, wanted, w, now_ns);
    while (!word_.compare_exchange_weak(w.bits, next.bits, seq_cst)) {
      next = breaker_adopt(before, wanted, w, now_ns);
    }
    const bool closes = next.now() == breaker_word::phase::closed && next.now() != w.now();
    if (closes) closed_.fetch_add(1, relaxed);
    return closes;
  }

  template <class After>
  change become(std::uint64_t now_ns, After after) noexcept {
    breaker_word w{word_.load(seq_cst)};
    breaker_rule r = rule_.read();
    breaker_word next = after(r, w);
    while (next != w && !word_.compare_exchange_weak(w.bits, next.bits, seq_cst)) {
      r = rule_.read();
      next = after(r, w);
    }
    if (next == w) return change::none;
    if (next.now() == w.now()) {
      const bool gave_back =
          w.now() == breaker_word::phase::half_open && next.number(0) < w.number(0);
      return gave_back ? change::more : change::none;
    }
    if (next.now() == breaker_word::phase::closed) {
      closed_.fetch_add(1, relaxed);
      return change::closed;
    }
    opened_.fetch_add(1, relaxed);
    if (const breaker_rule now = rule_.read(); now != r) adopt(r, now, now_ns);  // I4
    return change::opened;
  }

  live_breaker_rule rule_;
  alignas(cache_line_bytes) atomic<std::uint64_t> word_{0};
  atomic<std::uint64_t> opened_{0};
  atomic<std::uint64_t> half_opened_{0};
  atomic<std::uint64_t> closed_{0};
};

}  // namespace pawl
