#include "job_runner.hpp"

#include <exception>
#include <memory>
#include <utility>

#include "job_payload.hpp"

namespace pawl_tool {

pawl::outcome job_runner::run(pawl::context& job, std::span<const std::byte> payload) {
  const payload_head head = head_of(payload);
  const std::string_view line = line_of(payload);
  const std::int64_t start_ns = steady_now_ns();
  counts_.started();

  job_result result;
  try {
    kind_.run(line, result);
  } catch (const std::exception& trouble) {  // std::bad_alloc, most likely
    result.error = trouble.what();
  }
  result.waited = std::chrono::nanoseconds(start_ns - head.submitted_ns);
  result.ran = std::chrono::nanoseconds(steady_now_ns() - start_ns);
  const bool completed = result.completed();
  counts_.ended(completed, result.waited, result.ran);

  if (nothing_to_show(result)) {
    counts_.released(1, line.size());
  } else {
    result.sequence = head.sequence;
    result.line_bytes = line.size();
    result.id = job.id();
    result.state = name(completed ? pawl::job_state::completed : pawl::job_state::dead);
    if (!completed) result.cause = name(pawl::dead_cause::handler);
    if (!completed || settings_.form == output_form::jsonl) result.input = line;
    writer_.hand_over(std::make_unique<job_result>(std::move(result)));
  }
  window_.changed();
  return completed ? pawl::outcome::done() : pawl::outcome::dead();
}

// The writer waits for every result when it keeps the order.
bool job_runner::nothing_to_show(const job_result& result) const noexcept {
  return settings_.form == output_form::text && !settings_.keep_order && result.completed() &&
         result.output.empty() && result.errors.empty();
}

}  // namespace pawl_tool
