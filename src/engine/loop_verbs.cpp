// engine/loop_verbs.cpp -- the members of engine behind scheduler::make_loop() and pawl::loop.
#include <algorithm>

#include "engine/engine.hpp"

namespace pawl {

namespace {

std::uint64_t sum(std::uint64_t now_ns, duration budget) noexcept {
  const auto more = static_cast<std::uint64_t>(std::max(budget, duration(0)).count());
  return more > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + more;
}

}  // namespace

result<std::shared_ptr<loop_cell>> engine::make_loop() {
  if (!is(executor::external)) return failure{errc::invalid, 0, "options.executor"};
  if (!core_.settings.given.dispatch) return failure{errc::invalid, 0, "options.dispatch"};
  return loops_.lend();
}

run_result engine::run_some(loop_cell& cell, std::size_t jobs_max, duration budget) noexcept {
  const std::uint64_t begin = core_.clock.boot_ns();
  drain::visit v{jobs_max, budget == duration::max() ? UINT64_MAX : sum(begin, budget)};
  loop_sleep rest(core_.idle, cell.index, cell.rung);
  run_result done;
  done.more = drains_[cell.index]->run_within(v, rest);
  done.ran = jobs_max - v.jobs_left;
  if (const std::uint64_t next = core_.due_later.next_ns(); next != UINT64_MAX) {
    const std::uint64_t now = core_.clock.boot_ns();
    done.next_due = duration(static_cast<std::int64_t>(next - std::min(next, now)));
  }
  return done;
}

void engine::end_loop(loop_cell& cell) noexcept {
  drains_[cell.index]->retire();
  flush_credits(context_of(cell));
  loops_.give_back(cell);
}

}  // namespace pawl
