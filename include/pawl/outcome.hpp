// pawl/outcome.hpp -- what a handler says of the attempt it just made.
#pragma once

#include <cstdint>

#include "pawl/job.hpp"
#include "pawl/retry.hpp"

namespace pawl {

// A handler that throws has said fail(error_thrown); what it threw is kept as the attempt's error.
// The text of an error is noted with context::fail().
class [[nodiscard]] outcome {
 public:
  enum class code : std::uint8_t {
    done,           // the job is completed
    retry,          // the attempt failed and is made again after a delay of the handler's choice
    fail,           // the attempt failed; the retry policy decides what becomes of the job
    dead,           // the job is dead, cause handler
    snooze,         // not now: again after a delay; the attempt does not count
    rate_limited,   // the same, because somebody else refused
    wait_children,  // reserved
    yield,          // behind the ready jobs of its band; the attempt does not count
    cancelled,      // the handler saw context::cancel_requested() and agreed
    interrupted,    // the handler saw context::stop_requested() and gave up; does not count
  };

  static constexpr outcome done() noexcept { return outcome{code::done}; }
  // Like fail(), but with that delay. Uses an attempt: the last one ends the job as dead(exhausted).
  static constexpr outcome retry(duration after, error_kind kind = 0) noexcept {
    return outcome{code::retry, kind, after};
  }
  static constexpr outcome fail(error_kind kind = 0) noexcept { return outcome{code::fail, kind}; }
  static constexpr outcome dead(error_kind kind = 0) noexcept { return outcome{code::dead, kind}; }
  // Both at most options::pushbacks_max times for a job, then dead(exhausted). A delay below 0 is 0.
  static constexpr outcome snooze(duration after) noexcept {
    return outcome{code::snooze, 0, after};
  }
  static constexpr outcome rate_limited(duration after) noexcept {
    return outcome{code::rate_limited, 0, after};
  }
  static constexpr outcome yield() noexcept { return outcome{code::yield}; }
  // Without cancel(): the attempt failed.
  static constexpr outcome cancelled() noexcept { return outcome{code::cancelled}; }
  // Without stop(): the same as yield().
  static constexpr outcome interrupted() noexcept { return outcome{code::interrupted}; }

  [[nodiscard]] constexpr code what() const noexcept { return what_; }
  [[nodiscard]] constexpr error_kind kind() const noexcept { return kind_; }
  // Of retry, snooze and rate_limited.
  [[nodiscard]] constexpr duration after() const noexcept { return after_; }

 private:
  constexpr explicit outcome(code c, error_kind kind = 0, duration after = duration(0)) noexcept
      : what_(c), kind_(kind), after_(after) {}
  code what_;
  error_kind kind_;
  duration after_;
};

}  // namespace pawl
