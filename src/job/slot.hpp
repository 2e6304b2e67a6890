// job/slot.hpp -- a job in memory: 128 bytes, two cache lines.
//
//   hot line   everything that deciding, starting and ending a job needs
//   body line  the payload, up to 64 bytes; a longer one lives in payload_arena.hpp
//
// State       field          written by                              read by
//             word           the transitions of word.hpp             all
//             generation     holder of the free slot                 all: find, cancel
//             other fields   holder of the free slot, before [word]; runner, find
//                            attempt, pushbacks, due, extra: the runner; cause: who ends it;
//                            due, of a retry beyond its queue's budget: who fires its timer
//             body           holder of the free slot, before [word]  runner
//
// Slots are type-stable: their memory is never given to anything else, so a stale id or a stale
// place in a band may read a slot at any time and compares word or generation before it believes
// what it read. Fields that such a reader looks at are relaxed atomics: a torn or stale value is
// thrown away by that comparison.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "job/id.hpp"
#include "job/word.hpp"

namespace pawl {

inline constexpr std::size_t slot_bytes = 128;
inline constexpr std::size_t inline_payload_bytes = 64;

// A field that others may look at while it is being rewritten; see above.
template <class T>
class watched {
 public:
  watched& operator=(T value) noexcept {
    cell_.store(value, relaxed);
    return *this;
  }
  // acquire: a reader compares the word after this load, and must not have compared it before.
  operator T() const noexcept { return cell_.load(acquire); }
  // For who has read a value of a job that others may end meanwhile: does nothing once it is another one.
  void replace(T read, T wanted) noexcept { cell_.compare_exchange_strong(read, wanted, relaxed); }

 private:
  atomic<T> cell_{};
};

// What few jobs are, in slot::marks; written by who may write the slot's other fields.
enum slot_mark : std::uint8_t {
  by_wall_clock = 1u << 0,  // due_ns is wall time
  in_lane = 1u << 1,        // it is a member of one (engine/lanes.hpp)
  logged = 1u << 2,         // what becomes of it goes into the log (engine/job_log.hpp)
  durably = 1u << 3,        // and soon: durability::durable
  strictly = 1u << 4,       // and it starts when `start_lsn` is durable (engine/strict_starts.hpp)
};

constexpr std::uint8_t log_marks_of(durability d, bool starts_strictly = false) noexcept {
  if (d == durability::none) return 0;
  if (d == durability::relaxed) return logged;
  return static_cast<std::uint8_t>(logged | durably | (starts_strictly ? strictly : 0));
}

struct alignas(slot_bytes) slot {
  [[nodiscard]] bool has(slot_mark m) const noexcept { return (marks & m) != 0; }
  void put(slot_mark m) noexcept { marks = static_cast<std::uint8_t>(marks | m); }
  void take_off(slot_mark m) noexcept { marks = static_cast<std::uint8_t>(marks & ~m); }

  word_cell word;
  watched<std::uint64_t> generation;
  watched<std::uint64_t> due_ns;  // since when it could have started; boot clock, or the wall's
  watched<std::uint64_t> submitted_ns;  // boot clock
  atomic<std::uint64_t> start_lsn;  // marked `strictly`: what must be durable before a start; grows
  watched<std::uint32_t> extra;     // reference to a job_extra (arena); 0: none
  watched<std::uint32_t> expires;   // coded, see expiry.hpp; 0: never
  watched<std::uint32_t> payload;   // its length if at most 64, else a reference (arena)
  watched<std::uint16_t> kind;
  watched<std::uint16_t> queue;
  watched<std::uint8_t> band;
  watched<std::uint8_t> attempt;  // starts so far
  watched<std::uint8_t> attempts_max;
  watched<std::uint8_t> cause;      // dead_cause
  watched<std::uint8_t> pushbacks;  // snoozes and rate limits so far
  watched<std::uint8_t> marks;      // slot_mark
  watched<std::uint16_t> tenant;    // 0: none
  alignas(cache_line_bytes) std::byte body[inline_payload_bytes];
};
#ifndef PAWL_MODEL
static_assert(sizeof(slot) == slot_bytes);
#endif

// A place in a band: which slot, and which version of its word it was queued for.
//   63..37 slot    36..0 low bits of the version
struct band_entry {
  static constexpr unsigned version_bits = 37;
  static constexpr std::uint64_t version_mask = (std::uint64_t{1} << version_bits) - 1;

  std::uint64_t bits = 0;

  static constexpr band_entry make(std::uint32_t slot, job_word word) noexcept {
    return {(std::uint64_t{slot} << version_bits) | (word.version() & version_mask)};
  }
  [[nodiscard]] constexpr std::uint32_t slot() const noexcept {
    return static_cast<std::uint32_t>(bits >> version_bits);
  }
  [[nodiscard]] constexpr std::uint64_t version() const noexcept { return bits & version_mask; }
  // Is `word` the one that this place was made for, apart from its flags?
  [[nodiscard]] constexpr bool names(job_word word) const noexcept {
    return (word.version() & version_mask) == version();
  }
};

}  // namespace pawl
