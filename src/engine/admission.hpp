// engine/admission.hpp -- the room that a submit needs: a credit of the queue and one of the scheduler
// for each job.
//
// A thread takes them from what it has set aside, else from the two bounds; a full queue that sheds
// gives up an older job for it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/core.hpp"
#include "engine/ending.hpp"
#include "engine/shedding.hpp"

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

// For a share without credits. `taken`: how many, more than wanted where the bound is large.
inline reject take_credits(core& c, ready_queue& queue, std::uint32_t wanted,
                           std::uint32_t& taken) noexcept {
  const std::uint32_t lump = std::min(queue.room().lump(), c.room.lump());
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
    return lump == 1 ? 0 : lump;
  };
  give_credits(a, count - a.share.credits.put(count, kept_max, a.queue.recall(), a.c.asymmetric));
}

// As take_credits(), at the cost of an older job if the queue sheds. `before_shedding` makes the
// call's own jobs old enough for that.
template <class F>
reject obtain_credits(admission& a, unsigned band, std::uint32_t wanted, std::uint32_t& taken,
                      F before_shedding) noexcept {
  for (;;) {
    const reject r = take_credits(a.c, a.queue, wanted, taken);
    if (r != reject::queue_full || a.queue.when_full() != when_full::shed) return r;
    if (a.queue.room().is_exceeded()) return r;  // lowering a bound ends no job
    if (!before_shedding()) return reject::memory;
    if (!shed_one(a.c, a.context, a.share, a.queue, band)) return r;
    settle_room(a.c, a.context);
  }
}

}  // namespace pawl
