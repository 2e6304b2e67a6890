// engine/context_office.hpp -- lends contexts to threads, and keeps all of them.
//
// A thread of the host gets a context with its first submit and gives it back at its exit, so that
// any number of short-lived threads share a few. Beyond application_contexts_max at the same time
// they share one, under its lock: each producer makes every pop of a band dearer.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/thread_context.hpp"

namespace pawl {

class crash_board;
class wal;

class context_office {
 public:
  context_office(slab& jobs, payload_arena& payloads, memory_budget* budget) noexcept
      : jobs_(jobs), payloads_(payloads), budget_(budget) {}

  static constexpr unsigned application_contexts_max = 64;

  // Contexts that are made from now on have a way into it, and lines of the board: drains the first ones, threads
  // for blocking kinds those behind. Before the first.
  void use_log(wal* log, const crash_board* board, unsigned drain_lines) noexcept {
    log_ = log;
    board_ = board;
    drain_lines_ = drain_lines;
  }

  // For a thread of the host. May allocate; null: no memory. Not to be given back if
  // role() == shared.
  thread_context* lend() noexcept;
  // The one that all surplus threads use. Null: no memory.
  thread_context* shared() noexcept;
  // `context` is from lend(), and its thread does not use it any more; its credits are flushed.
  void give_back(thread_context* context) noexcept;

  // For a thread of the scheduler; never given back. Null: no memory.
  thread_context* add(context_role role, unsigned index) noexcept;

  // Calls f(context) for each one there is: contexts stay, so not under the lock. Who gets a new one that is not
  // among them sees what was written before the last look.
  template <class F>
  void for_each(F f) const {
    std::size_t i = 0;
    while (thread_context* const c = at(i++)) f(*c);
  }

 private:
  [[nodiscard]] thread_context* at(std::size_t i) const noexcept {  // null: there are not so many
    const std::lock_guard lock(mutex_);
    return i < all_.size() ? all_[i].get() : nullptr;
  }
  thread_context* shared_locked() noexcept;
  [[nodiscard]] crash_line* line_of(context_role role, unsigned index) const noexcept;
  thread_context* add_locked(context_role role, unsigned index) noexcept;

  slab& jobs_;
  payload_arena& payloads_;
  memory_budget* const budget_;
  wal* log_ = nullptr;
  const crash_board* board_ = nullptr;
  unsigned drain_lines_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<thread_context>> all_;
  std::vector<thread_context*> free_;  // lent last, given back first: its magazines are warm
  thread_context* shared_ = nullptr;
  unsigned application_contexts_ = 0;
};

}  // namespace pawl
