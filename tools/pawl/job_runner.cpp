#include "job_runner.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>

#include "attempt_error.hpp"
#include "input_position.hpp"
#include "pawl/job_result.hpp"
#include "pawl/scheduler.hpp"
#include "printable.hpp"
#include "stored_result.hpp"
#include "verdict.hpp"

namespace pawl_tool {

namespace {

// The same outcome, with what a dead letter is to tell.
pawl::outcome with_error(pawl::context& job, pawl::outcome say, const job_result& result) {
  using code = pawl::outcome::code;
  if (say.what() == code::fail) return job.fail(result.error, error_number(result));
  if (say.what() == code::dead) return job.dead(result.error, error_number(result));
  return say;
}

}  // namespace

pawl::outcome job_runner::run(pawl::context& job, const payload& given) {
  // It was given up a moment ago, and the scheduler has not stopped yet.
  if (settings_.keeps() && stop_.now()) return pawl::outcome::interrupted();
  const std::int64_t start_ns = steady_now_ns();
  job_result result;
  result.waited = waited(given.due_ns, began_ns_, start_ns);
  counts_.started(job.attempt(), result.waited);
  attempt(given, result);
  result.ran = std::chrono::nanoseconds(steady_now_ns() - start_ns);

  const bool stays = settings_.keeps() && !result.completed() && stop_.now();
  if (stays || (settings_.keeps() && result.completed() && !keep(job, given, result))) {
    return give_up();
  }
  attempt_end end;
  end.completed = result.completed();
  if (!end.completed) {
    end.timed_out = result.timed_out;
    end.hopeless = result.hopeless;
    end.stopping = stop_.intake_stopped() && !settings_.keeps();
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
  const pawl::outcome say = settings_.keeps() ? with_error(job, decided.say, result) : decided.say;
  if (decided.state != pawl::job_state::scheduled) show(job, given, std::move(result));
  window_.changed();
  return say;
}

// The store has the job still.
pawl::outcome job_runner::give_up() {
  counts_.interrupted();
  window_.changed();
  return pawl::outcome::interrupted();
}

void job_runner::attempt(const payload& given, job_result& result) const {
  job_input input{given.text, given.is_words};
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

// False: there is no room for it, and the run is to end.
bool job_runner::keep(pawl::context& job, const payload& given, const job_result& result) const {
  stored_result kept;
  kept.sequence = given.sequence;
  kept.line_hash = given.has_line_hash ? given.line_hash : hash_of_line(given.text);
  kept.kind = which_;
  kept.attempts = job.attempt();
  kept.exit_code = result.exit_code;
  kept.signal = result.signal;
  kept.waited = result.waited;
  kept.ran = result.ran;
  kept.is_words = given.is_words;
  kept.input = given.text.substr(0, pawl::result_bytes_max);
  kept.output = result.output.beginning(pawl::result_bytes_max);
  kept.errors = result.errors.beginning(pawl::result_bytes_max);
  if (job.set_result(encode(kept))) return true;
  stop_.stop_now(stop_request::reason::store_failed);
  return false;
}

void job_runner::show(pawl::context& job, const payload& given, job_result&& result) {
  if (nothing_to_show(result)) {
    counts_.released(1, given.body_bytes());
    return;
  }
  result.sequence = given.sequence;
  result.line_bytes = given.body_bytes();
  result.id = job.id();
  result.kind = name(which_);
  result.attempts = job.attempt();
  if (!result.completed() || settings_.form == output_form::jsonl) {
    result.input = given.text;
    result.is_words = given.is_words;
  }
  writer_.hand_over(std::make_unique<job_result>(std::move(result)));
}

// The writer waits for every result when it keeps the order.
bool job_runner::nothing_to_show(const job_result& result) const noexcept {
  return settings_.form == output_form::text && !settings_.keep_order && result.completed() &&
         result.output.empty() && result.errors.empty();
}

}  // namespace pawl_tool
