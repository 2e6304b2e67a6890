#include "engine/thread_context.hpp"

#include <new>
#include <utility>

#include "engine/log_appender.hpp"
#include "engine/wal.hpp"

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

// Its next generation may not be one that an earlier process has given, or a later one will give: asks the log,
// which mostly has an answer. A slot in its last generation is retired. So no id is ever used twice.
bool thread_context::may_use(const slot& free) const noexcept {
  const std::uint64_t next = free.generation + 1;
  if (next > generation_max) return false;
  if (log != nullptr && !log->log().may_give(next)) log->log().wait_for_floor(next);
  return true;
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
