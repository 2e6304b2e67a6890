#include "engine/lanes.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "engine/core.hpp"
#include "job/id.hpp"
#include "policy/gcra.hpp"

namespace pawl {

namespace {

constexpr std::uint32_t in_line = 1;  // owner, in the lot

// A timer names its lane by so many bits of the key: 6 of one half, which choose the shard, and the rest
// of the other. Lanes that have all of them in common are all looked at.
constexpr unsigned tag_low_bits = gate_number_bits + 32 - 6;
constexpr std::uint64_t tag_low_mask = (std::uint64_t{1} << tag_low_bits) - 1;

key_hash hash_of(const core& c, std::string_view key, unsigned queue) noexcept {
  return hash_key(key, queue, c.seed);
}

bool has_closed(const lane& l) noexcept {
  return l.has(lane::paused) || l.has(lane::held);
}

// May the first of its line be let go? If only time is wanted, `ask_at_ns` says when.
bool has_way(const core& c, lane& l, const lane_rule& rule, std::uint64_t& ask_at_ns) noexcept {
  ask_at_ns = 0;
  if (has_closed(l) || l.running >= rule.concurrency) return false;
  if (rule.breaker != nullptr && l.trips.now() != breaker_word::phase::closed) {
    const std::uint64_t now = c.clock.boot_ns();
    if (breaker_ready(rule.breaker->read(), l.trips, now, 1) == 0) {
      ask_at_ns = breaker_ask_at(l.trips, now);
      return false;
    }
  }
  if (rule.rate.interval_ns == 0) return true;
  const std::uint64_t now = c.clock.boot_ns();
  l.arrival_ns = gcra_adopt(rule.rate, l.arrival_ns, now);
  ask_at_ns = gcra_take(rule.rate, l.arrival_ns, now).ask_at_ns;
  return ask_at_ns == 0;
}

}  // namespace

std::uint64_t lane_table::tag_of(const key_hash& key) noexcept {
  return (key.high >> (64 - shard_bits) << tag_low_bits) | (key.low & tag_low_mask);
}

lane* lane_table::find_or_add(shard& s, const key_hash& key, std::uint16_t queue) noexcept {
  lane* l = s.lanes.find(key);
  if (l == nullptr) l = s.lanes.insert(key);
  if (l == nullptr) return nullptr;
  l->put(lane::used);
  l->queue = queue;
  return l;
}

// Of a member.
lane& lane_table::lane_of(shard& s, std::uint32_t slot_index) noexcept {
  lane* const l = s.lanes.find(members_.key_of(slot_index));
  PAWL_CHECK(l != nullptr);  // I5
  return *l;
}

// Where its number puts it, or last with a new one.
void lane_table::enter(shard& s, std::uint32_t slot_index) noexcept {
  lane_member& m = members_[slot_index];
  if (is_in_line(slot_index)) return;
  lane& l = lane_of(s, slot_index);
  if (m.has(lane_member::numbered)) {
    l.line.rejoin(lot_, slot_index, in_line);
  } else {
    l.line.join(lot_, slot_index, in_line);
  }
  m.notes |= lane_member::numbered;
}

void lane_table::set_breaker(shard& s, lane& l, breaker_word w) noexcept {
  const breaker_word before = std::exchange(l.trips, w);
  if (w.now() == breaker_word::phase::open && before.now() != w.now()) ++s.opened;
  if (before.now() != breaker_word::phase::closed) --s.tripped;
  if (w.now() != breaker_word::phase::closed) ++s.tripped;
}

// I6.
void lane_table::hear(const core& c, shard& s, lane& l, std::uint32_t slot_index,
                      const breaker_facts& facts) noexcept {
  lane_member& m = members_[slot_index];
  if (!m.has(lane_member::watched)) return;
  m.notes &= static_cast<std::uint8_t>(~lane_member::watched);
  const std::uint64_t now = c.clock.boot_ns();
  l.note_told(now);
  set_breaker(
      s, l, breaker_end(c.queues.at(l.queue)->lane_breaker().read(), l.trips, m.epoch, facts, now));
}

// Of whatever it is in.
void lane_table::take_out(shard& s, lane& l, std::uint32_t slot_index) noexcept {
  lane_member& m = members_[slot_index];
  if (m.has(lane_member::running)) --l.running;
  if (m.has(lane_member::parked)) --s.parked;
  if (m.has(lane_member::stopping)) --s.stopped;
  if (is_in_line(slot_index)) l.line.leave(lot_, slot_index);
  m.notes &= lane_member::numbered;
}

// What members are linked and noted by is there, and is counted from the first of them on.
bool lane_table::prepare_rows(slab& jobs) noexcept {
  if (has_rows_.load(relaxed)) return true;
  if (!jobs.add_rows(row::lanes, sizeof(parked_link) + sizeof(lane_member))) return false;
  has_rows_.store(true, relaxed);
  return true;
}

reject lane_table::join(core& c, thread_context& context, std::uint32_t slot_index,
                        std::string_view key, bool has_place, std::uint64_t& order) noexcept {
  if (!prepare_rows(c.jobs)) return reject::memory;
  const std::uint16_t queue = c.jobs[slot_index].queue;
  const key_hash hash = hash_of(c, key, queue);
  shard& s = shard_of(hash);
  const std::lock_guard lock(s.mutex);
  lane* const l = find_or_add(s, hash, queue);
  if (l == nullptr) return reject::memory;
  if (l->has(lane::intake_closed)) {
    forget_if_over(c, context, s, *l);
    return reject::intake_closed;
  }
  ++l->members;
  order = ++s.joined;
  members_.set_key(slot_index, hash);
  if (has_place) enter(s, slot_index);
  return reject::none;
}

bool lane_table::pass(core& c, thread_context& context, band_entry place, bool lets_go) noexcept {
  const std::uint32_t slot_index = place.slot();
  slot& job = c.jobs[slot_index];
  shard& s = shard_of(members_.key_of(slot_index));
  sent next;
  {
    const std::lock_guard lock(s.mutex);
    job_word word{job.word.load(acquire)};
    lane_member& m = members_[slot_index];
    if (!place.names(word)) return false;           // I4
    if (m.has(lane_member::running)) return false;  // another thread is about to start it
    if (!lets_go && word.permits() != 0)
      return true;  // it gives them back first, then asks in earnest
    lane& l = lane_of(s, slot_index);
    const lane_rule rule = c.queues.at(l.queue)->lanes();
    std::uint64_t ask_at = 0;
    const bool is_first = l.line.first() == slot_index;
    const bool is_free = is_first && has_way(c, l, rule, ask_at);
    if (is_free && !lets_go) return true;
    if (!is_free) {
      if (!transition_to_blocked(job.word, word)) return false;  // it has ended
      m.notes |= lane_member::parked;
      ++s.parked;
      if (ask_at != 0) set_timer(c, context, l, ask_at);
      return false;
    }
    l.line.leave(lot_, slot_index);
    m.notes |= lane_member::running;
    ++l.running;
    if (rule.breaker != nullptr) {
      set_breaker(s, l, breaker_start(l.trips));
      m.epoch = l.trips.epoch();
      m.notes |= lane_member::watched;
    }
    if (rule.rate.interval_ns != 0) {
      l.arrival_ns = gcra_take(rule.rate, l.arrival_ns, c.clock.boot_ns()).arrival_ns;
    }
    next = advance(c, context, s, l);
  }
  deliver(c, next);
  return true;
}

// I3. Sends the first of the line on its way if it is parked and need not be.
lane_table::sent lane_table::advance(core& c, thread_context& context, shard& s, lane& l) noexcept {
  sent one;
  const std::uint32_t first = l.line.first();
  if (l.line.is_empty() || !members_[first].has(lane_member::parked)) return one;
  std::uint64_t ask_at = 0;
  if (!has_way(c, l, c.queues.at(l.queue)->lanes(), ask_at)) {
    if (ask_at != 0) set_timer(c, context, l, ask_at);
    return one;
  }
  members_[first].notes &= static_cast<std::uint8_t>(~lane_member::parked);
  --s.parked;
  slot& job = c.jobs[first];  // its slot is its own until who ends it has had the lock
  job_word word{job.word.load(acquire)};
  one.queue = c.queues.at(l.queue);
  one.band = job.band;
  // If it has ended meanwhile, who ended it is about to take it out of the line.
  if (transition_to_unblocked(job.word, word, 0)) one.place = band_entry::make(first, word).bits;
  return one;
}

void lane_table::deliver(core& c, const sent& one) noexcept {
  if (one.place == 0) return;
  // Where tenants share the queue it waits for the turn of its own again, or one lane could take them all.
  share_lines* const lines = one.queue->shares_of(one.band);
  if (lines == nullptr || !lines->put_back(c.order, {&one.place, 1})) {
    one.queue->front_of(one.band).append({&one.place, 1});
  }
  if (one.queue->gate().announce(one.band, c.active)) c.idle.notify();
}

void lane_table::move(core& c, thread_context& context, std::uint32_t slot_index, lane_place to,
                      const breaker_facts& facts) noexcept {
  shard& s = shard_of(members_.key_of(slot_index));
  sent next;
  {
    const std::lock_guard lock(s.mutex);
    lane& l = lane_of(s, slot_index);
    hear(c, s, l, slot_index, facts);
    take_out(s, l, slot_index);
    if (to == lane_place::out) --l.members;
    if (to == lane_place::in_line || to == lane_place::stops) enter(s, slot_index);
    if (to == lane_place::stops) {
      members_[slot_index].notes |= lane_member::stopping;
      ++s.stopped;
    }
    next = advance(c, context, s, l);
    forget_if_over(c, context, s, l);
  }
  deliver(c, next);
}

void lane_table::tell(core& c, thread_context& context, std::uint32_t slot_index,
                      const breaker_facts& facts) noexcept {
  shard& s = shard_of(members_.key_of(slot_index));
  const std::lock_guard lock(s.mutex);
  lane& l = lane_of(s, slot_index);
  hear(c, s, l, slot_index, facts);
  deliver(c, advance(c, context, s, l));
}

// I5. `l` may be gone afterwards.
void lane_table::forget_if_over(core& c, thread_context& context, shard& s, lane& l) noexcept {
  if (l.members != 0 || l.marks != lane::used) return;
  const lane_rule rule = c.queues.at(l.queue)->lanes();
  std::uint64_t until = rule.rate.interval_ns != 0 ? l.arrival_ns : 0;
  if (rule.breaker != nullptr) {
    until = std::max(until, breaker_kept_until(rule.breaker->read(), l.trips, l.told_ns()));
  }
  if (until > c.clock.boot_ns()) return set_timer(c, context, l, until);
  set_breaker(s, l, {});
  s.lanes.erase(l);
}

void lane_table::set_timer(core& c, thread_context& context, lane& l,
                           std::uint64_t at_ns) noexcept {
  if (l.timer_ns <= at_ns) return;
  l.timer_ns = at_ns;
  const std::uint64_t tag = tag_of(l.key);
  c.due_later.add(
      c, context,
      {at_ns, gate_mark | make_gate_id(gate_part::lane, static_cast<std::uint32_t>(tag >> 32)),
       static_cast<std::uint32_t>(tag)});
}

void lane_table::fire(core& c, thread_context& context, std::uint64_t tag) noexcept {
  shard& s = shards_[tag >> tag_low_bits];
  const std::lock_guard lock(s.mutex);
  const std::uint64_t now = c.clock.boot_ns();
  const auto for_each_of_tag = [&s, tag](auto f) {
    s.lanes.for_each_ending(tag & tag_low_mask, tag_low_mask, f);
  };
  for_each_of_tag([&](lane& l) {
    if (l.timer_ns <= now) l.timer_ns = UINT64_MAX;
    if (l.resume_at_ns <= now) {
      l.take_off(lane::paused);
      l.resume_at_ns = UINT64_MAX;
    }
    if (l.held_until_ns <= now) l.take_off(lane::held);
    // An earlier timer than theirs stood for theirs too.
    const std::uint64_t held_until = l.has(lane::held) ? l.held_until_ns : UINT64_MAX;
    const std::uint64_t next = std::min(l.resume_at_ns, held_until);
    if (next != UINT64_MAX) set_timer(c, context, l, next);
    deliver(c, advance(c, context, s, l));
  });
  // One at a time, because that may move the others in the table; each is gone or has a timer afterwards.
  for (lane* over = nullptr;; over = nullptr) {
    for_each_of_tag([&over](lane& l) {
      if (l.members == 0 && l.marks == lane::used && l.timer_ns == UINT64_MAX) over = &l;
    });
    if (over == nullptr) return;
    forget_if_over(c, context, s, *over);
  }
}

bool lane_table::close(core& c, thread_context& context, lane_ref of, lane::mark why,
                       std::uint64_t until_ns) noexcept {
  const key_hash key = hash_of(c, of.key, of.queue.index);
  shard& s = shard_of(key);
  const std::lock_guard lock(s.mutex);
  lane* const l = find_or_add(s, key, of.queue.index);
  if (l == nullptr) return false;
  l->put(why);
  if (why == lane::paused) l->resume_at_ns = until_ns;
  if (why == lane::held) l->held_until_ns = std::max(l->held_until_ns, until_ns);
  if (until_ns != UINT64_MAX) set_timer(c, context, *l, until_ns);
  return true;
}

void lane_table::open(core& c, thread_context& context, lane_ref of, lane::mark why) noexcept {
  const key_hash key = hash_of(c, of.key, of.queue.index);
  shard& s = shard_of(key);
  const std::lock_guard lock(s.mutex);
  lane* const l = s.lanes.find(key);
  if (l == nullptr) return;
  l->take_off(why);
  if (why == lane::paused) l->resume_at_ns = UINT64_MAX;
  deliver(c, advance(c, context, s, *l));
  forget_if_over(c, context, s, *l);
}

void lane_table::look_again(core& c, thread_context& context, const ready_queue& queue,
                            const breaker_rule& before) noexcept {
  const breaker_rule rule = queue.lane_breaker().read();
  for (shard& s : shards_) {
    const std::lock_guard lock(s.mutex);
    const std::uint64_t now = c.clock.boot_ns();
    s.lanes.for_each([&](lane& l) {
      if (l.queue != queue.index()) return;
      set_breaker(s, l, breaker_adopt(before, rule, l.trips, now));
      deliver(c, advance(c, context, s, l));
      // One that was kept for its old rule: whether it still is, its timer will say.
      if (l.members == 0 && l.marks == lane::used) set_timer(c, context, l, now);
    });
  }
}

lane_status lane_table::look(const core& c, lane_ref of) noexcept {
  const key_hash key = hash_of(c, of.key, of.queue.index);
  shard& s = shard_of(key);
  const std::lock_guard lock(s.mutex);
  const lane* const l = s.lanes.find(key);
  const breaker_rule rule = c.queues.at(of.queue.index)->lane_breaker().read();
  lane_status now;
  now.breaker = breaker_state_of(rule, l == nullptr ? breaker_word{} : l->trips, c.clock.boot_ns());
  if (l == nullptr) return now;
  now.waiting = l->line.size();
  now.running = l->running;
  now.is_paused = l->has(lane::paused);
  now.is_held = l->has(lane::held);
  now.takes_jobs = !l->has(lane::intake_closed);
  if (!l->line.is_empty()) {
    const std::uint32_t first = l->line.first();
    now.first = make_id(first, c.jobs[first].generation);
    now.is_stopped = members_[first].has(lane_member::stopping);
  }
  return now;
}

lane_metrics lane_table::sum() const noexcept {
  lane_metrics all;
  for (const shard& s : shards_) {
    const std::lock_guard lock(s.mutex);
    all.lanes += s.lanes.size();
    all.waiting += s.parked;
    all.stopped += s.stopped;
    all.breakers_open += s.tripped;
    all.breaker_opened += s.opened;
  }
  return all;
}

std::size_t lane_table::memory_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const shard& s : shards_) {
    const std::lock_guard lock(s.mutex);
    bytes += s.lanes.memory_bytes();
  }
  return bytes;
}

}  // namespace pawl
