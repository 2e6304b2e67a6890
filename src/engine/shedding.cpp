#include "engine/shedding.hpp"

#include "engine/ending.hpp"
#include "engine/job_log.hpp"
#include "job/id.hpp"

namespace pawl {

namespace {

// Null: the place was stale, or a drain was faster.
job_id shed_at(core& c, thread_context& context, band_entry place) noexcept {
  slot& job = c.jobs[place.slot()];
  job_word word{job.word.load(acquire)};
  for (;;) {
    if (!place.names(word)) return {};
    switch (transition_to_dead(job.word, word)) {
      case request::ended: {
        const job_id id = make_id(place.slot(), job.generation);
        job.cause = static_cast<std::uint8_t>(dead_cause::shed);
        end_job(c, context, place.slot(), word, dead_cause::shed);
        return id;
      }
      case request::changed:
        word = job_word{job.word.load(acquire)};
        break;
      default:
        return {};
    }
  }
}

}  // namespace

job_id shed_one(core& c, thread_context& context, queue_share& share, ready_queue& queue,
                unsigned band) noexcept {
  if (!has_log_room(context)) return {};
  for (unsigned b = priority_count; b-- > band;) {
    std::uint64_t place = 0;
    const auto pop = [&] {
      return queue.front_of(b).pop({&place, 1}) != 0 ||
             queue.band_of(b).pop(*context.consumer_of(share, queue, b), {&place, 1}) != 0;
    };
    while (pop()) {
      if (const job_id shed = shed_at(c, context, band_entry{place})) return shed;
    }
  }
  return {};
}

}  // namespace pawl
