// pawl/memory.hpp -- what a scheduler has taken from the system, and what becomes of it at its bound.
//
// options::memory_bytes_max is a budget for everything that grows with the load. The pools below take their
// memory in steps and count each before they take it. When it is used up:
//
//   1. From seven eighths of the budget on, what the scheduler can do without takes no more: histograms of
//      queues and kinds that have none yet, and further buckets of the others; room for the errors of failed
//      attempts (what is free of it is still used); memory that the timers would have kept for their next use.
//   2. A submit that finds none uses a larger block for its payload, if one up to eight times as large is
//      free. Then it purges dead letters, the oldest first and at most 64 at a time, until it finds what it
//      needs or letters_kept_min are left; memory_report::letters_purged counts them.
//   3. Then the submit goes by its queue's when_full: it is reject::memory at once, or after it has waited up
//      to block_for, or after it has shed up to 16 jobs, which may have been too small or of no use to it;
//      of these no dead letter is kept. A new queue or tenant is errc::memory.
//   4. Accepted jobs go on: they start, end, retry, are put off, parked and made ready again. What that takes
//      has been set aside with their slots and is never refused.
//
// What has been taken for jobs is kept for later jobs, so submits are accepted again as soon as jobs end, up
// to as many and as large ones as before; `bytes` does not go down for it. Timers and keys give memory back.
//
// Beyond the budget comes at most: 2 MB for each table that is in use, since the system gives memory in pages
// of that size; what the timers hold scattered and the bands keep on other threads' behalf for jobs that were
// accepted, above what was set aside; the old places of a table of keys or of a heap, while it grows. It does
// not count what does not grow with the load: the stacks of the threads, oneTBB, and the library itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pawl/export.hpp"

namespace pawl {

enum class memory_pool : std::uint8_t {
  slots,        // of jobs: 128 bytes each, and the lists of free ones
  side_tables,  // of what some jobs need beside their slot, for all slots: 24 bytes each; with lanes 40
                // more, with an ordered queue 16 more. Counted as if all of it were in use
  payloads,      // above 64 bytes; the errors and own options of jobs; kept results
  places,        // in bands and in the heaps of ordered queues
  timers,        // due times, expiries, and those of gates
  keys,          // tables of unique keys and of lanes
  queues,        // and tenants
  threads,       // what each thread keeps of its own, by queue and kind
  histograms,    // if options::histograms
  dead_letters,  // the list of them; a dead letter's job has its slot and payload still
};
inline constexpr std::size_t memory_pool_count = 10;
[[nodiscard]] PAWL_EXPORT std::string_view name(memory_pool p) noexcept;

// Without options::memory_bytes_max the same is counted, and nothing follows.
struct memory_report {
  static constexpr std::uint64_t letters_kept_min = 1'000;

  std::uint64_t bytes_max = 0;  // options::memory_bytes_max; 0: no budget
  std::uint64_t bytes = 0;      // taken, of all pools
  // What is set aside for the jobs of the slots there are, beyond what `places` and `timers` have taken; with
  // `bytes` it is what counts against bytes_max.
  std::uint64_t set_aside_bytes = 0;
  std::array<std::uint64_t, memory_pool_count> by_pool{};  // by memory_pool; their sum is `bytes`
  // For jobs with small payloads, about: of slots without a job, and of those that the budget has room for.
  std::uint64_t free_bytes = 0;
  std::uint64_t letters_purged = 0;  // dead letters, to make room

  [[nodiscard]] std::uint64_t of(memory_pool p) const noexcept {
    return by_pool[static_cast<std::size_t>(p)];
  }
};

}  // namespace pawl
