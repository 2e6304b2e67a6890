#include "time/wheel.hpp"

#include "base/check.hpp"

namespace pawl {

namespace {

// Entries for which memory is reserved at a time: 2 MB.
constexpr std::size_t room_step =
    (region::step_bytes / sizeof(timer_chunk)) * timer_chunk::capacity;

// The processor does not guess that one chunk follows another.
void prefetch_chunk(const timer_chunk& chunk) noexcept {
  const auto* const bytes = reinterpret_cast<const char*>(&chunk);
  for (std::size_t line = 0; line < sizeof chunk; line += 64) __builtin_prefetch(bytes + line);
}

// I3: one chunk more for each bucket, for unsorted_, and for the part that is out of its pile.
constexpr std::size_t chunks_for(std::size_t entries) noexcept {
  return entries / timer_chunk::capacity + 64 * tick_digits + 2;
}

}  // namespace

wheel::wheel(std::uint64_t now_ns, std::size_t entries_max) noexcept
    : pool_(chunks_for(entries_max)), hand_(tick_of_now(now_ns)), entries_max_(entries_max) {}

bool wheel::grow() noexcept {
  if (entries_ == entries_max_) return false;
  const std::size_t wanted = std::min(entries_max_, room_ + room_step);
  if (!pool_.reserve(chunks_for(wanted))) return false;
  room_ = wanted;
  return true;
}

bool wheel::is_sparse() const noexcept {
  return pool_.held_bytes() > 2 * pool_.used() * sizeof(timer_chunk) + 2 * region::step_bytes;
}

void wheel::stack_chunk(pile& on) noexcept {
  const std::uint32_t fresh = pool_.take();
  pool_[fresh].next = on.first;
  on = {fresh, 0};
}

void wheel::mark_empty(unsigned level, unsigned digit) noexcept {
  occupied_[level] &= ~(std::uint64_t{1} << digit);
  if (occupied_[level] == 0) levels_ &= ~(1u << level);
}

// ---- Step ----

// Moves the hand until `into` is full, nothing more is due or sorts_left is used up.
std::size_t wheel::take_due(std::uint64_t now, std::span<timer_entry> into,
                            std::size_t& sorts_left) noexcept {
  std::size_t count = 0;
  while (count < into.size()) {
    if (!unsorted_.is_empty()) {
      if (sorts_left == 0) break;
      const part taken = take_front(unsorted_);
      sorts_left -= std::min<std::size_t>(sorts_left, taken.count);
      put_back(taken, taken.count);
      continue;
    }
    const bucket next = levels_ != 0 ? first_bucket() : bucket{0, 0, UINT64_MAX};
    if (next.start > now) {
      hand_ = std::max(hand_, now);
      break;
    }
    hand_ = next.start;
    if (next.level == 0) {
      count += take_from_tick(next.digit, into.subspan(count));
    } else {
      open(next);
    }
  }
  return count;
}

std::size_t wheel::take_from_tick(unsigned digit, std::span<timer_entry> into) noexcept {
  forget_turn_in(digit);
  pile& from = buckets_[digit];
  std::size_t count = 0;
  while (count < into.size() && !from.is_empty()) {
    const auto more =
        static_cast<std::uint32_t>(std::min<std::size_t>(from.count, into.size() - count));
    from.count -= more;
    std::copy_n(&pool_[from.first].entries[from.count], more, &into[count]);
    count += more;
    if (from.count == 0) pool_.give(take_front(from).chunk);
  }
  if (from.is_empty()) mark_empty(0, digit);
  entries_ -= count;
  return count;
}

void wheel::open(const bucket& which) noexcept {
  const unsigned index = which.level * 64 + which.digit;
  forget_turn_in(index);
  unsorted_ = buckets_[index];
  buckets_[index] = {};
  mark_empty(which.level, which.digit);
}

wheel::part wheel::take_front(pile& from) noexcept {
  const part taken{from.first, from.count};
  from = {pool_[taken.chunk].next, timer_chunk::capacity};
  if (!from.is_empty()) prefetch_chunk(pool_[from.first]);
  return taken;
}

// ---- Compaction ----

// Room for the entries: the part's own chunk is still in use, and was counted as a pile (I3).
void wheel::put_back(part taken, std::size_t kept) noexcept {
  PAWL_CHECK(kept <= taken.count);
  entries_ -= taken.count - kept;
  const timer_chunk& chunk = pool_[taken.chunk];
  for (std::size_t i = 0; i < kept; ++i) place(chunk.entries[i]);
  if (taken.is_front_of_turn && kept > 0) turn_.behind = buckets_[turn_.bucket].first;
  pool_.give(taken.chunk);
}

wheel::part wheel::take_turn_part() noexcept {
  if (!unsorted_.is_empty()) return take_front(unsorted_);
  do {
    pile& from = buckets_[turn_.bucket];
    if (turn_.behind == timer_chunk::none && !from.is_empty()) {
      part front = take_front(from);
      front.is_front_of_turn = true;
      if (from.is_empty()) mark_empty(turn_.bucket / 64, turn_.bucket % 64);
      return front;
    }
    if (turn_.behind != timer_chunk::none && pool_[turn_.behind].next != timer_chunk::none) {
      pile rest{pool_[turn_.behind].next};
      const part taken = take_front(rest);
      pool_[turn_.behind].next = rest.first;
      return taken;
    }
  } while (next_turn_bucket());
  return {};
}

// False: the turn has ended. What was kept early lies where there happened to be room then, which may
// be anywhere; a second round brings it to the front.
bool wheel::next_turn_bucket() noexcept {
  turn_.behind = timer_chunk::none;
  if (turn_.bucket > 0) {
    --turn_.bucket;
    return true;
  }
  turn_ = {.is_second_round = !turn_.is_second_round && is_sparse()};
  return turn_.is_second_round;
}

// The bucket loses chunks, perhaps the one that the turn remembers: it begins the bucket again.
void wheel::forget_turn_in(unsigned index) noexcept {
  if (index == turn_.bucket) turn_.behind = timer_chunk::none;
}

// ---- Invariants ----

std::size_t wheel::check_pile(const pile& which, std::size_t& chunks) const noexcept {
  if (which.is_empty()) {
    PAWL_CHECK(which.count == timer_chunk::capacity);
    return 0;
  }
  PAWL_CHECK(which.count > 0 && which.count <= timer_chunk::capacity);
  std::size_t entries = which.count;
  for (std::uint32_t at = pool_[which.first].next; at != timer_chunk::none; at = pool_[at].next) {
    entries += timer_chunk::capacity;
    ++chunks;
    PAWL_CHECK(chunks <= pool_.used());
  }
  ++chunks;
  return entries;
}

void wheel::check_bucket(unsigned level, unsigned digit) const noexcept {
  const pile& which = buckets_[level * 64 + digit];
  PAWL_CHECK(which.is_empty() == ((occupied_[level] >> digit & 1) == 0));  // I2
  const unsigned hand = digit_of(hand_, level);
  PAWL_CHECK(which.is_empty() || digit > hand || (level == 0 && digit == hand));  // I1
  std::uint32_t count = which.count;
  for (std::uint32_t at = which.first; at != timer_chunk::none; at = pool_[at].next) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint64_t tick = tick_of_due(pool_[at].entries[i].due_ns);
      if (tick < hand_) {
        PAWL_CHECK(level == 0 && digit == hand);  // I1: was late when it came
      } else {
        PAWL_CHECK(level_of(tick, hand_) == level && digit_of(tick, level) == digit);
      }
    }
    count = timer_chunk::capacity;
  }
}

void wheel::check_invariants() const noexcept {
  std::size_t entries = 0;
  std::size_t chunks = 0;
  for (unsigned level = 0; level < tick_digits; ++level) {
    PAWL_CHECK((occupied_[level] == 0) == ((levels_ >> level & 1) == 0));  // I2
    for (unsigned digit = 0; digit < 64; ++digit) {
      check_bucket(level, digit);
      entries += check_pile(buckets_[level * 64 + digit], chunks);
    }
  }
  entries += check_pile(unsorted_, chunks);
  std::uint32_t count = unsorted_.count;
  for (std::uint32_t at = unsorted_.first; at != timer_chunk::none; at = pool_[at].next) {
    for (std::uint32_t i = 0; i < count; ++i) {
      PAWL_CHECK(tick_of_due(pool_[at].entries[i].due_ns) >= hand_);  // I4
    }
    count = timer_chunk::capacity;
  }
  PAWL_CHECK(entries == entries_ && entries_ <= room_ && room_ <= entries_max_);
  PAWL_CHECK(chunks == pool_.used() && chunks <= chunks_for(entries));  // I3
}

}  // namespace pawl
