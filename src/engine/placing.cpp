#include "engine/placing.hpp"

namespace pawl {

void push_ready(core& c, thread_context& context, ready_queue& queue, unsigned band,
                std::span<const std::uint64_t> places) noexcept {
  queue_share* const share = context.share_of(queue.index());
  band::producer* const token =
      share == nullptr ? nullptr : context.producer_of(*share, queue, band);
  // Without memory they take the way round: they are not lost, only earlier than their elders.
  if (token == nullptr || !queue.band_of(band).push(*token, places)) {
    queue.front_of(band).append(places);
  }
  if (queue.gate().announce(band, c.active)) c.idle.notify();
}

void put_back(core& c, ready_queue& queue, unsigned band,
              std::span<const std::uint64_t> places) noexcept {
  if (places.empty()) return;
  queue.front_of(band).push(places);
  if (queue.gate().announce(band, c.active)) c.idle.notify();
}

}  // namespace pawl
