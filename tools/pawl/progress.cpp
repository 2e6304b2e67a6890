#include "progress.hpp"

#include <fmt/format.h>

#include "printable.hpp"

namespace pawl_tool {

namespace {

constexpr std::size_t columns_max = 79;

std::string remaining_time(double seconds) {
  if (seconds >= 360'000) return "more than 100 h left";
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole >= 3'600) {
    return fmt::format("{}:{:02}:{:02} left", whole / 3'600, whole / 60 % 60, whole % 60);
  }
  return fmt::format("{}:{:02} left", whole / 60, whole % 60);
}

}  // namespace

std::string progress_line(const progress_view& view, bool colored) {
  std::string line = with_commas(view.done) + " done";
  if (view.total) line += " of " + with_commas(*view.total);
  line += fmt::format(", {} running", with_commas(view.running));
  if (view.waiting_for_retry > 0) {
    line += fmt::format(", {} to retry", with_commas(view.waiting_for_retry));
  }
  std::string failed = with_commas(view.failed) + " failed";
  std::size_t columns = line.size() + 2 + failed.size();
  if (colored && view.failed > 0) failed = "\033[31m" + failed + "\033[0m";
  line += ", " + failed;
  const auto add_if_it_fits = [&](const std::string& text) {
    columns += text.size();
    if (columns <= columns_max) line += text;
  };
  add_if_it_fits(
      fmt::format(", {} jobs/s", with_commas(static_cast<std::uint64_t>(view.jobs_per_second))));
  if (view.total && *view.total > view.done && view.jobs_per_second > 0) {
    const auto left = static_cast<double>(*view.total - view.done);
    add_if_it_fits(", " + remaining_time(left / view.jobs_per_second));
  }
  return line;
}

progress_view progress_meter::look(const totals& now, std::optional<std::uint64_t> total,
                                   clock::time_point time) {
  progress_view view;
  view.done = now.ended + now.refused;
  view.failed = now.dead + now.known_dead + now.refused;
  view.running = now.running();
  view.waiting_for_retry = now.waiting_for_retry();
  view.total = total;
  const std::uint64_t done_here = view.done - now.known_completed - now.known_dead;
  const double seconds = std::chrono::duration<double>(time - last_time_).count();
  if (seconds > 0) {
    // A third of what is new: a rate one can read, and that follows within a second or two.
    const double latest = static_cast<double>(done_here - last_done_) / seconds;
    rate_ = has_rate_ ? rate_ + (latest - rate_) / 3 : latest;
    has_rate_ = true;
    last_time_ = time;
    last_done_ = done_here;
  }
  view.jobs_per_second = rate_;
  return view;
}

}  // namespace pawl_tool
