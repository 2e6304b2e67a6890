#include "engine/sweeping.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

namespace pawl {

namespace {

constexpr std::uint64_t cancels_min = 4096;  // below that a sweep is not worth its while

bool is_current(const core& c, std::uint64_t place) noexcept {
  const band_entry p{place};
  return p.names(job_word{c.jobs[p.slot()].word.load(acquire)});
}

// What is current moves to the front list, behind what is there: it is older than what is pushed to
// the band from now on, and served before it. In an ordered queue it stays where it is.
void sweep(core& c, thread_context& context, ready_queue& queue, unsigned band) {
  queue_share* const share = context.share_of(queue.index());
  if (share == nullptr) return;
  front_list& front = queue.front_of(band);
  const auto is_kept = [&c](std::uint64_t place) { return is_current(c, place); };
  front.keep_if(is_kept);
  if (ordered_places* const heap = queue.heap_of(band)) return heap->keep_if(is_kept);
  std::vector<std::uint64_t> kept;
  std::array<std::uint64_t, batch_max> places;
  // Not more than were there at first, or a fast submitter would keep us here.
  std::size_t left = queue.band_of(band).size();
  while (left > 0) {
    const std::size_t count =
        queue.band_of(band).pop(*context.consumer_of(*share, queue, band), places);
    if (count == 0) break;
    std::copy_if(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count),
                 std::back_inserter(kept), is_kept);
    left -= std::min(left, count);
  }
  if (kept.empty()) return;
  front.append(kept);
  queue.gate().announce(band, c.active);  // false: the gate is closed, by us at least
}

}  // namespace

void note_cancelled_place(core& c, thread_context& context, ready_queue& queue,
                          unsigned band) noexcept {
  sweep_state& s = queue.sweep_of(band);
  // relaxed: when exactly a sweep begins does not matter.
  const std::uint64_t cancels = s.cancels.fetch_add(1, relaxed) + 1;
  if (cancels < std::max(cancels_min, queue.room().in_use())) return;
  const std::unique_lock lock(queue.sweeping(), std::try_to_lock);
  if (!lock) return;
  s.cancels.store(0, relaxed);
  // Closed meanwhile: a drain that popped behind the sweep's back would let younger jobs pass.
  queue.gate().close(gate_reason::sweeping);
  sweep(c, context, queue, band);
  if (queue.gate().open(gate_reason::sweeping, c.active)) c.idle.notify();
}

}  // namespace pawl
