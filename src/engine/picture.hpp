// engine/picture.hpp -- what the contexts have counted, added up.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "engine/core.hpp"
#include "pawl/metrics.hpp"

namespace pawl {

struct tally_sums {
  counted counts;
  job_histograms times;
  std::uint64_t running = 0;

  // Each of them as far as it is known; a difference of counts that belong to different moments: 0.
  [[nodiscard]] std::uint64_t alive() const noexcept;
  [[nodiscard]] std::uint64_t scheduled() const noexcept;
  [[nodiscard]] std::uint64_t waiting() const noexcept;
};

inline constexpr std::uint32_t no_pair = UINT32_MAX;       // what belongs to none
using sums_by_pair = std::map<std::uint32_t, tally_sums>;  // by pair_tally::pair

// Everything, with histograms or without. May throw std::bad_alloc.
sums_by_pair read_tallies(const core& c, bool with_times);
// The same as one sum, without what runs.
counted read_total(const core& c) noexcept;

// By queue, as far as there is one with counts.
std::vector<tally_sums> sum_by_queue(const sums_by_pair& pairs);
std::vector<tally_sums> sum_by_kind(const sums_by_pair& pairs, std::size_t kinds);
// Alive, of kinds that an earlier process has registered and this one has not.
std::uint64_t jobs_without_handler(const core& c, const sums_by_pair& pairs) noexcept;

// What was taken from the system.
memory_report describe_memory(const core& c) noexcept;

// Since when the oldest ready job of the queue is, at least as seen from the last batches (ready_queue);
// 0: not known, or there is none.
std::uint64_t oldest_ready_ns(const ready_queue& q) noexcept;
bool has_ready(const ready_queue& q) noexcept;

}  // namespace pawl
