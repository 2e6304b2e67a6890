// loop.cpp -- the public shell of a loop: adds to the engine's part whose thread it is that calls.
#include "pawl/loop.hpp"

#include <new>
#include <utility>

#include "base/check.hpp"
#include "scheduler_impl.hpp"

namespace pawl {

struct loop::impl {
  std::shared_ptr<lease_desk> desk;
  std::shared_ptr<loop_cell> cell;
  // There are these two only between cell->enter() and cell->leave().
  engine* core = nullptr;
  thread_context* context = nullptr;  // the drain's

  result<run_result> run_some(std::size_t jobs_max, duration budget) noexcept;
};

namespace {
constexpr failure inside_handler{errc::invalid, 0, "run_some inside a handler"};
}

// The thread has entered.
result<run_result> loop::impl::run_some(std::size_t jobs_max, duration budget) noexcept {
  if (own_thread_context(desk) != nullptr) return inside_handler;  // of another loop
  // What handlers submit goes through the context of the drain, as on a drain's own thread.
  thread_context* const before = act_as(desk, *context);
  if (before == nullptr) return failure{errc::memory, 0, "thread context"};
  const run_result done = core->run_some(*cell, jobs_max, budget);
  act_as(desk, *before);
  return done;
}

loop::loop(std::unique_ptr<impl> parts) noexcept : impl_(std::move(parts)) {}

loop::~loop() {
  // In a child of fork() there is nothing to give back to.
  if (impl_->cell == nullptr || impl_->desk->guard.is_child()) return;
  const loop_cell::entry entry = impl_->cell->enter();
  PAWL_CHECK(entry != loop_cell::entry::taken);  // else it is destroyed inside its run_some()
  if (entry == loop_cell::entry::closed) return;
  impl_->core->end_loop(*impl_->cell);
  impl_->cell->leave_for_good();
}

int loop::notify_fd() const noexcept {
  return impl_->cell->rung.fd();
}

result<run_result> loop::run_some(std::size_t jobs_max, duration budget) noexcept {
  const std::shared_ptr<lease_desk>& desk = impl_->desk;
  if (desk->guard.is_child()) return failure{errc::forked, 0, "run_some"};
  switch (impl_->cell->enter()) {
    case loop_cell::entry::inside:
      break;
    case loop_cell::entry::taken:
      if (is_acting_as(desk, impl_->context)) return inside_handler;
      return failure{errc::busy, 0, "run_some"};
    case loop_cell::entry::closed:
      return failure{errc::stopping, 0, "run_some"};
  }
  const result<run_result> done = impl_->run_some(jobs_max, budget);
  impl_->cell->leave();
  return done;
}

result<std::unique_ptr<loop>> scheduler::make_loop() noexcept {
  if (impl_->is_child()) return failure{errc::forked, 0, "scheduler"};
  try {
    std::unique_ptr<loop> made(new loop(std::make_unique<loop::impl>()));
    auto cell = impl_->core->make_loop();
    if (!cell) return cell.error();
    engine* const core = impl_->core.get();
    thread_context* const context = &core->context_of(**cell);
    *made->impl_ = {impl_->desk, std::move(*cell), core, context};
    return made;
  } catch (const std::bad_alloc&) {
    return failure{errc::memory, 0, "make_loop"};
  }
}

}  // namespace pawl
