#include "engine/scarcity.hpp"

#include <optional>

#include "engine/ending.hpp"
#include "engine/intake.hpp"
#include "engine/option_checks.hpp"
#include "engine/shedding.hpp"
#include "job/id.hpp"

namespace pawl {

bool scarcity::make_memory(ready_queue& queue, queue_share& share, unsigned band) noexcept {
  if (core_.memory.bound() == 0) return false;
  if (purge_letters()) return true;
  if (queue.when_full() != when_full::shed || shed_ == shed_max) return false;
  ++shed_;
  const job_id shed = shed_one(core_, context_, share, queue, band);
  if (!shed) return false;
  settle_room(core_, context_);
  // It was shed for its memory, so its letter is not kept.
  const bool is_ours = core_.dead.purge(
      id_slot(shed), [&] { return core_.jobs[id_slot(shed)].generation == id_generation(shed); });
  if (!is_ours) return true;
  release_dead(core_, context_, id_slot(shed));
  return true;
}

// True: some are gone. Their slots are this thread's now.
bool scarcity::purge_letters() noexcept {
  unsigned purged = 0;
  for (; purged < letters_at_once; ++purged) {
    const std::optional<std::uint32_t> slot =
        core_.dead.purge_oldest(memory_report::letters_kept_min);
    if (!slot) break;
    release_dead(core_, context_, *slot);
  }
  return purged != 0;
}

submit_answer take_in_scarce(core& c, thread_context& context, queue_ref queue, kind_ref kind,
                             std::span<const std::byte> payload, const job_options& how) noexcept {
  submit_answer answer;
  answer.reason = reject::memory;
  // A hook of a job that is shed may come here again: it is refused at once.
  queue_share* const share = context.share_of(queue.index);
  if (context.is_short_of_memory || share == nullptr) return answer;
  context.is_short_of_memory = true;
  scarcity scarce(c, context);
  while (answer.reason == reject::memory &&
         scarce.make_memory(*c.queues.at(queue.index), *share, band_of(how.priority))) {
    answer = take_in(c, context, queue, kind, payload, how);
  }
  context.is_short_of_memory = false;
  return answer;
}

}  // namespace pawl
