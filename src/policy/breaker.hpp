// policy/breaker.hpp -- the decisions of a circuit breaker. Values in, values out.
//
// All it knows is in one word, so that one swap changes it:
//
//   63..62  phase          61..48  epoch: changes of the phase, modulo 2^14
//   47..0   closed     attempts, failed, slow: 16 bits each
//           open       until when, in units of 65,536 ns since boot
//           half open  trials given out, trials that did well: 16 bits each
//
// An attempt belongs to the epoch in which it started; what it comes to counts only there. When the window
// is full the three numbers are halved: what is older weighs less, and none of them needs a clock or a list.
//
// A rule without a window is that of no breaker: its word is closed, and stays as it is.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pawl/breaker.hpp"

namespace pawl {

struct breaker_word {
  enum class phase : std::uint8_t { closed, open, half_open };
  static constexpr unsigned epoch_bits = 14;

  std::uint64_t bits = 0;

  [[nodiscard]] constexpr phase now() const noexcept { return static_cast<phase>(bits >> 62); }
  [[nodiscard]] constexpr std::uint16_t epoch() const noexcept {
    return static_cast<std::uint16_t>((bits >> 48) & ((1u << epoch_bits) - 1));
  }
  // Closed: attempts, failed, slow. Half open: given out, did well.
  [[nodiscard]] constexpr std::uint16_t number(unsigned i) const noexcept {
    return static_cast<std::uint16_t>(bits >> (16 * i));
  }
  [[nodiscard]] constexpr std::uint64_t until_ns() const noexcept { return bits << 16; }

  [[nodiscard]] constexpr breaker_word with(std::uint16_t a, std::uint16_t b,
                                            std::uint16_t c) const noexcept {
    return {(bits & head_mask) | a | (std::uint64_t{b} << 16) | (std::uint64_t{c} << 32)};
  }
  // In a phase that begins: the numbers are 0.
  [[nodiscard]] constexpr breaker_word enter(phase p) const noexcept {
    const std::uint64_t epoch = (this->epoch() + 1u) & ((1u << epoch_bits) - 1);
    return {(std::uint64_t{static_cast<std::uint8_t>(p)} << 62) | (epoch << 48)};
  }
  [[nodiscard]] constexpr breaker_word open_until(std::uint64_t ns) const noexcept {
    return {enter(phase::open).bits | (((ns + 0xffff) >> 16) & ~head_mask)};
  }
  friend constexpr bool operator==(breaker_word, breaker_word) noexcept = default;

 private:
  static constexpr std::uint64_t head_mask = std::uint64_t{0xffff} << 48;
};

// How many may start now, at most `most`.
constexpr std::uint64_t breaker_ready(const breaker_rule& r, breaker_word w, std::uint64_t now_ns,
                                      std::uint64_t most) noexcept {
  switch (w.now()) {
    case breaker_word::phase::closed:
      return most;
    case breaker_word::phase::open:
      return now_ns < w.until_ns() ? 0 : std::min<std::uint64_t>(most, r.trials);
    case breaker_word::phase::half_open:
      break;
  }
  return std::min<std::uint64_t>(most, r.trials - std::min(r.trials, w.number(0)));
}

// When to ask again, where nobody will be told; 0: now, or when something happens.
constexpr std::uint64_t breaker_ask_at(breaker_word w, std::uint64_t now_ns) noexcept {
  return w.now() == breaker_word::phase::open && now_ns < w.until_ns() ? w.until_ns() : 0;
}

// A start. The word after it, whose epoch is the attempt's; only if breaker_ready().
constexpr breaker_word breaker_start(breaker_word w) noexcept {
  switch (w.now()) {
    case breaker_word::phase::closed:
      return w;
    case breaker_word::phase::open:
      w = w.enter(breaker_word::phase::half_open);
      break;
    case breaker_word::phase::half_open:
      break;
  }
  return w.with(static_cast<std::uint16_t>(w.number(0) + 1), w.number(1), 0);
}

// As it is seen from outside.
constexpr breaker_state breaker_state_of(const breaker_rule& r, breaker_word w,
                                         std::uint64_t now_ns) noexcept {
  if (r.window == 0) return breaker_state::none;
  if (w.now() == breaker_word::phase::closed) return breaker_state::closed;
  return breaker_ask_at(w, now_ns) != 0 ? breaker_state::open : breaker_state::half_open;
}

// What became of an attempt.
struct breaker_facts {
  bool counts = false;  // else it is as if it had not started
  bool failed = false;
  bool slow = false;
};

// Whether a window with these numbers opens the breaker.
constexpr bool breaker_trips(const breaker_rule& r, unsigned attempts, unsigned failed,
                             unsigned slow) noexcept {
  return attempts >= r.attempts_min &&
         (failed * 100 >= attempts * r.failed_percent || slow * 100 >= attempts * r.slow_percent);
}

// A full window makes room for the next attempt: once, unless the window was larger before.
constexpr breaker_word breaker_fade(const breaker_rule& r, breaker_word w) noexcept {
  unsigned shift = 0;
  while (w.number(0) >> shift >= r.window) ++shift;
  return w.with(static_cast<std::uint16_t>(w.number(0) >> shift),
                static_cast<std::uint16_t>(w.number(1) >> shift),
                static_cast<std::uint16_t>(w.number(2) >> shift));
}

// The word after an attempt of that epoch.
constexpr breaker_word breaker_end(const breaker_rule& r, breaker_word w, std::uint16_t epoch,
                                   const breaker_facts& f, std::uint64_t now_ns) noexcept {
  if (r.window == 0 || w.epoch() != epoch || w.now() == breaker_word::phase::open) return w;
  const std::uint64_t until = now_ns + static_cast<std::uint64_t>(r.open_for.count());
  if (w.now() == breaker_word::phase::half_open) {
    if (!f.counts) return w.with(static_cast<std::uint16_t>(w.number(0) - 1), w.number(1), 0);
    if (f.failed || f.slow) return w.open_until(until);
    const auto well = static_cast<std::uint16_t>(w.number(1) + 1);
    return well < r.trials ? w.with(w.number(0), well, 0) : w.enter(breaker_word::phase::closed);
  }
  if (!f.counts) return w;
  w = breaker_fade(r, w);
  const unsigned attempts = w.number(0) + 1u;
  const unsigned failed = w.number(1) + (f.failed ? 1u : 0u);
  const unsigned slow = w.number(2) + (f.slow ? 1u : 0u);
  if (breaker_trips(r, attempts, failed, slow)) return w.open_until(until);
  return w.with(static_cast<std::uint16_t>(attempts), static_cast<std::uint16_t>(failed),
                static_cast<std::uint16_t>(slow));
}

// The word after `count` attempts that started in that epoch, while it was closed, and did well: what so
// many breaker_end() would make of it.
constexpr breaker_word breaker_end_well(const breaker_rule& r, breaker_word w, std::uint16_t epoch,
                                        std::uint32_t count, std::uint64_t now_ns) noexcept {
  if (r.window == 0 || w.epoch() != epoch || w.now() != breaker_word::phase::closed) return w;
  while (count != 0) {
    w = breaker_fade(r, w);
    const unsigned before = w.number(0);
    const unsigned failed = w.number(1);
    const unsigned slow = w.number(2);
    const unsigned attempts = before + std::min<std::uint32_t>(count, r.window - before);
    // As attempts grow the shares fall: of these the first that is enough to judge by decides.
    const unsigned judged = std::max<unsigned>(before + 1, r.attempts_min);
    if (judged <= attempts && breaker_trips(r, judged, failed, slow)) {
      return w.open_until(now_ns + static_cast<std::uint64_t>(r.open_for.count()));
    }
    w = w.with(static_cast<std::uint16_t>(attempts), static_cast<std::uint16_t>(failed),
               static_cast<std::uint16_t>(slow));
    count -= attempts - before;
  }
  return w;
}

// The word to keep when the rule becomes `r`. What a closed one has counted stays, and is judged with the
// next attempt; an open one is so for the new time at most; trials begin anew, and those that are out are
// not heard of, so that none is waited for that the new rule does not want. A breaker that is given, or
// taken away, is closed and knows nothing.
constexpr breaker_word breaker_adopt(const breaker_rule& before, const breaker_rule& r,
                                     breaker_word w, std::uint64_t now_ns) noexcept {
  if (r == before) return w;
  if (r.window == 0 || before.window == 0) return w.enter(breaker_word::phase::closed);
  if (w.now() == breaker_word::phase::closed) return w;
  if (w.now() == breaker_word::phase::half_open) return w.enter(breaker_word::phase::half_open);
  const breaker_word sooner = w.open_until(now_ns + static_cast<std::uint64_t>(r.open_for.count()));
  return sooner.until_ns() < w.until_ns() ? sooner : w;
}

// Until when a breaker is worth keeping whose key has no jobs: for open_for after it was told of an attempt
// (`told_ns`), or after it could have been tried. 0: it has nothing against its key.
constexpr std::uint64_t breaker_kept_until(const breaker_rule& r, breaker_word w,
                                           std::uint64_t told_ns) noexcept {
  const bool is_closed = w.now() == breaker_word::phase::closed;
  if (r.window == 0 || (is_closed && w.number(1) == 0 && w.number(2) == 0)) return 0;
  const bool is_open = w.now() == breaker_word::phase::open;
  return (is_open ? w.until_ns() : told_ns) + static_cast<std::uint64_t>(r.open_for.count());
}

}  // namespace pawl
