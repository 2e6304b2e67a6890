#include "engine/quarantine.hpp"

#include <algorithm>
#include <utility>

#include "engine/core.hpp"
#include "job/id.hpp"

namespace pawl {

namespace {

// The job of that place waits for its start, or is in the attempt that began there.
bool is_under_way(const core& c, band_entry place) noexcept {
  const job_word word{c.jobs[place.slot()].word.load(acquire)};
  if (place.names(word)) return word.state() == job_state::ready;
  const std::uint64_t after = (place.version() + 1) & band_entry::version_mask;
  return word.state() == job_state::running && (word.version() & band_entry::version_mask) == after;
}

}  // namespace

void quarantine::begin(std::vector<std::uint64_t> places, std::uint64_t limit_ns) {
  if (places.empty() || limit_ns == 0) return;
  waiting_ = std::move(places);
  std::reverse(waiting_.begin(), waiting_.end());
  limit_ns_ = limit_ns;
  on_.store(true, release);
}

std::optional<std::uint64_t> quarantine::next(core& c) noexcept {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return std::nullopt;
  look_at_current(c);
  if (current_) return std::nullopt;
  if (waiting_.empty()) {
    alone_.store(0, relaxed);
    const bool was_on = on_.exchange(false, acq_rel);
    if (was_on) c.idle.notify();
    return std::nullopt;
  }
  current_ = waiting_.back();
  waiting_.pop_back();
  since_ns_ = c.clock.boot_ns();
  alone_.store(std::uint64_t{band_entry{*current_}.slot()} + 1, relaxed);
  return current_;
}

// Is it over, or has it lived through its quarantine?
void quarantine::look_at_current(core& c) noexcept {
  if (!current_) return;
  const band_entry place{*current_};
  const bool is_over = !is_under_way(c, place);
  if (!is_over && c.clock.boot_ns() - since_ns_ < limit_ns_) return;
  current_.reset();
  if (is_over) return;
  c.contexts.for_each([&](const thread_context& t) {
    const job_id running = t.line.running();
    if (t.crash != nullptr && running && id_slot(running) == place.slot()) t.crash->join_others();
  });
}

void quarantine::let_go(std::uint64_t place) noexcept {
  const std::lock_guard lock(mutex_);
  if (current_ == place) current_.reset();
}

}  // namespace pawl
