// policy/dispatch.hpp -- which band is next, how large a batch is. Values in, values out.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "pawl/job.hpp"

namespace pawl {

// A drain serves the highest band, except each aged_pick_period-th time: then the one that lags most.
// Prime, so that it does not beat with anything periodic; Go's scheduler uses the same number.
inline constexpr std::uint32_t aged_pick_period = 61;

// What one batch should take: long enough that picking costs little, short enough that the next
// pick is never far away.
inline constexpr std::uint64_t batch_target_ns = 20'000;

// A set of bands, bit b for band b.
using band_mask = std::uint32_t;

// The band to serve. `with_work` is not empty. A band of rank r lags when more than r times
// `ageing_ns` has passed since its last served job became ready; 0: no ageing.
constexpr unsigned choose_band(band_mask with_work, bool aged_turn,
                               const std::array<std::uint64_t, priority_count>& last_ready_ns,
                               std::uint64_t now_ns, std::uint64_t ageing_ns) noexcept {
  const auto highest = static_cast<unsigned>(std::countr_zero(with_work));
  if (!aged_turn || ageing_ns == 0) return highest;
  unsigned chosen = highest;
  std::uint64_t largest_excess = 0;
  for (unsigned band = highest + 1; band < priority_count; ++band) {
    if ((with_work & (1u << band)) == 0 || now_ns <= last_ready_ns[band]) continue;
    const std::uint64_t lag = now_ns - last_ready_ns[band];
    const std::uint64_t limit = ageing_ns * band;
    if (lag > limit && lag - limit > largest_excess) {
      largest_excess = lag - limit;
      chosen = band;
    }
  }
  return chosen;
}

// How many jobs of `mean_ns` fit into a batch; at least 1.
constexpr std::uint32_t batch_size(std::uint64_t mean_ns, std::uint32_t jobs_max) noexcept {
  if (mean_ns == 0) return jobs_max;
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(batch_target_ns / mean_ns, 1, jobs_max));
}

// A batch is thin that emptied its queue and was over at once: not worth a second drain's processor.
constexpr bool is_thin(std::size_t count, std::size_t wanted, std::uint64_t used_ns) noexcept {
  constexpr std::uint64_t at_once_ns = 2'000;
  return count < wanted && used_ns < at_once_ns;
}

// How long a drain naps after a thin batch, if another one is awake: doubled as long as batches stay
// thin. What it bounds is the wait of a job behind a handler that turned out long meanwhile.
constexpr std::uint64_t next_nap(std::uint64_t last_nap_ns) noexcept {
  constexpr std::uint64_t shortest = 25'000;
  constexpr std::uint64_t longest = 200'000;
  return std::clamp(2 * last_nap_ns, shortest, longest);
}

// The mean after a batch of `count` jobs took `elapsed_ns`: half of the way down, but at once up, so
// that a queue that turned slow is not served in long batches. A batch that was slow only because
// its thread was preempted is forgotten after a few short ones.
constexpr std::uint64_t next_mean(std::uint64_t mean_ns, std::uint64_t elapsed_ns,
                                  std::uint32_t count) noexcept {
  if (count == 0) return mean_ns;
  const std::uint64_t seen = elapsed_ns / count;
  if (mean_ns == 0 || seen > mean_ns) return std::max<std::uint64_t>(seen, 1);
  return std::max<std::uint64_t>(mean_ns - (mean_ns - seen + 1) / 2, 1);
}

}  // namespace pawl
