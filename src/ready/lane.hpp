// ready/lane.hpp -- the jobs of one key that start one after another, and what each slot remembers of it.
//
// A lane and what its members' notes say belong to whoever holds the lock of its part of the table
// (engine/lanes.hpp). The key of a member may be read without: it is written by the holder of the free
// slot, and like the slot's other fields believed only if the job's word is still the same.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/key_hash.hpp"
#include "base/region.hpp"
#include "policy/breaker.hpp"
#include "ready/parking.hpp"

namespace pawl {

struct lane {
  enum mark : std::uint8_t {
    used = 1u << 0,  // it is there
    paused = 1u << 1,
    held = 1u << 2,
    intake_closed = 1u << 3,
  };

  key_hash key;
  parked_line line;  // in the order of their numbers: who has not started, or keeps its place
  std::uint32_t members = 0;  // jobs alive, and the dead that are kept
  std::uint32_t running = 0;  // those that were let go and are neither over nor back
  std::uint16_t queue = 0;
  std::uint8_t marks = 0;
  std::uint32_t told = 0;        // when its breaker was last, rounded up (told_ns())
  breaker_word trips;            // its breaker (policy/breaker.hpp)
  std::uint64_t arrival_ns = 0;  // of its starts (policy/gcra.hpp)
  std::uint64_t resume_at_ns = UINT64_MAX;
  std::uint64_t held_until_ns = 0;
  std::uint64_t timer_ns = UINT64_MAX;  // for when one is set

  [[nodiscard]] bool is_empty() const noexcept { return marks == 0; }  // as a place of the table
  [[nodiscard]] bool has(mark m) const noexcept { return (marks & m) != 0; }
  void put(mark m) noexcept { marks = static_cast<std::uint8_t>(marks | m); }
  void take_off(mark m) noexcept { marks = static_cast<std::uint8_t>(marks & ~m); }

  // Nine years since boot fit.
  void note_told(std::uint64_t now_ns) noexcept {
    told = static_cast<std::uint32_t>((now_ns + told_unit_ns - 1) / told_unit_ns);
  }
  [[nodiscard]] std::uint64_t told_ns() const noexcept { return told * told_unit_ns; }
  static constexpr std::uint64_t told_unit_ns = std::uint64_t{1} << 26;
};
static_assert(sizeof(lane) == 88, "said in pawl/lane.hpp");

// What a slot remembers of its job's lane.
struct lane_member {
  enum note : std::uint8_t {
    numbered = 1u << 0,  // it has had a place in line
    running = 1u << 1,   // the lane has let it go
    parked = 1u << 2,    // blocked: its turn in the queue came before that in the lane
    stopping = 1u << 3,  // dead, and in line
    watched = 1u << 4,   // the lane's breaker let it go, and has not heard what came of it
  };

  atomic<std::uint64_t> key_high;
  atomic<std::uint64_t> key_low;
  std::uint8_t notes;
  std::uint16_t epoch;  // of the breaker that watches

  [[nodiscard]] bool has(note n) const noexcept { return (notes & n) != 0; }
};

// One for each slot: zero-filled memory that is touched by jobs with a lane.
class lane_members {
 public:
  // Reserves; takes no memory to speak of. Check is_ready().
  explicit lane_members(std::size_t slots) noexcept : members_(slots * sizeof(lane_member)) {
    is_ready_ = members_.data() != nullptr && members_.commit(slots * sizeof(lane_member));
  }
  [[nodiscard]] bool is_ready() const noexcept { return is_ready_; }
  lane_member& operator[](std::uint32_t slot) const noexcept {
    return reinterpret_cast<lane_member*>(members_.data())[slot];
  }
  // acquire: a reader compares the word after these loads, and must not have compared it before.
  [[nodiscard]] key_hash key_of(std::uint32_t slot) const noexcept {
    const lane_member& m = (*this)[slot];
    return {m.key_high.load(acquire), m.key_low.load(acquire)};
  }
  void set_key(std::uint32_t slot, const key_hash& key) const noexcept {
    lane_member& m = (*this)[slot];
    m.key_high.store(key.high, relaxed);
    m.key_low.store(key.low, relaxed);
    m.notes = 0;
  }

 private:
  region members_;
  bool is_ready_ = false;
};

}  // namespace pawl
