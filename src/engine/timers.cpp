#include "engine/timers.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/alarm.hpp"
#include "base/check.hpp"
#include "engine/core.hpp"
#include "engine/ending.hpp"
#include "engine/gate_timers.hpp"
#include "engine/gating.hpp"
#include "engine/job_log.hpp"
#include "engine/placing.hpp"
#include "engine/sweeping.hpp"
#include "job/expiry.hpp"
#include "job/id.hpp"

namespace pawl {

namespace {

constexpr std::size_t inbox_entries_max = 4096;  // of a step, and of a thread before it wakes us
constexpr std::size_t inbox_behind = 16 * inbox_entries_max;  // in the inbox: who adds lends a hand
constexpr std::size_t fires_max = 1024;
constexpr std::size_t turn_entries_max = 1024;
// What comes in during a turn, so that the turn overtakes it: the wheel then grows by a third at most
// while a turn is under way.
constexpr std::size_t turn_inserts_max = turn_entries_max / 4;
constexpr std::uint64_t stale_min = 4096;         // below that a turn is not worth its while
constexpr std::uint64_t log_wait_ns = 1'000'000;  // while the disk is behind
constexpr std::int64_t wall_step_ns = 1'000'000;  // less is the slewing of a time daemon

std::uint32_t slot_of(const timer_entry& e) noexcept {
  return e.slot & ~(expiry_mark | retry_mark);
}

slot& job_of(const core& c, const timer_entry& e) noexcept {
  return c.jobs[slot_of(e)];
}

// Are there so many stale entries that a turn is worth its while?
bool are_many(std::uint64_t stale, std::uint64_t entries) noexcept {
  return stale > std::max(stale_min, entries / 2);
}

bool is_gate(const timer_entry& e) noexcept {
  return (e.slot & gate_mark) != 0;
}

bool is_expiry(const timer_entry& e) noexcept {
  return (e.slot & expiry_mark) != 0;
}

// Is the job still waiting for this entry? `word` was read of it before.
bool is_current(const slot& job, job_word word, const timer_entry& e) noexcept {
  if (!is_expiry(e)) {
    return word.state() == job_state::scheduled &&
           static_cast<std::uint32_t>(word.version()) == e.version;
  }
  return word.is_live() && static_cast<std::uint32_t>(std::uint64_t{job.generation}) == e.version;
}

// The same for whoever has not looked at it yet. A gate always wants its own.
bool is_wanted(const core& c, const timer_entry& e) noexcept {
  if (is_gate(e)) return true;
  const slot& job = job_of(c, e);
  return is_current(job, job_word{job.word.load(acquire)}, e);
}

}  // namespace

std::uint64_t boot_ns_of(const core& c, std::uint64_t wall_ns, std::uint64_t now_ns) noexcept {
  const std::uint64_t wall_now = c.clock.wall_ns();
  if (wall_ns <= wall_now) return now_ns;
  const std::uint64_t left = wall_ns - wall_now;
  return now_ns > UINT64_MAX - left ? UINT64_MAX : now_ns + left;
}

// What one step does with the entries that are due.
class firing {
 public:
  firing(core& c, timers& owner, thread_context& context, std::uint64_t now_ns) noexcept
      : core_(c), owner_(owner), context_(context), now_ns_(now_ns) {}

  void fire(std::span<const timer_entry> due) noexcept {
    constexpr std::size_t ahead = 8;  // slots on their way
    for (std::size_t i = 0; i < std::min(ahead, due.size()); ++i) prefetch(due[i]);
    for (std::size_t i = 0; i < due.size(); ++i) {
      if (i + ahead < due.size()) prefetch(due[i + ahead]);
      fire_one(due[i]);
    }
  }

  // Pushes what has been made ready. To be called at the end.
  void flush() noexcept {
    if (held_ == 0) return;
    ready_queue& queue = *core_.queues.at(queue_);
    push_ready(core_, context_, queue, band_, {places_.data(), std::exchange(held_, 0)});
  }

 private:
  void prefetch(const timer_entry& e) const noexcept {
    if (!is_gate(e)) __builtin_prefetch(&job_of(core_, e), 1);
  }

  void fire_one(const timer_entry& e) noexcept {
    if (is_gate(e)) return fire_gate(core_, context_, e.slot & ~gate_mark, e.version);
    slot& job = job_of(core_, e);
    job_word word{job.word.load(acquire)};
    while (is_current(job, word, e)) {
      if (word.state() == job_state::running) return;  // its next start looks at the expiry
      const unsigned queue = job.queue;
      const unsigned band = job.band;
      const unsigned kind = job.kind;
      const bool has_expired = expiry_ns(job.submitted_ns, job.expires) <= now_ns_;
      if (has_expired) {
        if (job.has(logged) && !has_log_room(context_)) return put_off(e, now_ns_ + log_wait_ns);
        const job_state was = word.state();
        const request r = transition_to_expired(job.word, word);
        if (r == request::changed) {
          word = job_word{job.word.load(acquire)};
          continue;
        }
        if (r == request::ended) expire(e, word, queue, band, kind, was);
        return;
      }
      if (is_expiry(e) && job.expires == 0) return;  // requeued since
      if (is_expiry(e)) return put_off(e, expiry_ns(job.submitted_ns, job.expires));
      // I2. By the wall clock it may be early after all: somebody has set the clock back.
      const std::uint64_t due = job.due_ns;
      if (job.has(by_wall_clock)) {
        if (core_.clock.wall_ns() < due) return put_off(e, boot_ns_of(core_, due, now_ns_));
      } else if (now_ns_ < due) {
        return put_off(e, due);
      }
      if ((e.slot & retry_mark) != 0) {
        const std::uint64_t allowed = core_.queues.at(queue)->spend_retry(now_ns_);
        if (allowed > now_ns_) {
          // Only if the slot is still that job's: one that came into it since, and waits for its time, is due
          // later than now, so the swap leaves that alone.
          job.due_ns.replace(due, allowed);
          return put_off({0, slot_of(e), e.version}, allowed);
        }
      }
      if (job.has(in_lane)) {
        core_.lanes.come_back(slot_of(e),
                              [&] { return is_current(job, job_word{job.word.load(acquire)}, e); });
      }
      if (!transition_to_due(job.word, word)) continue;
      context_.tallies.of(queue, kind).counts.add(tally::taken_up);
      hold(band_entry::make(slot_of(e), word), queue, band);
      return;
    }
  }

  void put_off(timer_entry e, std::uint64_t due_ns) noexcept {
    e.due_ns = std::max(due_ns, now_ns_ + 1);
    owner_.insert(e);
  }

  void expire(const timer_entry& e, job_word word, unsigned queue, unsigned band, unsigned kind,
              job_state was) noexcept {
    if (was == job_state::blocked) unpark(core_, slot_of(e));
    if (was == job_state::scheduled) {
      context_.tallies.of(queue, kind).counts.add(tally::taken_up);
    }
    end_job(core_, context_, slot_of(e), word, dead_cause::none);
    settle_room(core_, context_);
    if (was == job_state::ready) {
      note_cancelled_place(core_, context_, *core_.queues.at(queue), band);
    } else if (was == job_state::scheduled) {
      owner_.note_stale();
    }
  }

  void hold(band_entry place, unsigned queue, unsigned band) noexcept {
    if (held_ == places_.size() || (held_ != 0 && (queue != queue_ || band != band_))) flush();
    queue_ = queue;
    band_ = band;
    places_[held_++] = place.bits;
  }

  core& core_;
  timers& owner_;
  thread_context& context_;
  const std::uint64_t now_ns_;
  std::array<std::uint64_t, 256> places_;
  std::size_t held_ = 0;  // places, all of queue_ and band_
  unsigned queue_ = 0;
  unsigned band_ = 0;
};

void timers::add(const core& c, thread_context& context, const timer_entry& entry) noexcept {
  // No memory for an entry: who is here has a job that must not be lost, so it waits for some.
  timer_inbox::producer* token = context.timer_producer(inbox_);
  while (token == nullptr || !inbox_.push(*token, entry, account_, need::accepted)) {
    if (c.stopping.load(relaxed)) return;  // nothing fires any more. Stale: one wait more
    c.clock.sleep_for(memory_wait_ns);
    token = context.timer_producer(inbox_);
  }
  const bool is_one_of_many = ++context.timers_added % inbox_entries_max == 0;  // I3
  sleep_.tell(is_one_of_many ? 0 : entry.due_ns);
  if (is_one_of_many && inbox_.size() > inbox_behind) lend_a_hand(c, context);
}

void timers::note_stale() noexcept {
  const std::uint64_t stale = stale_.fetch_add(1, seq_cst) + 1;                         // I4
  if (stale % stale_min == 0 && are_many(stale, count_.load(seq_cst))) sleep_.tell(0);  // I4
}

// Who turns the wheel does not keep up, or nobody turns it (options::dispatch). Nothing is fired here,
// so that a submit calls no hooks of other jobs.
void timers::lend_a_hand(const core& c, thread_context& context) noexcept {
  constexpr int rounds_max = 2 * inbox_entries_max / turn_inserts_max;  // faster than it comes
  if (!sleep_.try_hold()) return;
  const std::uint64_t now = c.clock.boot_ns();
  for (int i = 0; i < rounds_max && sleep_.has_news(); ++i) {
    drain_inbox(c, context, now);
    if (wall_clock_used_.load(relaxed)) look_at_wall_clock(c, now);
    turn(c, context, now);
  }
  count_.store(entries(), seq_cst);  // I4
  sleep_.let_go(0);                  // whoever steps next looks at the rest
}

std::uint64_t timers::prepare_to_sleep(const watchdog& watch) noexcept {
  return sleep_.prepare_to_sleep([&watch] { return watch.next_ns(); });
}

bool timers::step(core& c, thread_context& context) noexcept {
  if (!sleep_.try_hold()) return false;
  const std::uint64_t now = c.clock.boot_ns();
  const bool had_news = sleep_.has_news();
  const bool was_due = sleep_.is_due(now);
  if (had_news) drain_inbox(c, context, now);
  if (wall_clock_used_.load(relaxed)) look_at_wall_clock(c, now);
  firing f(c, *this, context, now);
  const auto fire = [&f](std::span<const timer_entry> due) { f.fire(due); };
  if (exact_) {
    exact_->step(now, fire);
  } else {
    wheel_.step(now, fires_max, fire);
  }
  f.flush();
  turn(c, context, now);
  count_.store(entries(), seq_cst);                                                // I4
  const bool turns_on = is_turning_ || are_many(stale_.load(seq_cst), entries());  // I4
  sleep_.let_go(turns_on ? 0 : next_expiry_ns(c));
  return had_news || was_due;
}

void timers::drain_inbox(const core& c, thread_context& context, std::uint64_t now_ns) noexcept {
  sleep_.take_news();  // before the look: a push after it is news again
  std::array<timer_entry, 256> entries;
  std::size_t looks_left = inbox_entries_max;
  // A turn that reckons puts entries into the inbox itself.
  std::size_t inserts_left = is_turning_ && !is_reckoning_ ? turn_inserts_max : inbox_entries_max;
  bool has_room = true;
  while (looks_left > 0 && inserts_left > 0) {
    const std::size_t wanted = std::min(entries.size(), inserts_left);
    const std::size_t room = exact_ ? wanted : wheel_.make_room(wanted);
    has_room = room > 0;
    if (!has_room) break;
    const std::size_t count =
        inbox_.pop(context.timer_consumer(inbox_), std::span(entries).first(room));
    if (count == 0) return lacks_memory_.store(false, relaxed);
    looks_left -= std::min(looks_left, count);
    inserts_left -= insert_current(c, std::span(entries).first(count), now_ns);
  }
  lacks_memory_.store(!has_room, relaxed);
  sleep_.leave_news();  // there may be more
}

// There is room for all. How many there were whose jobs still wait for them: the others stay counted as
// stale, which makes a turn come too early rather than too late. By the wall clock, an entry's time may be one that
// was right before somebody set it.
std::size_t timers::insert_current(const core& c, std::span<timer_entry> entries,
                                   std::uint64_t now_ns) noexcept {
  constexpr std::size_t ahead = 16;  // slots on their way
  std::size_t inserted = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i + ahead < entries.size() && !is_gate(entries[i + ahead])) {
      __builtin_prefetch(&job_of(c, entries[i + ahead]));
    }
    timer_entry& e = entries[i];
    if (!is_wanted(c, e)) continue;
    if (!is_gate(e) && !is_expiry(e) && job_of(c, e).has(by_wall_clock)) {
      const std::uint64_t due = boot_ns_of(c, job_of(c, e).due_ns, now_ns);
      e.due_ns = due > now_ns ? due : std::min(e.due_ns, due);  // what was due before fires at once
    }
    insert(e);
    ++inserted;
  }
  return inserted;
}

std::uint64_t timers::next_expiry_ns(const core& c) noexcept {
  if (!exact_) return wheel_.next_expiry_ns();
  return exact_->next_ns([&c](const timer_entry& e) {
    if (is_gate(e)) return true;
    const slot& job = job_of(c, e);
    return is_current(job, job_word{job.word.load(acquire)}, e) &&
           !(is_expiry(e) && job.expires == 0);
  });
}

// Room has been made, or the entry has just come out.
void timers::insert(const timer_entry& entry) noexcept {
  if (exact_) return exact_->push(entry);
  PAWL_CHECK(wheel_.insert(entry));
}

// Part of a turn over all entries: drops the stale ones when there are many, and gives those by the
// wall clock a new time when that was set.
void timers::turn(const core& c, thread_context& context, std::uint64_t now_ns) noexcept {
  if (!is_turning_) {
    const std::uint64_t stale = stale_.load(relaxed);
    // relaxed: only holders write it, and lower stale_.
    const bool many = are_many(stale, entries()) || (stale > 0 && lacks_memory_.load(relaxed));
    if (!many && !is_reckoning_) return;
    stale_.fetch_sub(many ? stale : 0, relaxed);
    if (exact_) {
      exact_->change([&](timer_entry& e) {
        if (is_gate(e)) return true;
        const slot& job = job_of(c, e);
        if (!is_current(job, job_word{job.word.load(acquire)}, e)) return false;
        if (is_reckoning_ && !is_expiry(e) && job.has(by_wall_clock)) {
          e.due_ns = boot_ns_of(c, job.due_ns, now_ns);
        }
        return true;
      });
      is_reckoning_ = false;
      return;
    }
    is_turning_ = true;
  }
  timer_inbox::producer* const token = context.timer_producer(inbox_);
  is_turning_ = wheel_.compact(turn_entries_max, [&](std::span<timer_entry> entries) {
    for (const timer_entry& e : entries) {
      if (!is_gate(e)) __builtin_prefetch(&job_of(c, e));
    }
    const auto end = std::remove_if(entries.begin(), entries.end(), [&](timer_entry& e) {
      if (is_gate(e)) return false;
      const slot& job = job_of(c, e);
      const job_word word{job.word.load(acquire)};
      if (!is_current(job, word, e)) return true;
      if (!is_reckoning_ || is_expiry(e) || !job.has(by_wall_clock)) return false;
      const timer_entry moved{boot_ns_of(c, job.due_ns, now_ns), e.slot, e.version};
      if (token == nullptr || !inbox_.push(*token, moved, account_, need::accepted))
        return false;  // it looks when it fires
      sleep_.leave_news();
      return true;
    });
    return static_cast<std::size_t>(end - entries.begin());
  });
  if (!is_turning_) is_reckoning_ = std::exchange(reckon_again_, false);
}

// The two clocks drift apart by a step when somebody sets the wall clock.
void timers::look_at_wall_clock(const core& c, std::uint64_t now_ns) noexcept {
  const auto offset = static_cast<std::int64_t>(c.clock.wall_ns() - now_ns);
  const std::int64_t change = offset - wall_offset_ns_;
  if (change > -wall_step_ns && change < wall_step_ns) return;
  wall_offset_ns_ = offset;
  is_reckoning_ = true;
  reckon_again_ = is_turning_;  // the turn under way has passed some
}

}  // namespace pawl
