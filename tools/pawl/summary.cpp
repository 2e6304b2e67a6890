#include "summary.hpp"

#include <fmt/format.h>

#include <memory>

#include "kind.hpp"
#include "printable.hpp"

namespace pawl_tool {

namespace {

std::string percentiles(std::string_view what, const histogram& times) {
  return fmt::format("  {:<10} {:>9} {:>9} {:>9} {:>9} {:>9}\n", what,
                     short_time(times.percentile(0.5)), short_time(times.percentile(0.9)),
                     short_time(times.percentile(0.99)), short_time(times.percentile(0.999)),
                     short_time(times.max()));
}

}  // namespace

std::string summary_text(const run_settings& settings, const run_outcome& outcome,
                         const tally& times) {
  const totals& counts = outcome.counts;
  const std::uint64_t done = counts.ended + counts.refused;
  const std::uint64_t known = counts.known_completed + counts.known_dead;
  const double seconds = std::chrono::duration<double>(outcome.wall).count();
  const std::string_view what = settings.kind ? name(*settings.kind) : "--jsonl";
  std::string text = fmt::format(
      "pawl run {}{}{}: {} jobs in {}, {} jobs/s\n", what, settings.tag.empty() ? "" : " ",
      settings.tag.empty() ? "" : printable(settings.tag), with_commas(done),
      short_time(static_cast<std::uint64_t>(outcome.wall.count())),
      with_commas(static_cast<std::uint64_t>(static_cast<double>(done - known) / seconds)));
  text +=
      fmt::format("  completed {}, dead {}", with_commas(counts.completed + counts.known_completed),
                  with_commas(counts.dead + counts.known_dead));
  if (known > 0) text += fmt::format(" ({} of them before)", with_commas(known));
  if (counts.refused > 0) text += ", refused " + with_commas(counts.refused);
  if (counts.retried > 0) text += ", retried " + with_commas(counts.retried);
  if (counts.timed_out > 0) text += ", timed out " + with_commas(counts.timed_out);
  const std::uint64_t waiting = counts.waiting_for_retry();
  if (waiting > 0) text += ", left before a retry " + with_commas(waiting);
  if (outcome.submitted > done + waiting) {
    text += ", not started " + with_commas(outcome.submitted - done - waiting);
  }
  text += '\n';
  if (counts.started == 0) return text;
  const auto waited = std::make_unique<histogram>();
  const auto ran = std::make_unique<histogram>();
  times.read_times(*waited, *ran);
  text += fmt::format("  {:<10} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "latency", "p50", "p90", "p99",
                      "p99.9", "max");
  return text + percentiles("waiting", *waited) + percentiles("running", *ran);
}

int exit_code_of(const run_outcome& outcome) noexcept {
  if (outcome.halted) return exit_some_died;
  const std::uint64_t completed = outcome.counts.completed + outcome.counts.known_completed;
  if (completed == 0) return exit_none_completed;
  return completed == outcome.submitted ? exit_all_completed : exit_some_died;
}

}  // namespace pawl_tool
