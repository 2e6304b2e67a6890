#include "engine/context_office.hpp"

#include <new>

#include "engine/wal.hpp"
#include "persistence/crash_board.hpp"

namespace pawl {

thread_context* context_office::lend() noexcept {
  const std::lock_guard lock(mutex_);
  if (!free_.empty()) {
    thread_context* const c = free_.back();
    free_.pop_back();
    return c;
  }
  if (application_contexts_ < application_contexts_max) {
    thread_context* const c = add_locked(context_role::application, application_contexts_);
    if (c != nullptr) ++application_contexts_;
    return c;
  }
  return shared_locked();
}

thread_context* context_office::shared() noexcept {
  const std::lock_guard lock(mutex_);
  return shared_locked();
}

thread_context* context_office::shared_locked() noexcept {
  if (shared_ == nullptr) shared_ = add_locked(context_role::shared, 0);
  return shared_;
}

void context_office::give_back(thread_context* context) noexcept {
  const std::lock_guard lock(mutex_);
  free_.push_back(context);  // room was reserved when it was made
}

thread_context* context_office::add(context_role role, unsigned index) noexcept {
  const std::lock_guard lock(mutex_);
  return add_locked(role, index);
}

// Others run no handlers.
crash_line* context_office::line_of(context_role role, unsigned index) const noexcept {
  if (board_ == nullptr) return nullptr;
  if (role == context_role::drain) return board_->line(index);
  return role == context_role::blocking ? board_->line(drain_lines_ + index) : nullptr;
}

thread_context* context_office::add_locked(context_role role, unsigned index) noexcept {
  magazine* const current = jobs_.take_magazine();
  magazine* const spare = jobs_.take_magazine();
  if (current == nullptr || spare == nullptr) return nullptr;
  try {
    all_.push_back(std::make_unique<thread_context>(role, index, current, spare, budget_));
    if (log_ != nullptr) all_.back()->log = log_->make_appender();
    all_.back()->crash = line_of(role, index);
    all_.back()->now_running.blocks = &payloads_;
    // There are a few of them at most, and a thread without one can do nothing at all.
    memory_account(budget_, memory_pool::threads).take(sizeof(thread_context), need::accepted);
    if (role == context_role::application) free_.reserve(application_contexts_ + 1);
    return all_.back().get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace pawl
