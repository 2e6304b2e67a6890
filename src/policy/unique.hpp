// policy/unique.hpp -- who holds a unique key, and what becomes of a duplicate, as values.
#pragma once

#include <cstdint>

#include "pawl/job.hpp"
#include "pawl/unique.hpp"

namespace pawl {

// What a key's entry and the word of its job come to.
enum class key_holder : std::uint8_t {
  none,     // nobody: the entry is left over
  waits,    // a job that can still be replaced
  started,  // a job that has started and not ended
  ended,    // a job that has ended, but its ttl has not
};

// What becomes of a submit.
enum class key_step : std::uint8_t {
  take,     // it gets the key
  replace,  // the same, once the holder is cancelled
  answer,   // the holder is its answer
  refuse,   // it is rejected
  again,    // it was to replace a job that does not wait any more: to be looked at again
};

// Scheduled, ready, blocked: not inside a handler, and live.
constexpr bool is_waiting(job_state s) noexcept {
  return s == job_state::scheduled || s == job_state::ready || s == job_state::blocked;
}

// `is_live` and `state`: of the job that the entry names. `has_let_go`: the job has given the key up, or
// was in no state that covers it, and only `is_kept`, the ttl, may hold it. A job that has let go and
// waits is one that started before.
constexpr key_holder holder_of(unique_until until, bool has_let_go, bool is_kept, bool is_live,
                               job_state state) noexcept {
  if (is_live && is_waiting(state) && !has_let_go) return key_holder::waits;
  const bool is_covered = is_live && until == unique_until::finished && !has_let_go;
  if (!is_covered && !is_kept) return key_holder::none;
  return is_live ? key_holder::started : key_holder::ended;
}

constexpr key_step step_of(on_duplicate rule, key_holder holder) noexcept {
  if (holder == key_holder::none) return key_step::take;
  switch (rule) {
    case on_duplicate::existing:
      return key_step::answer;
    case on_duplicate::replace:
      return holder == key_holder::waits ? key_step::replace : key_step::refuse;
    case on_duplicate::keep_last:
      return holder == key_holder::waits     ? key_step::replace
             : holder == key_holder::started ? key_step::take
                                             : key_step::refuse;
    case on_duplicate::reject:
      break;
  }
  return key_step::refuse;
}

}  // namespace pawl
