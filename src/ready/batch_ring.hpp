// ready/batch_ring.hpp -- the batch a drain holds, open to thieves.
//
// A drain takes up to 256 places from a band at once. While it runs the first job, the others must
// not be hostages: an idle drain may take them. Who starts a job is decided by the job's own word
// (transition_to_running), so the ring need not decide anything: it only shows where to look.
//
// Roles       publish, owner's loop: the drain.  try_peek_last: thieves.
// Progress    wait-free, apart from a thief's swap on `end_`, which it gives up when it fails.
//
// State       field     written by        read by   order
//             entry[i]  owner             thieves   release / acquire [place]: a thief that looks at
//                                                   an old end may read a new place, see I1
//             begin_    owner             thieves   relaxed: a hint
//             end_      owner, thieves    thieves   seq_cst exchange: published before the owner looks
//                                                   for sleepers (eventcount I1); thieves swap it down
//
// Invariants  I1  A job is started by whoever swaps its word from the version its place names: once,
//                 however many have seen the place.
//             I2  The owner tries every place of its batch, whatever begin_ and end_ say: what a
//                 thief saw and did not start is not lost.
//
// Checked by tests/ready/batch_ring_test.cpp, tests/model/steal_model.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/atomic.hpp"

namespace pawl {

#ifdef PAWL_MODEL
inline constexpr std::uint32_t batch_max = 2;
#else
inline constexpr std::uint32_t batch_max = 256;
#endif

class batch_ring {
 public:
  // Shows the batch to thieves. The caller then looks for sleeping drains.
  void publish(std::span<const std::uint64_t> batch) noexcept {
    for (std::uint32_t i = 0; i < batch.size(); ++i)
      entries_[i].store(batch[i], release);  // [place]
    begin_.store(0, relaxed);
    end_.exchange(static_cast<std::uint32_t>(batch.size()), seq_cst);
  }

  // The owner is about to try the place at `index`.
  void advance(std::uint32_t index) noexcept { begin_.store(index + 1, relaxed); }

  // The owner has tried them all.
  void clear() noexcept { end_.store(0, relaxed); }

  // Is there anything a thief might take? The look of a drain that is about to sleep.
  [[nodiscard]] bool looks_stealable() const noexcept {
    return end_.load(seq_cst) > begin_.load(relaxed);
  }

  // The last place not yet shown to another thief. False: nothing to steal, or another thief came
  // in between. The place may be stale, like any.
  bool try_peek_last(std::uint64_t& entry) noexcept {
    std::uint32_t end = end_.load(seq_cst);
    if (end <= begin_.load(relaxed)) return false;
    entry = entries_[end - 1].load(acquire);                              // [place]
    return end_.compare_exchange_strong(end, end - 1, relaxed, relaxed);  // relaxed: I1
  }

  // The same place, left where it is: for reports.
  [[nodiscard]] bool look_at_last(std::uint64_t& entry) const noexcept {
    const std::uint32_t end = end_.load(seq_cst);
    if (end <= begin_.load(relaxed)) return false;
    entry = entries_[end - 1].load(acquire);  // [place]
    return true;
  }

 private:
  alignas(cache_line_bytes) atomic<std::uint32_t> begin_{0};
  alignas(cache_line_bytes) atomic<std::uint32_t> end_{0};
  alignas(cache_line_bytes) std::array<atomic<std::uint64_t>, batch_max> entries_{};
};

}  // namespace pawl
