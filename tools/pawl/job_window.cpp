#include "job_window.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace pawl_tool {

job_window::job_window(const window_limits& limits, const tally& counts,
                       const capture_budget& captures, const stop_request& stop)
    : limits_(limits), counts_(counts), captures_(captures), stop_(stop), wake_(make_event()) {}

std::size_t job_window::acquire(std::span<const input_line> lines) {
  std::size_t granted = 0;
  if (!wait_until([&] { return (granted = room(lines)) > 0; })) return 0;
  acquired_jobs_.fetch_add(granted);
  for (const input_line& line : lines.first(granted)) acquired_bytes_ += line.text.size();
  return granted;
}

bool job_window::wait_all_released() {
  return wait_until([&] { return counts_.read().released_jobs == acquired_jobs_.load(); });
}

// How many of `lines` fit now.
std::size_t job_window::room(std::span<const input_line> lines) const {
  const totals now = counts_.read();
  const std::uint64_t acquired = acquired_jobs_.load();
  const std::uint64_t held_jobs = acquired - now.released_jobs;
  if (held_jobs == 0) return 1;
  std::uint64_t unfinished_jobs = acquired - now.ended - now.refused;
  if (!limits_.retries_are_unfinished) {
    unfinished_jobs -= std::min(unfinished_jobs, now.waiting_for_retry());
  }
  if (held_jobs >= limits_.jobs_max || unfinished_jobs >= limits_.unfinished_jobs_max ||
      captures_.held_bytes() >= limits_.held_output_bytes_max) {
    return 0;
  }
  const std::uint64_t jobs = std::min<std::uint64_t>(
      {lines.size(), limits_.jobs_max - held_jobs, limits_.unfinished_jobs_max - unfinished_jobs});
  std::uint64_t held_bytes = acquired_bytes_ - now.released_bytes;
  std::size_t fitting = 0;
  while (fitting < jobs && held_bytes + lines[fitting].text.size() <= limits_.line_bytes_max) {
    held_bytes += lines[fitting++].text.size();
  }
  return fitting;
}

template <class Ready>
bool job_window::wait_until(Ready ready) {
  while (!stop_.intake_stopped()) {
    if (ready()) return true;
    waiting_.store(true);
    if (ready()) {
      waiting_.store(false);
      return true;
    }
    pollfd wait[2] = {{wake_.get(), POLLIN, 0}, {stop_.intake_descriptor(), POLLIN, 0}};
    ::poll(wait, 2, -1);
    take_event(wake_);
    waiting_.store(false);
    if (!ready()) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return false;
}

void job_window::changed() noexcept {
  if (waiting_.load() && waiting_.exchange(false)) raise_event(wake_);
}

}  // namespace pawl_tool
