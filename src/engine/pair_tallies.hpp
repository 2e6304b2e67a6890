// engine/pair_tallies.hpp -- what a thread has counted, by queue and kind.
//
// There is one way to count: a pair of queue and kind has a tally in each context that met it, and all
// sums are made of these: of a queue, of a kind, of everything. What belongs to no pair (a place whose
// job had gone, a call with an unknown queue) is in the rest, as is what found no memory for its pair. The
// pair that the thread counted for last is at hand: two loads and a compare; another one costs a look
// into a small table. A pair takes some 400 bytes in each context that met it, and is never given back;
// contexts are lent to one thread after the other (context_office.hpp), so counts outlive their threads.
//
// Roles       of, rest: the one thread that holds the context.  for_each: any thread.
// Progress    of: wait-free, but for the first time a pair is met: under a lock, and allocates.
// State       field           written by                read by
//             all_            owner, under the lock     others under the lock
//             table_, last_   owner                     owner
//             the tallies     owner                     all: tally.hpp
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/job_times.hpp"
#include "engine/tally.hpp"
#include "job/memory_budget.hpp"

namespace pawl {

struct pair_tally {
  std::uint32_t pair = UINT32_MAX;    // queue << 16 | kind
  atomic<job_times*> times{nullptr};  // made when first needed; release / acquire
  tally counts;

  pair_tally() noexcept = default;
  pair_tally(const pair_tally&) = delete;
  pair_tally& operator=(const pair_tally&) = delete;
  ~pair_tally() { delete times.load(relaxed); }

  [[nodiscard]] bool is_of_a_pair() const noexcept { return pair != UINT32_MAX; }  // or the rest
  [[nodiscard]] unsigned queue() const noexcept { return pair >> 16; }
  [[nodiscard]] unsigned kind() const noexcept { return pair & 0xffff; }
};

class pair_tallies {
 public:
  explicit pair_tallies(const memory_account& account = {}, need why = need::accepted) noexcept
      : account_(account), why_(why) {}

  pair_tally& of(unsigned queue, unsigned kind) noexcept {
    const std::uint32_t pair = (queue << 16) | kind;
    if (pair == last_pair_) [[likely]]
      return *last_;
    return find_or_add(pair);
  }
  // Of what belongs to no pair.
  [[nodiscard]] tally& rest() noexcept { return rest_.counts; }

  // Calls f(pair_tally) for each pair met so far, and for the rest, whose pair is UINT32_MAX.
  template <class F>
  void for_each(F f) const {
    const std::lock_guard lock(adding_);
    f(rest_);
    for (const auto& one : all_) f(*one);
  }

 private:
  pair_tally& find_or_add(std::uint32_t pair) noexcept;
  [[nodiscard]] std::size_t place_of(std::uint32_t pair) const noexcept;

  const memory_account account_;
  const need why_;
  pair_tally rest_;
  std::uint32_t last_pair_ = UINT32_MAX;  // no queue has such a number
  pair_tally* last_ = &rest_;
  std::vector<pair_tally*>
      table_;  // by open addressing; null: free; a power of two, at most half full
  mutable std::mutex adding_;
  std::vector<std::unique_ptr<pair_tally>> all_;
};

}  // namespace pawl
