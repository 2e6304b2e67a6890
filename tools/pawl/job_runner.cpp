#include "job_runner.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>

#include "pawl/scheduler.hpp"
#include "printable.hpp"
#include "verdict.hpp"

namespace pawl_tool {

pawl::outcome job_runner::run(pawl::context& job, const payload& given) {
  const std::int64_t start_ns = steady_now_ns();
  job_result result;
  result.waited = std::chrono::nanoseconds(std::max<std::int64_t>(start_ns - given.head.due_ns, 0));
  counts_.started(job.attempt(), result.waited);
  attempt(given, result);
  result.ran = std::chrono::nanoseconds(steady_now_ns() - start_ns);

  attempt_end end;
  end.completed = result.completed();
  if (!end.completed) {
    end.timed_out = result.timed_out;
    end.hopeless = result.hopeless;
    end.stopping = stop_.intake_stopped();
    end.attempt = job.attempt();
    end.attempts_max = attempts_max(job);
  }
  const verdict decided = judge(end);
  result.state = name(decided.state);
  if (decided.state == pawl::job_state::dead) {
    result.cause = name(decided.cause);
    halt_.count_failure();
  }
  counts_.attempt_ended(decided.state, result.timed_out, result.ran);
  if (decided.state != pawl::job_state::scheduled) show(job, given, std::move(result));
  window_.changed();
  return decided.say;
}

void job_runner::attempt(const payload& given, job_result& result) const {
  job_input input{given.text, given.head.is_words != 0};
  const auto timeout = given.timeout.count() != 0 ? given.timeout : settings_.timeout;
  if (timeout.count() != 0) input.deadline = job_input::clock::now() + timeout;
  try {
    kind_.run(input, result);
  } catch (const std::exception& trouble) {  // std::bad_alloc, most likely
    result.error = trouble.what();
  }
  if (result.timed_out && result.error.empty()) {
    result.error = "it ran longer than " + short_time(static_cast<std::uint64_t>(timeout.count()));
  }
}

// The scheduler knows what the job was submitted with.
unsigned job_runner::attempts_max(pawl::context& job) const noexcept {
  const auto status = job.owner().find(job.id());
  return status ? status->max_attempts : settings_.attempts;
}

void job_runner::show(pawl::context& job, const payload& given, job_result&& result) {
  if (nothing_to_show(result)) {
    counts_.released(1, given.body_bytes);
    return;
  }
  result.sequence = given.head.sequence;
  result.line_bytes = given.body_bytes;
  result.id = job.id();
  result.kind = name(which_);
  result.attempts = job.attempt();
  if (!result.completed() || settings_.form == output_form::jsonl) {
    result.input = given.text;
    result.is_words = given.head.is_words != 0;
  }
  writer_.hand_over(std::make_unique<job_result>(std::move(result)));
}

// The writer waits for every result when it keeps the order.
bool job_runner::nothing_to_show(const job_result& result) const noexcept {
  return settings_.form == output_form::text && !settings_.keep_order && result.completed() &&
         result.output.empty() && result.errors.empty();
}

}  // namespace pawl_tool
