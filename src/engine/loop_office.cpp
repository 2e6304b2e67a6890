#include "engine/loop_office.hpp"

#include <algorithm>
#include <cerrno>

#include "engine/core.hpp"

namespace pawl {

loop_cell::entry loop_cell::enter() noexcept {
  std::uint32_t found = 0;
  if (word_.compare_exchange_strong(found, inside_bit, seq_cst)) return entry::inside;  // [inside]
  return (found & inside_bit) != 0 ? entry::taken : entry::closed;
}

void loop_cell::leave() noexcept {
  const bool is_closed = (word_.fetch_and(~inside_bit, seq_cst) & closed_bit) != 0;  // [inside]
  if (!is_closed) return;
  rung.ring();  // the thread may have silenced the ring of close()
  const std::lock_guard lock(mutex_);
  left_.notify_all();
}

void loop_cell::leave_for_good() noexcept {
  const std::lock_guard lock(mutex_);
  word_.fetch_and(~inside_bit, seq_cst);  // [inside]
  left_.notify_all();
}

void loop_cell::close() noexcept {
  word_.fetch_or(closed_bit, seq_cst);
  rung.ring();
}

bool loop_cell::wait_until_left(std::chrono::steady_clock::time_point until) noexcept {
  std::unique_lock lock(mutex_);
  return left_.wait_until(lock, until, [this] { return !is_anybody_inside(); });
}

result<std::shared_ptr<loop_cell>> loop_office::lend() {
  const std::lock_guard lock(mutex_);
  if (closed_) return failure{errc::stopping, 0, "make_loop"};
  places_.resize(core_.settings.drains);
  const auto free =
      std::find_if(places_.begin(), places_.end(), [](const place& p) { return !p.lent; });
  if (free == places_.end()) return failure{errc::full, 0, "options.drains"};
  if (free->cell == nullptr) {
    auto made = std::make_shared<loop_cell>(static_cast<unsigned>(free - places_.begin()));
    if (!made->rung.is_ready()) return failure{errc::io, EMFILE, "make_loop"};
    free->cell = std::move(made);
    core_.idle.hang(free->cell->index, free->cell->rung);
  }
  // The last owner may be on its way out still: a few instructions.
  static_cast<void>(free->cell->wait_until_left(std::chrono::steady_clock::time_point::max()));
  free->cell->rung.ring();  // there may be work that nobody could be told of
  free->lent = true;
  core_.drains_alive.fetch_add(1, relaxed);
  return free->cell;
}

void loop_office::give_back(const loop_cell& cell) noexcept {
  const std::lock_guard lock(mutex_);
  places_[cell.index].lent = false;
  core_.drains_alive.fetch_sub(1, relaxed);
}

void loop_office::close() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const place& p : places_) {
    if (p.cell != nullptr) p.cell->close();
  }
}

bool loop_office::wait_until_left(std::chrono::steady_clock::time_point until) noexcept {
  // After close() no place is added, and cells stay.
  return std::all_of(places_.begin(), places_.end(), [until](const place& p) {
    return p.cell == nullptr || p.cell->wait_until_left(until);
  });
}

unsigned loop_office::count() const noexcept {
  const std::lock_guard lock(mutex_);
  return static_cast<unsigned>(
      std::count_if(places_.begin(), places_.end(), [](const place& p) { return p.lent; }));
}

bool loop_office::is_lent(unsigned index) const noexcept {
  const std::lock_guard lock(mutex_);
  return index < places_.size() && places_[index].lent;
}

bool loop_office::is_any_inside() const noexcept {
  const std::lock_guard lock(mutex_);
  return std::any_of(places_.begin(), places_.end(), [](const place& p) {
    return p.cell != nullptr && p.cell->is_anybody_inside();
  });
}

}  // namespace pawl
