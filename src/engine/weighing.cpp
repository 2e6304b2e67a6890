#include "engine/weighing.hpp"

namespace pawl {

// The fields are those of the job that `word` was read of, or it has ended since and the swap fails. What
// came into the slot after it is looked at by its own submitter.
void weigh(core& c, std::uint32_t slot_index) noexcept {
  slot& job = c.jobs[slot_index];
  job_word word{job.word.load(acquire)};
  while (word.is_live() && !word.has(job_flag::weighed)) {
    ready_queue* const queue = c.queues.at(job.queue);
    const std::uint64_t bytes = payload_bytes(c, job);
    if (queue == nullptr || !queue->counts_bytes() || bytes == 0) return;
    // Of another life they may be anything, and must not stand in others' way until the swap has failed.
    if (const job_word now{job.word.load(acquire)}; now != word) {
      word = now;
      continue;
    }
    queue->bytes().add(bytes);
    if (mark_weighed(job.word, word)) return;
    queue->bytes().give(bytes);
  }
}

void weigh_places(core& c, std::span<const std::uint64_t> places) noexcept {
  for (const std::uint64_t p : places) weigh(c, band_entry{p}.slot());
}

void weigh_all(core& c, ready_queue& queue) noexcept {
  if (c.asymmetric) membarrier_all_threads();
  for (std::uint32_t i = 0; c.jobs.holds(i); ++i) {
    if (c.jobs[i].queue == queue.index()) weigh(c, i);
  }
}

}  // namespace pawl
