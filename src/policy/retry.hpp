// policy/retry.hpp -- what becomes of a job after an attempt. Values in, values out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "pawl/job.hpp"
#include "pawl/outcome.hpp"
#include "pawl/retry.hpp"

namespace pawl {

// A number that looks random and depends on nothing but its argument: splitmix64's finalizer
// (S. Vigna).
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

namespace detail {

__extension__ typedef unsigned __int128 wide;

constexpr std::uint64_t times(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

// Anything from `low` to `high`, both included.
constexpr std::uint64_t between(std::uint64_t low, std::uint64_t high,
                                std::uint64_t random) noexcept {
  if (high <= low) return low;
  const std::uint64_t width = high - low;
  if (width == UINT64_MAX) return random;
  return low + static_cast<std::uint64_t>((wide{random} * (width + 1)) >> 64);
}

constexpr std::uint64_t nanoseconds(duration d) noexcept {
  return d.count() > 0 ? static_cast<std::uint64_t>(d.count()) : 0;
}

// Without jitter and cap.
constexpr std::uint64_t bare_delay(const backoff& b, unsigned retry) noexcept {
  const std::uint64_t base = nanoseconds(b.base);
  switch (b.form) {
    case backoff::shape::fixed:
      return base;
    case backoff::shape::linear:
      return times(base, retry);
    case backoff::shape::exponential: {
      std::uint64_t delay = base;
      for (unsigned i = 1; i < retry && delay < UINT64_MAX && b.factor > 1 && base != 0; ++i) {
        delay = times(delay, b.factor);
      }
      return delay;
    }
    case backoff::shape::table:
      if (b.table_count == 0) return 0;
      return nanoseconds(b.delays[std::min<std::size_t>(retry, b.table_count) - 1]);
  }
  return base;
}

}  // namespace detail

// The delay before the `retry`-th retry (1: after the first failure). The same seed gives the same
// delay; `seed` is a job's own.
constexpr std::uint64_t backoff_ns(const backoff& b, unsigned retry, std::uint64_t seed) noexcept {
  using namespace detail;
  const std::uint64_t cap = nanoseconds(b.cap);
  const std::uint64_t bare = std::min(bare_delay(b, retry), cap);
  const std::uint64_t random = mix(seed + retry);
  switch (b.jitter) {
    case jitter::none:
      return bare;
    case jitter::full:
      return between(0, bare, random);
    case jitter::equal:
      return between(bare - bare / 2, bare, random);
    case jitter::decorrelated: {
      // The chain of delays is drawn again from the seed, so that none has to be kept.
      const std::uint64_t base = std::min(nanoseconds(b.base), cap);
      std::uint64_t delay = base;
      for (unsigned i = 1; i <= retry; ++i) {
        delay = std::min(cap, between(base, times(delay, 3), mix(seed + i)));
      }
      return delay;
    }
  }
  return bare;
}

// The error's own bound on starts, or the job's.
constexpr unsigned attempts_allowed(unsigned attempts_max, std::span<const retry_rule> rules,
                                    error_kind kind) noexcept {
  for (const retry_rule& r : rules) {
    if (kind != 0 && r.kind == kind) return std::min<unsigned>(attempts_max, r.attempts_max);
  }
  return attempts_max;
}

// What is known when a handler returns.
struct attempt_facts {
  unsigned attempt = 1;  // this one's number
  unsigned attempts_max = 1;
  std::span<const retry_rule> rules;
  unsigned pushbacks = 0;  // before this one
  unsigned pushbacks_max = 0;
  bool cancel_requested = false;
  bool stopping = false;
  bool timed_out = false;  // run_timeout has passed
  bool overrun = false;    // and the grace: what the handler said does not count
};

struct decision {
  enum class step : std::uint8_t { complete, die, cancel, again_later, again_now };
  step next = step::complete;
  dead_cause cause = dead_cause::none;  // die
  error_kind error = 0;
  bool failed = false;       // the attempt counts as failed: its error is noted
  bool by_backoff = false;   // again_later: after the policy's delay, else after the handler's
  bool is_pushback = false;  // the attempt does not count; again_later: the push-back does
};

namespace detail {

constexpr decision after_failure(const attempt_facts& f, error_kind kind,
                                 bool by_backoff) noexcept {
  decision d;
  d.error = kind;
  d.failed = true;
  if (f.cancel_requested) {
    d.next = decision::step::cancel;
  } else if (f.attempt >= attempts_allowed(f.attempts_max, f.rules, kind)) {
    d.next = decision::step::die;
    d.cause = kind == error_timeout ? dead_cause::timeout : dead_cause::exhausted;
  } else {
    d.next = decision::step::again_later;
    d.by_backoff = by_backoff;
  }
  return d;
}

constexpr decision after_pushback(const attempt_facts& f, decision::step next) noexcept {
  decision d;
  d.next = f.cancel_requested ? decision::step::cancel : next;
  d.is_pushback = !f.cancel_requested;
  if (d.is_pushback && next == decision::step::again_later && f.pushbacks >= f.pushbacks_max) {
    d = {};
    d.next = decision::step::die;
    d.cause = dead_cause::exhausted;
  }
  return d;
}

}  // namespace detail

// What an outcome means for the job.
constexpr decision decide(outcome::code said, error_kind kind, const attempt_facts& f) noexcept {
  using namespace detail;
  using code = outcome::code;
  using step = decision::step;
  if (f.overrun) return after_failure(f, error_timeout, true);
  const error_kind cause = f.timed_out ? error_timeout : kind;
  switch (said) {
    case code::done:
      return {};
    case code::retry:
      return after_failure(f, cause, false);
    case code::fail:
      return after_failure(f, cause, true);
    case code::snooze:
    case code::rate_limited:
      return after_pushback(f, step::again_later);
    case code::yield:
      return after_pushback(f, step::again_now);
    case code::cancelled:
      if (f.cancel_requested) return {.next = step::cancel};
      if (f.stopping && !f.timed_out) return after_pushback(f, step::again_now);
      return after_failure(f, cause, true);
    case code::interrupted:
      if (f.timed_out && !f.stopping) return after_failure(f, cause, true);
      return after_pushback(f, step::again_now);
    case code::dead:
    case code::wait_children:
      break;
  }
  return {.next = step::die, .cause = dead_cause::handler, .error = kind, .failed = true};
}

// When the next retry of a queue may be due, if it is to keep to `per_s` in the long run with a burst
// of one second's worth: the generic cell rate algorithm. `arrival_ns` is the queue's state; 0 at
// first. The result is not before `wanted_ns`.
struct budget_answer {
  std::uint64_t due_ns;
  std::uint64_t arrival_ns;
};
constexpr budget_answer spend_retry(std::uint64_t arrival_ns, std::uint64_t wanted_ns,
                                    std::uint32_t per_s) noexcept {
  if (per_s == 0) return {wanted_ns, arrival_ns};
  constexpr std::uint64_t second = 1'000'000'000;
  const std::uint64_t each = std::max<std::uint64_t>(second / per_s, 1);
  const std::uint64_t burst = second - std::min(each, second);
  const std::uint64_t arrival = std::max(arrival_ns, wanted_ns);
  const std::uint64_t due = std::max(wanted_ns, arrival - std::min(arrival, burst));
  return {due, arrival + each};
}

}  // namespace pawl
