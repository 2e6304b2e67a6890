// ready/picker.hpp -- which queue a drain serves next: bands by priority and age, queues inside a
// band by deficit round robin.
//
// Each drain has a picker of its own, so that choosing touches no shared line but the active set. A
// queue's deficit is the handler time it may still use in its visit: a visit adds weight * 20 us,
// a batch subtracts what it took. A queue that overdrew, because one handler took long, sits out
// as many visits as that is worth.
//
// Deficit round robin: Shreedhar and Varghese, SIGCOMM 1995; there in bytes of packets.
// Checked against a model of the standard library in tests/ready/picker_test.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/mapped_array.hpp"
#include "pawl/job.hpp"
#include "policy/dispatch.hpp"
#include "ready/active_set.hpp"

namespace pawl {

inline constexpr std::int64_t visit_ns = static_cast<std::int64_t>(batch_target_ns);

struct pick {
  unsigned band = 0;
  unsigned queue = 0;
};

class picker {
 public:
  // To be asked once: false: there was no memory.
  [[nodiscard]] bool is_ready() const noexcept { return !deficits_.is_null(); }

  // Active: has(band) and next(band, from), as active_set has them. Weight: weight(queue), at least 1.
  // False: nothing was active.
  template <class Active, class Weight>
  bool choose(const Active& active, Weight weight, std::uint64_t now_ns,
              const std::array<std::uint64_t, priority_count>& last_ready_ns,
              std::uint64_t ageing_ns, pick& out) noexcept {
    band_mask with_work = 0;
    for (unsigned b = 0; b < priority_count; ++b) {
      if (active.has(b)) with_work |= 1u << b;
    }
    const bool aged_turn = ++picks_ % aged_pick_period == 0;
    while (with_work != 0) {
      const unsigned b = choose_band(with_work, aged_turn, last_ready_ns, now_ns, ageing_ns);
      const unsigned q = choose_queue(active, weight, b);
      if (q != no_queue) {
        out = {b, q};
        return true;
      }
      with_work &= ~(1u << b);  // it became empty between the two looks
    }
    return false;
  }

  // The batch of the last choice took `used_ns`.
  void charge(pick p, std::uint64_t used_ns) noexcept {
    std::int64_t& deficit = deficit_of(p.band, p.queue);
    deficit -= static_cast<std::int64_t>(used_ns);
    if (deficit <= 0) rings_[p.band].arrive(p.queue + 1);
  }

  // The queue of the last choice had nothing to give.
  void found_empty(pick p) noexcept { rings_[p.band].arrive(p.queue + 1); }

 private:
  struct ring {
    unsigned cursor = 0;
    bool visiting = false;  // the queue at the cursor has had its share for this visit

    void arrive(unsigned queue) noexcept {
      cursor = queue % queues_max;
      visiting = false;
    }
  };

  [[nodiscard]] std::int64_t& deficit_of(unsigned band, unsigned queue) const noexcept {
    return deficits_[std::size_t{band} * queues_max + queue];
  }

  template <class Active, class Weight>
  unsigned choose_queue(const Active& active, Weight weight, unsigned band) noexcept {
    ring& r = rings_[band];
    const unsigned first = active.next(band, r.cursor);
    if (first == no_queue) return no_queue;
    if (first != r.cursor) r.arrive(first);
    std::int64_t rounds_needed = INT64_MAX;
    unsigned q = first;
    // One round at most, also when the set changes under our eyes.
    for (unsigned visited = 0; visited < queues_max; ++visited) {
      const std::int64_t share = visit_ns * static_cast<std::int64_t>(weight(q));
      std::int64_t& deficit = deficit_of(band, q);
      if (!r.visiting) deficit = std::min<std::int64_t>(deficit, 0) + share;  // nothing is saved up
      if (deficit > 0) {
        r.cursor = q;
        r.visiting = true;
        return q;
      }
      rounds_needed = std::min(rounds_needed, -deficit / share + 1);
      r.visiting = false;
      q = active.next(band, q + 1);
      if (q == no_queue) return no_queue;
      if (q == first) break;
    }
    return skip_rounds(active, weight, band, rounds_needed);
  }

  // Every active queue has overdrawn: as if so many rounds had passed at once, the last as far as the first queue
  // that may be served then.
  template <class Active, class Weight>
  unsigned skip_rounds(const Active& active, Weight weight, unsigned band,
                       std::int64_t rounds) noexcept {
    ring& r = rings_[band];
    const unsigned first = active.next(band, r.cursor);
    unsigned chosen = no_queue;
    unsigned q = first;
    for (unsigned visited = 0; visited < queues_max && q != no_queue; ++visited) {
      std::int64_t& deficit = deficit_of(band, q);
      deficit += (chosen == no_queue ? rounds : rounds - 1) * visit_ns *
                 static_cast<std::int64_t>(weight(q));
      if (chosen == no_queue && deficit > 0) chosen = q;
      q = active.next(band, q + 1);
      if (q == first) break;
    }
    if (chosen == no_queue) chosen = first;  // the set has changed under our eyes
    if (chosen != no_queue) {
      r.cursor = chosen;
      r.visiting = true;
    }
    return chosen;
  }

  std::array<ring, priority_count> rings_;
  mapped_array<std::int64_t> deficits_{std::size_t{priority_count} * queues_max};
  std::uint32_t picks_ = 0;
};

}  // namespace pawl
