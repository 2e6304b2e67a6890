// job/word.hpp -- the one word that says what a job is doing, and every change it may take.
//
//   63..16  version: state changes of this slot since it was made; never reset by reuse
//   15..12  state
//   11..0   flags: what can change while the job lives
//
// Roles       Anyone may read. A free slot's word belongs to the thread that holds the slot; a
//             terminal word to the thread whose transition made it terminal. Between the two every
//             change is a compare-and-swap by one of the functions below, each of which returns what
//             its caller must do next.
// Progress    lock-free: a failed swap means that another thread changed the word.
//
// Invariants  I1  Each state change adds 1 to the version, so a swap from an exact word cannot take
//                 a later life of the slot for this one. Setting a flag leaves the version alone: a
//                 place in a band names a version and must survive a waiter's arrival.
//             I2  States change only along job_edges (state_table.hpp).
//             I3  Only one swap can leave a live state for a terminal one: one terminal state each.
//             I4  Whoever reads a word with acquire sees the fields that were written before the
//                 release that made it [word].
//
// The idea of named transitions that return the caller's next duty is tokio's task state.
// Checked by tests/job/word_test.cpp, tests/model/word_model.cpp, attempt_model.cpp,
// permit_model.cpp.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/check.hpp"
#include "job/state_table.hpp"
#include "pawl/job.hpp"

namespace pawl {

enum class job_flag : std::uint16_t {
  cancel_requested = 1u << 0,
  attached = 1u << 1,   // a handler is inside: slot and payload must not be reused
  waiter = 1u << 2,     // somebody waits for the end
  timed_out = 1u << 3,  // the running attempt took longer than its run_timeout
  overrun = 1u << 4,    // and than the grace: its result does not count
  orphan = 1u << 5,     // terminal, but attached: whoever leaves the handler frees the slot
  settling = 1u << 6,   // the handler has returned; its thread writes what follows from that
  // It is ready and has a permit to run of its queue, kind or tenant (engine/gating.hpp): whoever clears
  // the flag has the permit.
  permit_of_queue = 1u << 7,
  permit_of_kind = 1u << 8,
  permit_of_tenant = 1u << 9,
  weighed = 1u << 10,  // its payload's bytes are counted (engine/weighing.hpp)
};
inline constexpr std::uint64_t permit_flags =
    static_cast<std::uint64_t>(job_flag::permit_of_queue) |
    static_cast<std::uint64_t>(job_flag::permit_of_kind) |
    static_cast<std::uint64_t>(job_flag::permit_of_tenant);

inline constexpr unsigned version_bits = 48;

// An unpacked word. A value; nothing here touches memory.
struct job_word {
  std::uint64_t bits = 0;

  [[nodiscard]] constexpr std::uint64_t version() const noexcept { return bits >> 16; }
  [[nodiscard]] constexpr job_state state() const noexcept {
    return static_cast<job_state>((bits >> 12) & 0xf);
  }
  [[nodiscard]] constexpr bool has(job_flag f) const noexcept {
    return (bits & static_cast<std::uint64_t>(f)) != 0;
  }
  [[nodiscard]] constexpr job_word with(job_flag f) const noexcept {
    return job_word{bits | static_cast<std::uint64_t>(f)};
  }
  [[nodiscard]] constexpr job_word without(job_flag f) const noexcept {
    return job_word{bits & ~static_cast<std::uint64_t>(f)};
  }
  [[nodiscard]] constexpr bool has_any_of(std::uint64_t flags) const noexcept {
    return (bits & flags) != 0;
  }
  // A combination of permit_flags.
  [[nodiscard]] constexpr std::uint64_t permits() const noexcept { return bits & permit_flags; }
  // Without the flags that concern one attempt.
  [[nodiscard]] constexpr job_word after_attempt() const noexcept {
    constexpr auto of_attempt = static_cast<std::uint64_t>(job_flag::attached) |
                                static_cast<std::uint64_t>(job_flag::timed_out) |
                                static_cast<std::uint64_t>(job_flag::overrun) |
                                static_cast<std::uint64_t>(job_flag::settling);
    return job_word{bits & ~of_attempt};
  }
  // The word after `event`: next state, version + 1, the same flags. The edge must exist (I1, I2).
  [[nodiscard]] constexpr job_word after(job_event event) const noexcept {
    const std::uint8_t next = next_state(state(), event);
    PAWL_CHECK(next != no_edge);
    return job_word{((version() + 1) << 16) | (std::uint64_t{next} << 12) | (bits & 0xfff)};
  }
  // The same where the state is known to be `From`: the table is looked up by the compiler.
  template <job_state From, job_event Event>
  [[nodiscard]] constexpr job_word moved() const noexcept {
    constexpr std::uint8_t next = next_state(From, Event);
    static_assert(next != no_edge);
    return job_word{((version() + 1) << 16) | (std::uint64_t{next} << 12) | (bits & 0xfff)};
  }
  [[nodiscard]] constexpr bool is_live() const noexcept {
    return state() != state_free && !is_terminal(state());
  }
  friend constexpr bool operator==(job_word, job_word) noexcept = default;
};

using word_cell = atomic<std::uint64_t>;

// Makes a free slot a ready job, visible to all. Caller: the thread that holds the free slot, after
// it has written every field. Returns the word that the job's place in its band must name.
inline job_word transition_to_ready(word_cell& cell) noexcept {
  // relaxed: nobody else changes a free slot's word.
  const job_word now = job_word{cell.load(relaxed)}.moved<state_free, job_event::submit_now>();
  cell.store(now.bits, release);  // [word]
  return now;
}

// The same for a job that is due later: the word that its entry in the wheel must name.
inline job_word transition_to_scheduled(word_cell& cell) noexcept {
  // relaxed: as above.
  const job_word now = job_word{cell.load(relaxed)}.moved<state_free, job_event::submit_later>();
  cell.store(now.bits, release);  // [word]
  return now;
}

// True: the caller, and only the caller, runs the job now; `word` is what transition_to_completed()
// takes. False: the place was stale (the job was cancelled, or another drain took it); drop it.
// `wanted_version` is compared modulo `version_mask`, as far as a place in a band can name it. `brought`:
// permits that the job had; the caller has them now.
inline bool transition_to_running(word_cell& cell, std::uint64_t wanted_version,
                                  std::uint64_t version_mask, job_word& word,
                                  std::uint64_t& brought) noexcept {
  word.bits = cell.load(acquire);  // [word]
  for (;;) {
    if (word.state() != job_state::ready || (word.version() & version_mask) != wanted_version) {
      return false;
    }
    job_word next = word.moved<job_state::ready, job_event::start>().with(job_flag::attached);
    next.bits &= ~permit_flags;
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      brought = word.permits();
      word = next;
      return true;
    }
  }
}

// Takes the permits that a ready job has; the caller has them then. `word` is what it has seen of the
// job, and is updated. 0: it has none, or is not that any more.
inline std::uint64_t claim_permits(word_cell& cell, job_word& word) noexcept {
  const std::uint64_t version = word.version();
  while (word.version() == version && word.permits() != 0) {
    const job_word next{word.bits & ~permit_flags};
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      const std::uint64_t had = word.permits();
      word = next;
      return had;
    }
  }
  return 0;
}

// Gives a ready job permits, so that whoever starts it has them. False: it has some, or is not that any
// more.
inline bool equip(word_cell& cell, job_word& word, std::uint64_t permits) noexcept {
  const std::uint64_t version = word.version();
  while (word.version() == version && word.state() == job_state::ready && word.permits() == 0) {
    const job_word next{word.bits | permits};
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      word = next;
      return true;
    }
  }
  return false;
}

// A ready job has to wait for something of its own. False: it is not that any more, or another thread
// has given it permits and starts it.
inline bool transition_to_blocked(word_cell& cell, job_word& word) noexcept {
  const std::uint64_t version = word.version();
  while (word.version() == version && word.state() == job_state::ready && word.permits() == 0) {
    const job_word next = word.moved<job_state::ready, job_event::close>();
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      word = next;
      return true;
    }
  }
  return false;
}

// It need not wait any longer, and has `permits`. False: it has ended meanwhile.
inline bool transition_to_unblocked(word_cell& cell, job_word& word,
                                    std::uint64_t permits) noexcept {
  const std::uint64_t version = word.version();
  while (word.version() == version && word.state() == job_state::blocked) {
    job_word next = word.moved<job_state::blocked, job_event::open>();
    next.bits |= permits;
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      word = next;
      return true;
    }
  }
  return false;
}

// Ends an attempt whose handler said done. `word` comes from transition_to_running() and is updated.
// True: the caller owns the word; if it has job_flag::waiter, somebody must be told before the slot is
// freed. False: the attempt overran; ask begin_settling().
inline bool transition_to_completed(word_cell& cell, job_word& word) noexcept {
  const std::uint64_t version = word.version();
  while (word.version() == version && !word.has(job_flag::overrun)) {
    const job_word next = word.moved<job_state::running, job_event::done>().after_attempt();
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      word = next;
      return true;
    }
  }
  return false;
}

// Sets a flag of the running attempt that `word` was read of. False: that attempt is over, or its
// handler has returned.
inline bool mark_attempt(word_cell& cell, job_word& word, job_flag flag) noexcept {
  const std::uint64_t version = word.version();
  while (word.version() == version && word.state() == job_state::running &&
         !word.has(job_flag::settling)) {
    const job_word next = word.with(flag);
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      word = next;
      return true;
    }
  }
  return false;
}

// The handler has returned with anything but done. True: until transition_from_running() nobody takes
// the job from this thread, which may write its fields. False: it was taken
// (transition_to_overrun_dead); detach.
inline bool begin_settling(word_cell& cell, job_word& word) noexcept {
  return mark_attempt(cell, word, job_flag::settling);
}

// Ends an attempt that settles. `outcome(word)` says what it comes to; it is asked again when a flag
// was set meanwhile: a cancel. If the state is terminal now, the contract is that of
// transition_to_completed().
template <class Outcome>
inline void transition_from_running(word_cell& cell, job_word& word, Outcome outcome) noexcept {
  for (;;) {
    const job_word next = word.after(outcome(word)).after_attempt();
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      word = next;
      return;
    }
  }
}

// Takes the job from a handler that overran: it is dead, and stays attached. True: the caller owns the
// word, as after transition_to_completed(). False: the handler has returned meanwhile.
inline bool transition_to_overrun_dead(word_cell& cell, job_word& word) noexcept {
  const std::uint64_t version = word.version();
  while (word.version() == version && word.state() == job_state::running &&
         !word.has(job_flag::settling)) {
    const job_word next = word.after(job_event::die);
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      word = next;
      return true;
    }
  }
  return false;
}

// The handler of a job that was taken from it has returned. True: the caller frees the slot. The flag
// overrun stays: it says of what the job died.
inline bool detach(word_cell& cell) noexcept {
  job_word word{cell.load(acquire)};  // [word]
  while (!cell.compare_exchange_weak(word.bits, word.without(job_flag::attached).bits, acq_rel,
                                     acquire)) {
  }
  return word.has(job_flag::orphan);
}

// The owner of a terminal word is done with it. False: a handler is still inside and frees the slot
// when it returns.
inline bool leave_terminal(word_cell& cell, job_word& word) noexcept {
  while (word.has(job_flag::attached)) {
    const job_word next = word.with(job_flag::orphan);
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      return false;
    }
  }
  return true;
}

// A scheduled job is due. `word` is what the caller has seen of it, and is updated. False: it is not
// that any more.
inline bool transition_to_due(word_cell& cell, job_word& word) noexcept {
  if (word.state() != job_state::scheduled) return false;
  const std::uint64_t version = word.version();
  while (word.version() == version) {
    const job_word next = word.moved<job_state::scheduled, job_event::due>();
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      word = next;
      return true;
    }
  }
  return false;
}

// A free slot that the caller holds: is the job that it becomes weighed?
inline void mark_free_slot(word_cell& cell, bool weighed) noexcept {
  const job_word word{cell.load(relaxed)};  // relaxed: as in transition_to_ready()
  cell.store((weighed ? word.with(job_flag::weighed) : word.without(job_flag::weighed)).bits,
             relaxed);
}

// Marks a live job as weighed, from the very word that `word` is. False: that has changed. In both cases
// `word` is what it is now.
inline bool mark_weighed(word_cell& cell, job_word& word) noexcept {
  const job_word next = word.with(job_flag::weighed);
  const bool done = cell.compare_exchange_strong(word.bits, next.bits, acq_rel, acquire);  // [word]
  if (done) word = next;
  return done;
}

// What came of a change that was asked of a job from outside.
enum class request : std::uint8_t {
  ended,    // the caller ended it, owns its word now, and must tell waiters and free the slot
  noted,    // the flag is set for whoever ends the job to see
  changed,  // the word is not what the caller saw any more: look again, generation included
  too_late  // the job has ended
};

// Cancels a waiting job, or asks a running one to end. `word` is what the caller has seen of the
// job; a swap from it cannot touch another life of the slot (I1). Updated when something was done.
inline request transition_to_cancelled(word_cell& cell, job_word& word) noexcept {
  if (!word.is_live()) return request::too_late;
  const bool running = word.state() == job_state::running;
  const job_word next =
      running ? word.with(job_flag::cancel_requested) : word.after(job_event::cancel);
  std::uint64_t expected = word.bits;
  if (!cell.compare_exchange_strong(expected, next.bits, acq_rel, acquire)) {  // [word]
    return request::changed;
  }
  word = next;
  return running ? request::noted : request::ended;
}

// Ends a waiting job that was not started in time. The same contract.
inline request transition_to_expired(word_cell& cell, job_word& word) noexcept {
  if (word.state() != job_state::ready && word.state() != job_state::scheduled &&
      word.state() != job_state::blocked) {
    return request::too_late;
  }
  const job_word next = word.after(job_event::expire);
  std::uint64_t expected = word.bits;
  if (!cell.compare_exchange_strong(expected, next.bits, acq_rel, acquire)) {  // [word]
    return request::changed;
  }
  word = next;
  return request::ended;
}

// Makes a dead job ready again, weighed or not. The caller owns the word, and no handler is inside any more.
inline void transition_to_requeued(word_cell& cell, job_word& word, bool weighed) noexcept {
  for (;;) {
    job_word next = word.moved<job_state::dead, job_event::requeue>()
                        .after_attempt()
                        .without(job_flag::cancel_requested)
                        .without(job_flag::weighed);
    next.bits &= ~permit_flags;  // who ended it has given them back, and its bytes
    if (weighed) next = next.with(job_flag::weighed);
    if (cell.compare_exchange_weak(word.bits, next.bits, acq_rel, acquire)) {  // [word]
      word = next;
      return;
    }
  }
}

// Ends a waiting job without success: shed. The same contract.
inline request transition_to_dead(word_cell& cell, job_word& word) noexcept {
  if (word.state() != job_state::ready) return request::too_late;
  const job_word next = word.after(job_event::die);
  std::uint64_t expected = word.bits;
  if (!cell.compare_exchange_strong(expected, next.bits, acq_rel, acquire)) {  // [word]
    return request::changed;
  }
  word = next;
  return request::ended;
}

// Asks whoever ends the job to tell the waiters. The same contract; never `ended`.
inline request request_end_notice(word_cell& cell, job_word word) noexcept {
  if (!word.is_live()) return request::too_late;
  std::uint64_t expected = word.bits;
  return cell.compare_exchange_strong(expected, word.with(job_flag::waiter).bits, acq_rel, acquire)
             ? request::noted
             : request::changed;
}

// Gives a terminal job's slot back to whoever holds it: the caller, who owns the word.
inline void transition_to_free(word_cell& cell, job_word word) noexcept {
  PAWL_CHECK(is_terminal(word.state()));            // I2: all of them have this edge, and only they
  cell.store((word.version() + 1) << 16, release);  // [word]; state_free and no flags
}

}  // namespace pawl
