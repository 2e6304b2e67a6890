#include "engine/placing.hpp"

#include <vector>

#include "engine/wal.hpp"

namespace pawl {

namespace {

// False: no memory.
bool push_behind(core& c, thread_context& context, ready_queue& queue, unsigned band,
                 std::span<const std::uint64_t> places) noexcept {
  if (ordered_places* const heap = queue.heap_of(band)) return heap->push(c.order, places);
  queue_share* const share = context.share_of(queue.index());
  band::producer* const token =
      share == nullptr ? nullptr : context.producer_of(*share, queue, band);
  return token != nullptr &&
         queue.band_of(band).push(*token, places, c.places_account, need::accepted);
}

// What has a permit goes to the front list, which is where a queue that closes looks for permits
// (engine/gating.hpp). Who equips one of these places meanwhile, a thief, has a place of its own.
void put_back_ordered(core& c, ready_queue& queue, unsigned band, ordered_places& heap,
                      std::span<const std::uint64_t> places) noexcept {
  std::vector<std::uint64_t> equipped;
  std::vector<std::uint64_t> others;
  if (queue.has_equipped()) {
    for (const std::uint64_t place : places) {
      const job_word word{c.jobs[band_entry{place}.slot()].word.load(acquire)};
      const bool has_permit = band_entry{place}.names(word) && word.permits() != 0;
      (has_permit ? equipped : others).push_back(place);
    }
    places = others;
  }
  if (!places.empty() && !heap.put_back(c.order, places)) queue.front_of(band).push(places);
  if (!equipped.empty()) queue.front_of(band).push(equipped);
}

// What must be durable before it starts and is not waits. The others.
std::vector<std::uint64_t> hold_back(core& c, ready_queue& queue, unsigned band,
                                     std::span<const std::uint64_t> places) noexcept {
  std::vector<std::uint64_t> free;
  for (const std::uint64_t place : places) {
    const slot& job = c.jobs[band_entry{place}.slot()];
    const std::uint64_t lsn = job.has(slot_mark::strictly) ? job.start_lsn.load(relaxed) : 0;
    const bool waits = lsn > c.log->durable_lsn() && !c.log->write_now(lsn);
    if (!waits || !c.strict.hold(lsn, {place, queue.index(), band})) free.push_back(place);
  }
  return free;
}

// In front of what may come later: they have waited.
void push_in_front(core& c, ready_queue& queue, unsigned band,
                   std::span<const std::uint64_t> places) noexcept {
  ordered_places* const heap = queue.heap_of(band);
  if (heap == nullptr || !heap->push(c.order, places)) queue.front_of(band).append(places);
  if (queue.gate().announce(band, c.active)) c.idle.notify();
}

}  // namespace

void push_held(core& c, std::uint64_t durable_lsn) noexcept {
  const std::vector<strict_starts::start> free = c.strict.release(durable_lsn);
  std::vector<std::uint64_t> places;  // of one queue and band
  for (std::size_t i = 0; i < free.size(); ++i) {
    places.push_back(free[i].place);
    const bool goes_on = i + 1 < free.size() && free[i + 1].queue == free[i].queue &&
                         free[i + 1].band == free[i].band;
    if (goes_on) continue;
    push_in_front(c, *c.queues.at(free[i].queue), free[i].band, places);
    places.clear();
  }
}

void push_ready(core& c, thread_context& context, ready_queue& queue, unsigned band,
                std::span<const std::uint64_t> places) noexcept {
  std::vector<std::uint64_t> free;
  if (c.strict.is_used()) [[unlikely]] {
    free = hold_back(c, queue, band, places);
    if (free.empty()) return;
    places = free;
  }
  // Without memory they take the way round: they are not lost, only earlier than their elders.
  if (!push_behind(c, context, queue, band, places)) queue.front_of(band).append(places);
  if (queue.gate().announce(band, c.active)) c.idle.notify();
}

void put_back(core& c, ready_queue& queue, unsigned band,
              std::span<const std::uint64_t> places) noexcept {
  if (places.empty()) return;
  if (ordered_places* const heap = queue.heap_of(band)) {
    put_back_ordered(c, queue, band, *heap, places);
  } else {
    queue.front_of(band).push(places);
  }
  if (queue.gate().announce(band, c.active)) c.idle.notify();
}

}  // namespace pawl
