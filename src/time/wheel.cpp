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

}  // namespace

// I3: one chunk more for each bucket, for unsorted_ and sorted_, and those that are out of a pile.
constexpr std::size_t wheel::chunks_for(std::size_t entries) noexcept {
  return entries / timer_chunk::capacity + bucket_count + 2 + sorted_chunks_max;
}

template <class Visit>
void wheel::visit(const pile& which, Visit&& each) const noexcept {
  std::uint32_t count = which.count;
  for (std::uint32_t at = which.first; at != timer_chunk::none; at = pool_[at].next) {
    for (std::uint32_t i = count; i > 0; --i) each(pool_[at].entries[i - 1]);
    count = timer_chunk::capacity;
  }
}

wheel::wheel(std::uint64_t now_ns, std::size_t entries_max, memory_account account) noexcept
    : pool_(chunks_for(entries_max), account),
      hand_(tick_of_now(now_ns)),
      entries_max_(entries_max) {}

bool wheel::grow() noexcept {
  if (room_ == entries_max_) return false;
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

// Moves the hand until `into` is full, nothing more is due or moves_left is used up.
std::size_t wheel::take_due(std::uint64_t now, std::span<timer_entry> into,
                            std::size_t& moves_left) noexcept {
  std::size_t count = 0;
  while (count < into.size()) {
    if (!unsorted_.is_empty()) {
      if (moves_left == 0) break;
      const part taken = take_front(unsorted_);
      moves_left -= std::min<std::size_t>(moves_left, taken.count);
      put_back(taken, taken.count);
      continue;
    }
    const bucket next = first_bucket();
    const std::uint64_t until = std::min(now, next.start);
    if (sorted_tick() <= until) {
      count += take_sorted(until, into.subspan(count));
      continue;
    }
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

// `into` has room.
std::size_t wheel::take_from_tick(unsigned digit, std::span<timer_entry> into) noexcept {
  forget_turn_in(digit);
  pile& from = buckets_[digit];
  std::size_t count = 0;
  do {
    into[count++] = pool_[from.first].entries[--from.count];
    if (from.count > 0) continue;
    pool_.give(take_front(from).chunk);
    if (from.is_empty()) {
      mark_empty(0, digit);
      break;
    }
  } while (count < into.size());
  entries_ -= count;
  return count;
}

// The first of sorted_ is due; `into` has room.
std::size_t wheel::take_sorted(std::uint64_t until, std::span<timer_entry> into) noexcept {
  std::size_t count = 0;
  do {
    into[count++] = pool_[sorted_.first].entries[--sorted_.count];
    if (sorted_.count == 0) pool_.give(take_front(sorted_).chunk);
  } while (count < into.size() && sorted_tick() <= until);
  hand_ = tick_of_due(into[count - 1].due_ns);
  entries_ -= count;
  return count;
}

void wheel::open(const bucket& which) noexcept {
  const unsigned index = which.level * 64 + which.digit;
  forget_turn_in(index);
  unsorted_ = buckets_[index];
  buckets_[index] = {};
  mark_empty(which.level, which.digit);
  if (which.level == 1) sort(unsorted_);
}

// Brings the entries of a pile of level 1 to sorted_, by counting, if they are few.
void wheel::sort(pile& from) noexcept {
  unsigned chunks = 0;
  for (std::uint32_t at = from.first; at != timer_chunk::none; at = pool_[at].next) {
    if (++chunks > sorted_chunks_max) return;
  }
  const auto digit = [](const timer_entry& one) { return digit_of(tick_of_due(one.due_ns), 0); };
  std::array<std::uint8_t, 64> ends{};  // of the entries with a digit, from the bottom
  visit(from, [&](const timer_entry& one) { ++ends[digit(one)]; });
  std::uint8_t below = 0;
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    below = static_cast<std::uint8_t>(below + *end);
    *end = below;
  }
  std::array<timer_chunk*, sorted_chunks_max> to;
  for (unsigned i = 0; i < chunks; ++i) {
    stack_chunk(sorted_);
    to[i] = &pool_[sorted_.first];
  }
  sorted_.count = from.count;
  visit(from, [&](const timer_entry& one) {
    const unsigned position = --ends[digit(one)];
    to[position / timer_chunk::capacity]->entries[position % timer_chunk::capacity] = one;
  });
  while (!from.is_empty()) pool_.give(take_front(from).chunk);
}

wheel::part wheel::take_front(pile& from) noexcept {
  const part taken{from.first, from.count};
  from = {pool_[taken.chunk].next, timer_chunk::capacity};
  if (!from.is_empty()) prefetch_chunk(pool_[from.first]);
  return taken;
}

// ---- Moving and compaction ----

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
  if (!sorted_.is_empty()) return take_front(sorted_);
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
  visit(which, [&](const timer_entry& one) {
    const std::uint64_t tick = tick_of_due(one.due_ns);
    if (tick < hand_) {
      PAWL_CHECK(level == 0 && digit == hand);  // I1: was late when it came
    } else {
      PAWL_CHECK(level_of(tick, hand_) == level && digit_of(tick, level) == digit);
    }
  });
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
  entries += check_pile(unsorted_, chunks) + check_pile(sorted_, chunks);
  visit(unsorted_, [&](const timer_entry& one) {
    PAWL_CHECK(tick_of_due(one.due_ns) >= hand_);  // I4
  });
  std::uint64_t before = hand_;
  visit(sorted_, [&](const timer_entry& one) {
    const std::uint64_t tick = tick_of_due(one.due_ns);
    PAWL_CHECK(tick >= before && level_of(tick, hand_) == 0);  // I5
    before = tick;
  });
  PAWL_CHECK(entries == entries_ && entries_ <= room_ && room_ <= entries_max_);
  PAWL_CHECK(chunks == pool_.used() && chunks <= chunks_for(entries));  // I3
}

}  // namespace pawl
