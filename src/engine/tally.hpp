// engine/tally.hpp -- a thread's own counts of the jobs of one queue and kind, added up by whoever wants
// to know. Who has which: engine/pair_tallies.hpp.
//
// Roles       add: the one thread that holds the context.  read: any thread.
// State       cell   written by   read by   order
//             all    owner        readers   release / acquire: a reader that sees a job completed
//                                           sees it accepted, if it reads `accepted` last
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "pawl/counters.hpp"

namespace pawl {

// The counters that everybody may read, and what they are worked out with.
struct counted : counters {
  std::uint64_t put_off = 0;
  std::uint64_t taken_up = 0;
};

class tally {
 public:
  enum cell : std::size_t {
    accepted,
    started,
    completed,
    cancelled,
    expired,
    requeued,
    retried,
    pushed_back,
    timed_out,
    overrun,
    stale_results,
    threw,
    rate_refused,
    stolen,
    stale_entries,
    deduplicated,
    replaced,
    put_off,     // scheduled: by its submit, for a retry or a snooze
    taken_up,    // of these: it came due, or ended before
    dead_first,  // + dead_cause
    rejected_first = dead_first + dead_cause_count,  // + reject
    cell_count = rejected_first + reject_count
  };

  void add(cell c, std::uint64_t count = 1) noexcept { add_at(c, count); }
  void add(dead_cause c) noexcept { add_at(dead_first + static_cast<std::size_t>(c), 1); }
  void add(reject r, std::uint64_t count) noexcept {
    add_at(rejected_first + static_cast<std::size_t>(r), count);
  }
  // A job was counted as accepted and then found no memory for its place.
  void take_back_accepted(std::uint64_t count) noexcept { add_at(accepted, 0 - count); }

  // Adds this thread's part. Everything but `accepted` first: see State.
  void add_ends_to(counted& sum) const noexcept {
    sum.taken_up += read(taken_up);
    sum.completed += read(completed);
    sum.cancelled += read(cancelled);
    sum.expired += read(expired);
    sum.retried += read(retried);
    sum.pushed_back += read(pushed_back);
    sum.timed_out += read(timed_out);
    sum.overrun += read(overrun);
    sum.stale_results += read(stale_results);
    sum.threw += read(threw);
    sum.rate_refused += read(rate_refused);
    sum.stolen += read(stolen);
    sum.stale_entries += read(stale_entries);
    sum.deduplicated += read(deduplicated);
    sum.replaced += read(replaced);
    for (std::size_t i = 0; i < dead_cause_count; ++i) sum.dead[i] += read(dead_first + i);
    for (std::size_t i = 0; i < reject_count; ++i) sum.rejected[i] += read(rejected_first + i);
  }
  void add_starts_to(counted& sum) const noexcept { sum.started += read(started); }
  void add_accepted_to(counted& sum) const noexcept {
    sum.put_off += read(put_off);
    sum.accepted += read(accepted);
    sum.requeued += read(requeued);
  }

 private:
  void add_at(std::size_t i, std::uint64_t count) noexcept {
    // relaxed: only the owner writes.
    cells_[i].store(cells_[i].load(relaxed) + count, release);
  }
  [[nodiscard]] std::uint64_t read(std::size_t i) const noexcept { return cells_[i].load(acquire); }

  alignas(cache_line_bytes) std::array<atomic<std::uint64_t>, cell_count> cells_{};
};

}  // namespace pawl
