#include "engine/thread_context.hpp"

#include <new>
#include <utility>

namespace pawl {

bool thread_context::refill(slab& jobs) noexcept {
  if (!spare_->is_empty()) {
    std::swap(current_, spare_);
    return true;
  }
  if (magazine* full = jobs.free_slots().take_full(); full != nullptr) {
    jobs.free_slots().put_empty(current_);
    current_ = full;
    return true;
  }
  return jobs.take_fresh(*current_);
}

void thread_context::make_room_for_slot(slab& jobs) noexcept {
  if (spare_->is_full()) {
    jobs.free_slots().put_full(spare_);
    spare_ = jobs.free_slots().take_empty();
    // There are two magazines for each context and enough more for all slots in use so far.
    PAWL_CHECK(spare_ != nullptr);
  }
  std::swap(current_, spare_);
}

queue_share* thread_context::add_share(unsigned queue) noexcept {
  const std::lock_guard lock(adding_);
  const std::size_t bytes = sizeof(queue_share) + sizeof(void*);
  if (!account(memory_pool::threads).take(bytes, need_of(role_))) return nullptr;
  try {
    if (queue >= shares_.size()) shares_.resize(queue + 1);
    shares_[queue] = std::make_unique<queue_share>();
    return shares_[queue].get();
  } catch (const std::bad_alloc&) {
    account(memory_pool::threads).give(bytes);
    return nullptr;
  }
}

band::producer* thread_context::add_producer(queue_share& share, ready_queue& queue,
                                             unsigned b) noexcept {
  constexpr std::size_t bytes = 768;  // the producer, and its first index
  auto& token = share.producers[b];
  if (!account(memory_pool::threads).take(bytes, need_of(role_))) return nullptr;
  token.emplace(queue.band_of(b).make_producer());
  if (!token->valid()) {  // the band had no memory for it
    token.reset();
    account(memory_pool::threads).give(bytes);
  }
  return token ? &*token : nullptr;
}

band::consumer* thread_context::consumer_of(queue_share& share, ready_queue& queue,
                                            unsigned b) noexcept {
  auto& token = share.consumers[b];
  if (!token) token.emplace(queue.band_of(b).make_consumer());
  return &*token;
}

}  // namespace pawl
