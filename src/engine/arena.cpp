#include "engine/arena.hpp"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <mutex>

namespace pawl {

namespace {
// TBB's workers are the process's, not a scheduler's: the last scheduler to go asks TBB to end them.
std::mutex schedulers_mutex;
unsigned schedulers = 0;

int arena_slots(unsigned drains, bool with_workers) {
  if (!with_workers) return static_cast<int>(drains);
  // More than TBB will ever have would make it warn on the host's standard error.
  const std::size_t allowed =
      tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
  const std::size_t workers = std::min<std::size_t>(drains, allowed - 1);
  return static_cast<int>(drains + workers);
}
}  // namespace

struct arena::state {
  // The arena first: it makes TBB's market, if the host has not. To attach makes it too, while it holds a lock
  // that a thread of the host which makes it at the same time waits for, and neither goes on (oneTBB 2021.8).
  state(unsigned drains, bool with_workers) : slots(arena_slots(drains, with_workers), drains) {
    slots.initialize();
    handle = tbb::task_scheduler_handle(tbb::attach{});
  }
  tbb::task_scheduler_handle handle;
  tbb::task_arena slots;
};

arena::arena(unsigned drains, bool with_workers)
    : state_(std::make_unique<state>(drains, with_workers)) {
  const std::lock_guard lock(schedulers_mutex);
  ++schedulers;
}

arena::~arena() {
  state_->slots.terminate();
  const std::lock_guard lock(schedulers_mutex);
  if (--schedulers == 0) {
    // Refuses, without harm, when the host uses TBB itself: the workers are the host's then.
    static_cast<void>(tbb::finalize(state_->handle, std::nothrow));
  } else {
    state_->handle.release();
  }
}

void arena::run(void* body, void (*call)(void*)) {
  state_->slots.execute([body, call] { call(body); });
}

void detail::run_isolated(void* body, void (*call)(void*)) {
  tbb::this_task_arena::isolate([body, call] { call(body); });
}

}  // namespace pawl
