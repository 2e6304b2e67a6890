#include "engine/runner.hpp"

#include "engine/ending.hpp"
#include "engine/handler_call.hpp"
#include "job/id.hpp"

namespace pawl {

start run_job(core& c, thread_context& context, band_entry place, bool may_wait) noexcept {
  slot& job = c.jobs[place.slot()];
  // A stale place may name a slot in a later life, whose queue and kind are none of its business.
  // Read after this acquire, they belong to the life that the swap below starts from.
  if (!place.names(job_word{job.word.load(acquire)})) {
    context.counts.add(tally::stale_entries);
    return start::stale;
  }
  const unsigned queue_index = job.queue;
  const registry::entry& kind = c.kinds[job.kind];
  if (kind.options.blocking && !may_wait) return start::needs_thread;

  // The start protocol of ready/board.hpp: line, gate, word, line.
  context.line.begin_start(queue_index, c.asymmetric);
  if (!c.queues.at(queue_index)->gate().looks_open()) {
    context.line.end_start({});
    return start::closed;
  }
  job_word word;
  if (!transition_to_running(job.word, place.version(), band_entry::version_mask, word)) {
    context.line.end_start({});
    context.counts.add(tally::stale_entries);
    return start::stale;
  }
  const job_id id = make_id(place.slot(), job.generation);
  job.attempt = static_cast<std::uint8_t>(job.attempt + 1);
  context.line.end_start(id);
  context.counts.add(tally::started);

  const verdict v = handler_call::run(c, kind, job, id);

  job.cause = static_cast<std::uint8_t>(v.cause);
  transition_to_terminal(job.word, word, v.event);
  context.line.clear_running();
  end_job(c, context, place.slot(), word, v.cause);
  return start::ran;
}

void put_back(core& c, ready_queue& queue, unsigned band,
              std::span<const std::uint64_t> places) noexcept {
  if (places.empty()) return;
  queue.front_of(band).push(places);
  if (queue.gate().announce(band, c.active)) c.idle.notify();
}

}  // namespace pawl
