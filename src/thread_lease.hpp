// thread_lease.hpp -- which context the calling thread has in which scheduler.
//
// The one place with thread-local state. A thread of the host borrows a context with its first call
// that needs one, and gives it back when it exits, if the scheduler is still there.
#pragma once

#include <memory>
#include <mutex>

#include "base/fork_guard.hpp"
#include "engine/engine.hpp"

namespace pawl {

// Outlives the scheduler as long as a thread remembers it, so that a thread's exit can find out that
// the scheduler has gone.
struct lease_desk {
  fork_guard guard;
  std::mutex mutex;
  engine* open = nullptr;  // null: the scheduler has gone
};

// The calling thread's context. Null: no memory.
thread_context* lease_context(const std::shared_ptr<lease_desk>& desk) noexcept;

// The calling thread is one of the scheduler's own, and this is its context.
void adopt_context(const std::shared_ptr<lease_desk>& desk, thread_context& context) noexcept;

// The calling thread acts as one of the scheduler's own, until it acts as what it was before: the
// answer. Null: no memory; nothing has changed.
thread_context* act_as(const std::shared_ptr<lease_desk>& desk, thread_context& context) noexcept;

// Does the calling thread act as `context` now? Looks at the address alone, so the scheduler may have gone.
bool is_acting_as(const std::shared_ptr<lease_desk>& desk, const thread_context* context) noexcept;

// The calling thread's context if it is one of this scheduler's own threads, else null.
thread_context* own_thread_context(const std::shared_ptr<lease_desk>& desk) noexcept;

}  // namespace pawl
