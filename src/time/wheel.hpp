// time/wheel.hpp -- timers by the million: a hierarchical timing wheel.
//
// It knows entries of 16 bytes and no jobs, no clock, no thread. An entry comes out of step() at or
// after its due time, never before. Entries cannot be taken out: who cancels a timer makes its
// entry stale in his own books, drops it when it fires, and calls compact() when too many are.
//
// Roles     one owner at a time. fire() and keep_live() run inside the owner's call; fire() may call
//           insert() on the same wheel, keep_live() must not.
// Progress  insert is O(1). step() and compact() do a bounded amount of work and say whether to call
//           again. An entry is moved at most eight times in its life, once a level.
// Memory    16.3 bytes an entry, and 1 KB for each of the 576 buckets that is not empty. Address
//           space is reserved by the constructor; insert() takes memory when there are more entries
//           than ever before; what becomes free goes back to the system (time/chunk_pool.hpp).
//
// Time is counted in ticks (time/tick.hpp); `hand` is the tick up to which everything has been done.
// There are nine levels of 64 buckets. The level of an entry is the highest six-bit digit in which
// its tick and the hand differ; that digit is its bucket. When the hand arrives at the first tick of
// a bucket of a level above 0, its entries are placed anew, which brings them to lower levels.
// A bucket is a pile: a list of chunks of 63 entries, read and written from the front, so that
// moving streams through memory. The entries of a small bucket of level 1, a few a tick, are not
// spread over 64 piles but put in order in one.
//
// Invariants (check_invariants() walks all of them)
//   I1  an entry of level L > 0 has the hand's digits above L, and at L that of its bucket, which is
//       greater than the hand's. At level 0 it may be the hand's, and then the entry may be older.
//       So a level needs no search beyond ctz, and the lowest level in use holds what is due first.
//   I2  a bit of occupied_ says that a bucket is not empty, a bit of levels_ that a word is not 0.
//   I3  every chunk but the first of a pile is full. So chunks are bounded by entries / 63 and one a
//       pile, insert() reserves for that, and moving cannot run out of memory.
//   I4  while unsorted_ is not empty the hand stands still at the first tick of its entries' bucket.
//   I5  entries of sorted_ have the hand's digits above level 0, are in order and not before the hand.
//
// After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987); the level rule is that of
// tokio (runtime/time/wheel), the bit maps that of W. Ahern's timeout.c.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "time/chunk_pool.hpp"
#include "time/tick.hpp"

namespace pawl {

class wheel {
 public:
  // Entries that one step moves at most, give or take a chunk: 20 to 60 us.
  static constexpr std::size_t moved_max = 4'096;
  // Entries that fire() is called with at most.
  static constexpr std::size_t fired_at_once = 256;

  // Starts at `now_ns`. Room for `entries_max` entries, stale ones among them.
  // Check is_ready() afterwards.
  wheel(std::uint64_t now_ns, std::size_t entries_max, memory_account account = {}) noexcept;

  wheel(const wheel&) = delete;
  wheel& operator=(const wheel&) = delete;

  // False: the address space was not to be had.
  [[nodiscard]] bool is_ready() const noexcept { return pool_.is_ready(); }

  // What is due already comes out of the next step.
  // False: entries_max are inside, or there is no memory; nothing has changed.
  [[nodiscard]] bool insert(const timer_entry& entry) noexcept {
    if (entries_ == room_ && !grow()) [[unlikely]]
      return false;
    ++entries_;
    place(entry);
    return true;
  }

  // Takes memory for `entries` more. For how many of them there is room: so many inserts do not fail,
  // and as many more as entries come out before.
  [[nodiscard]] std::size_t make_room(std::size_t entries) noexcept {
    while (room_ - entries_ < entries && grow()) {
    }
    return std::min(entries, room_ - entries_);
  }

  // When step() has something to do next: not later than the tick of any entry, and earlier when
  // entries have to be moved first. UINT64_MAX: never.
  [[nodiscard]] std::uint64_t next_expiry_ns() const noexcept {
    return ns_of_tick(!unsorted_.is_empty() ? hand_
                                            : std::min(first_bucket().start, sorted_tick()));
  }

  // Takes out at most `fires_max` of the entries that are due at `now_ns` and calls
  // fire(std::span<const timer_entry>) with them in order of their ticks, those of one tick in any
  // order. Moves moved_max entries at most, so after a leap of the clock, or when a large bucket
  // comes up, several steps are needed. True: there is more to do now.
  // A `now_ns` less than that of an earlier step is allowed; nothing fires.
  template <class Fire>
  bool step(std::uint64_t now_ns, std::size_t fires_max, Fire&& fire) {
    std::array<timer_entry, fired_at_once> due;
    std::size_t moves_left = moved_max;
    while (fires_max > 0) {
      const std::size_t count = take_due(
          tick_of_now(now_ns), std::span(due).first(std::min(fires_max, due.size())), moves_left);
      if (count == 0) break;
      fires_max -= count;
      fire(std::span<const timer_entry>(due.data(), count));
    }
    return next_expiry_ns() <= now_ns && entries_ > 0;
  }

  // A part of a turn over all entries that drops the stale ones. keep_live(std::span<timer_entry>)
  // gets up to 63 entries, moves those to keep to the front and returns their number, like
  // std::remove_if. Looks at `entries_max` entries, give or take a chunk. False: the turn has ended;
  // every entry that was inside when it began has been shown or fired, and the memory of the dropped
  // ones is free. The next call begins a turn. Steps and inserts may come between calls.
  template <class KeepLive>
  bool compact(std::size_t entries_max, KeepLive&& keep_live) {
    for (std::size_t shown = 0; shown < entries_max;) {
      const part taken = take_turn_part();
      if (taken.count == 0) return false;
      put_back(taken, keep_live(std::span(pool_[taken.chunk].entries).first(taken.count)));
      shown += taken.count;
    }
    return true;
  }

  // More than half of the memory is free but lies scattered. A turn of compact() returns it.
  [[nodiscard]] bool is_sparse() const noexcept;

  [[nodiscard]] std::size_t entries() const noexcept { return entries_; }  // with the stale ones
  [[nodiscard]] std::size_t chunks() const noexcept { return pool_.used(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return pool_.held_bytes(); }

  // Ends the process when an invariant does not hold. Walks over everything.
  void check_invariants() const noexcept;

 private:
  static constexpr unsigned bucket_count = 64 * tick_digits;
  static constexpr unsigned sorted_chunks_max = 4;  // so that their entries are counted in a byte

  struct pile {
    std::uint32_t first = timer_chunk::none;
    std::uint32_t count = timer_chunk::capacity;  // of the first chunk; "full" where there is none
    [[nodiscard]] bool is_empty() const noexcept { return first == timer_chunk::none; }
  };
  struct bucket {
    unsigned level;
    unsigned digit;
    std::uint64_t start;  // tick
  };
  // A chunk that has been taken out of its pile. No entries: there was none.
  struct part {
    std::uint32_t chunk = timer_chunk::none;
    std::uint32_t count = 0;
    bool is_front_of_turn = false;
  };
  // Where compact() is. It goes from the highest bucket down, as entries do, so none slips past it.
  // What it keeps of a bucket is stacked in front; `behind` is the chunk after which the rest begins.
  struct turn {
    unsigned bucket = bucket_count - 1;
    std::uint32_t behind = timer_chunk::none;  // none: nothing of this bucket has been kept yet
    bool is_second_round = false;
  };

  static constexpr std::uint64_t never = UINT64_MAX;  // as a tick

  // The one that begins first; never, if all are empty.
  [[nodiscard]] bucket first_bucket() const noexcept {
    if (levels_ == 0) return {0, 0, never};
    const auto level = static_cast<unsigned>(std::countr_zero(levels_));
    const auto digit = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    return {level, digit, start_of(hand_, level, digit)};
  }

  [[nodiscard]] std::uint64_t sorted_tick() const noexcept {
    if (sorted_.is_empty()) return never;
    return tick_of_due(pool_[sorted_.first].entries[sorted_.count - 1].due_ns);
  }

  void place(const timer_entry& entry) noexcept {
    const std::uint64_t tick = std::max(tick_of_due(entry.due_ns), hand_);
    const unsigned level = level_of(tick, hand_);
    const unsigned digit = digit_of(tick, level);
    pile& to = buckets_[level * 64 + digit];
    if (to.count == timer_chunk::capacity) [[unlikely]] {
      stack_chunk(to);
      occupied_[level] |= std::uint64_t{1} << digit;
      levels_ |= 1u << level;
    }
    pool_[to.first].entries[to.count++] = entry;
  }

  static constexpr std::size_t chunks_for(std::size_t entries) noexcept;
  bool grow() noexcept;
  void stack_chunk(pile& on) noexcept;
  void mark_empty(unsigned level, unsigned digit) noexcept;
  std::size_t take_due(std::uint64_t now, std::span<timer_entry> into,
                       std::size_t& moves_left) noexcept;
  std::size_t take_from_tick(unsigned digit, std::span<timer_entry> into) noexcept;
  std::size_t take_sorted(std::uint64_t until, std::span<timer_entry> into) noexcept;
  void open(const bucket& which) noexcept;
  void sort(pile& from) noexcept;
  part take_front(pile& from) noexcept;
  part take_turn_part() noexcept;
  bool next_turn_bucket() noexcept;
  void forget_turn_in(unsigned index) noexcept;
  void put_back(part taken, std::size_t kept) noexcept;
  std::size_t check_pile(const pile& which, std::size_t& chunks) const noexcept;
  template <class Visit>
  void visit(const pile& which, Visit&& each) const noexcept;
  void check_bucket(unsigned level, unsigned digit) const noexcept;

  chunk_pool pool_;
  std::uint64_t hand_;  // tick
  std::size_t entries_ = 0;
  std::size_t room_ = 0;  // entries for which memory is reserved
  const std::size_t entries_max_;
  std::uint32_t levels_ = 0;
  std::array<std::uint64_t, tick_digits> occupied_{};
  std::array<pile, bucket_count> buckets_;
  pile unsorted_;  // what is left of the bucket at which the hand has arrived
  pile sorted_;    // of the hand's 64 ticks, those with the greatest tick at the bottom
  turn turn_;
};

}  // namespace pawl
