// engine/admission.hpp -- the room that a submit needs: a credit of the queue and one of the scheduler
// for each job, and the bytes of its payload where they are counted (engine/weighing.hpp).
//
// A thread takes credits from what it has set aside, else from the two bounds; bytes from the bounds, so
// where they are counted nothing is set aside, and where something is set aside nobody asks for bytes. A
// full queue that sheds gives up older jobs for it, one after the other until the new one fits or there
// is none left; what was shed by then stays shed.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/core.hpp"
#include "engine/ending.hpp"
#include "engine/shedding.hpp"
#include "engine/weighing.hpp"

namespace pawl {

// Everything that a whole call has in common.
struct admission {
  core& c;
  thread_context& context;
  ready_queue& queue;
  queue_share& share;
  std::uint16_t kind;
  std::uint8_t attempts_max;  // the kind's
  std::uint64_t now_ns;
  std::uint8_t log_marks = 0;  // of slot_mark: what is logged of the jobs on their way in

  [[nodiscard]] tally& counts() const noexcept {
    if (share.kind != kind) [[unlikely]] {
      pair_tally& found = context.tallies.of(queue.index(), kind);
      if (!found.is_of_a_pair()) return found.counts;
      share.kind = kind;
      share.counts = &found.counts;
    }
    return *share.counts;
  }
};

inline std::uint32_t take_set_aside(const admission& a, std::uint32_t wanted) noexcept {
  return a.share.credits.take(wanted, a.queue.recall(), a.c.asymmetric);
}

// Will its queue, or the scheduler, never have room for it?
inline bool is_too_large(const admission& a, std::uint64_t bytes) noexcept {
  return !a.queue.bytes().may_ever_hold(bytes) || !a.c.bytes.may_ever_hold(bytes);
}

// For a share without credits. `taken`: how many, more than wanted where the bound is large.
inline reject take_credits(core& c, ready_queue& queue, std::uint32_t wanted,
                           std::uint32_t& taken) noexcept {
  // Where bytes are counted nothing is set aside: each job comes by the shared numbers.
  const std::uint32_t lump =
      queue.counts_bytes() ? 1 : std::min(queue.room().lump(), c.room.lump());
  const std::uint32_t of_queue = queue.room().take(std::max(lump, wanted));
  if (of_queue == 0) return reject::queue_full;
  const std::uint32_t of_both = c.room.take(of_queue);
  if (of_both < of_queue) queue.room().give(of_queue - of_both);
  if (of_both == 0) return reject::scheduler_full;
  taken = of_both;
  return reject::none;
}

inline void give_credits(const admission& a, std::uint32_t count) noexcept {
  if (count == 0) return;
  a.queue.room().give(count);
  a.c.room.give(count);
}

// Sets aside credits that a call does not use; gives back those beyond what a thread may set aside.
inline void put_credits(const admission& a, std::uint32_t count) noexcept {
  if (count == 0) return;
  const auto kept_max = [&a] {
    const std::uint32_t lump = std::min(a.queue.room().lump(), a.c.room.lump());
    return lump == 1 || a.queue.counts_bytes() ? 0 : lump;
  };
  give_credits(a, count - a.share.credits.put(count, kept_max, a.queue.recall(), a.c.asymmetric));
}

// Until `take()` says something else than queue_full, at the cost of older jobs if the queue sheds.
// `before_shedding` makes the call's own jobs old enough for that.
template <class Take, class F>
reject take_or_shed(admission& a, unsigned band, Take take, F before_shedding) noexcept {
  for (;;) {
    const reject r = take();
    if (r != reject::queue_full || a.queue.when_full() != when_full::shed) return r;
    // Lowering a bound ends no job.
    if (a.queue.room().is_exceeded() || a.queue.bytes().is_exceeded()) return r;
    if (!before_shedding()) return reject::memory;
    if (!shed_one(a.c, a.context, a.share, a.queue, band)) return r;
    settle_room(a.c, a.context);
  }
}

// As take_credits(). `bytes`: of the job that it is for; nothing is shed for one that can never come in.
template <class F>
reject obtain_credits(admission& a, unsigned band, std::uint64_t bytes, std::uint32_t wanted,
                      std::uint32_t& taken, F before_shedding) noexcept {
  if (is_too_large(a, bytes)) return reject::too_large;
  a.context.bytes_wanted = 0;
  return take_or_shed(
      a, band, [&] { return take_credits(a.c, a.queue, wanted, taken); }, before_shedding);
}

// The bytes of a job in a queue that counts them, on its way into a free slot, which is marked. `brought`:
// bytes that it takes over from another job.
template <class F>
reject obtain_bytes(admission& a, unsigned band, std::uint32_t slot_index, std::uint64_t bytes,
                    std::uint64_t brought, F before_shedding) noexcept {
  if (bytes == 0) return reject::none;
  if (is_too_large(a, bytes)) return reject::too_large;
  const std::uint64_t more = bytes > brought ? bytes - brought : 0;
  if (more != 0) {
    const reject r = take_or_shed(
        a, band, [&] { return take_bytes(a.c, a.queue, more); }, before_shedding);
    if (r != reject::none) {
      a.context.bytes_wanted = more;
      return r;
    }
  }
  a.context.bytes_taken = more;
  mark_free_slot(a.c.jobs[slot_index].word, true);
  return reject::none;
}

// All the room of a job on its way into a free slot, where nothing is set aside; credits for the next ones
// too, unless the queue counts bytes.
template <class F>
[[gnu::noinline]] reject obtain_room(admission& a, unsigned band, std::uint32_t slot_index,
                                     std::uint64_t bytes, std::uint32_t wanted,
                                     std::uint32_t& credits, F before_shedding) noexcept {
  const bool counts = a.queue.counts_bytes();
  reject r = obtain_credits(a, band, bytes, counts ? 1 : wanted, credits, before_shedding);
  if (r != reject::none || !counts) return r;
  r = obtain_bytes(a, band, slot_index, bytes, 0, before_shedding);
  const std::uint32_t kept = r == reject::none ? 1 : 0;
  put_credits(a, credits - kept);
  credits = kept;
  return r;
}
// Of a single job.
inline reject obtain_room(admission& a, unsigned band, std::uint32_t slot_index,
                          std::uint64_t bytes) noexcept {
  std::uint32_t credits = 0;
  const reject r = obtain_room(a, band, slot_index, bytes, 1, credits, [] { return true; });
  if (r == reject::none) put_credits(a, credits - 1);
  return r;
}

// The job does not come into that slot after all: what it has taken of the bytes, and the slot, are given
// back.
inline void give_up_slot(const admission& a, std::uint32_t slot_index) noexcept {
  word_cell& word = a.c.jobs[slot_index].word;
  if (job_word{word.load(relaxed)}.has(job_flag::weighed)) {  // relaxed: the slot is ours
    mark_free_slot(word, false);
    give_bytes(a.c, a.queue, a.context.bytes_taken);
  }
  a.context.free_slot(a.c.jobs, slot_index);
}

}  // namespace pawl
