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
  engine* core = nullptr;  // there is one only between cell->enter() and cell->leave()
};

loop::loop(std::unique_ptr<impl> parts) noexcept : impl_(std::move(parts)) {}

loop::~loop() {
  // In a child of fork() there is nothing to give back to.
  if (impl_->cell == nullptr || impl_->desk->guard.is_child()) return;
  switch (impl_->cell->enter()) {
    case loop_cell::entry::inside:
      impl_->core->end_loop(*impl_->cell);
      impl_->cell->leave_for_good();
      break;
    case loop_cell::entry::taken:
      PAWL_CHECK(!"a loop is destroyed inside its run_some()");
      break;
    case loop_cell::entry::closed:
      break;
  }
}

int loop::notify_fd() const noexcept {
  return impl_->cell->rung.fd();
}

result<run_result> loop::run_some(std::size_t jobs_max, duration budget) noexcept {
  const std::shared_ptr<lease_desk>& desk = impl_->desk;
  if (desk->guard.is_child()) return failure{errc::forked, 0, "run_some"};
  if (own_thread_context(desk) != nullptr) {
    return failure{errc::invalid, 0, "run_some inside a handler"};
  }
  switch (impl_->cell->enter()) {
    case loop_cell::entry::inside:
      break;
    case loop_cell::entry::taken:
      return failure{errc::busy, 0, "run_some"};
    case loop_cell::entry::closed:
      return failure{errc::stopping, 0, "run_some"};
  }
  result<run_result> done = failure{errc::memory, 0, "thread context"};
  // What handlers submit goes through the context of the drain, as on a drain's own thread.
  thread_context* const before = act_as(desk, impl_->core->context_of(*impl_->cell));
  if (before != nullptr) {
    done = impl_->core->run_some(*impl_->cell, jobs_max, budget);
    act_as(desk, *before);
  }
  impl_->cell->leave();
  return done;
}

result<std::unique_ptr<loop>> scheduler::make_loop() noexcept {
  if (impl_->is_child()) return failure{errc::forked, 0, "scheduler"};
  try {
    std::unique_ptr<loop> made(new loop(std::make_unique<loop::impl>()));
    auto cell = impl_->core->make_loop();
    if (!cell) return cell.error();
    *made->impl_ = {impl_->desk, std::move(*cell), impl_->core.get()};
    return made;
  } catch (const std::bad_alloc&) {
    return failure{errc::memory, 0, "make_loop"};
  }
}

}  // namespace pawl
