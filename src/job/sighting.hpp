// job/sighting.hpp -- a job as a reader without any claim on it sees it.
#pragma once

#include "job/id.hpp"
#include "job/slab.hpp"
#include "job/word.hpp"

namespace pawl {

struct sighting {
  slot* job = nullptr;      // null: the id was never issued
  job_word word;            // valid if `is_current`
  bool is_current = false;  // false: that life of the slot is over
};

// Word, generation, word: if both words are the same, the generation belongs to them.
inline sighting look_up(const slab& jobs, job_id id) noexcept {
  sighting s;
  const std::uint32_t index = id_slot(id);
  if (id_is_away(id) || id_generation(id) == 0 || !jobs.holds(index)) return s;
  slot& job = jobs[index];
  for (;;) {
    s.word.bits = job.word.load(acquire);
    const std::uint64_t generation = job.generation;
    if (generation < id_generation(id)) return s;
    s.job = &job;
    if (generation > id_generation(id) || s.word.state() == state_free) return s;
    if (job.word.load(acquire) == s.word.bits) {
      s.is_current = true;
      return s;
    }
  }
}

}  // namespace pawl
