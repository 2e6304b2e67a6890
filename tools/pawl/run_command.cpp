// Where a line is, from its beginning to its end:
//   line_reader cuts it; job_window lets it in; intake submits it; the scheduler runs job_runner
//   for it, which calls a kind; output_writer writes its result and lets the window forget it.
#include "run_command.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "console.hpp"
#include "dry_run.hpp"
#include "intake.hpp"
#include "job_runner.hpp"
#include "job_window.hpp"
#include "kind.hpp"
#include "line_reader.hpp"
#include "monitor.hpp"
#include "output_writer.hpp"
#include "pawl/scheduler.hpp"
#include "summary.hpp"

namespace pawl_tool {

namespace {

using clock = std::chrono::steady_clock;

void log_to_console(void* user, const pawl::log_record& record) {
  if (record.level == pawl::log_level::info) return;
  static_cast<console*>(user)->message(std::string(record.event) + ": " +
                                       std::string(record.message));
}

pawl::options engine_options(const run_settings& settings, console& messages) {
  pawl::options options;
  // Blocking kinds have threads of their own; one drain is enough to start them.
  options.drains = is_blocking(settings.kind) ? 1 : settings.concurrency;
  options.blocking_threads_max = is_blocking(settings.kind) ? settings.concurrency : 1;
  // The window is the bound. A job that has released its place is still alive for a moment, so the
  // engine's own bounds are wider.
  options.jobs_max = 2 * settings.window + 8'192;
  options.payload_memory_bytes_max = std::uint64_t{96} << 20;
  options.dead_in_memory = 0;
  options.log = {.write = &log_to_console, .user = &messages};
  return options;
}

window_limits limits_for(const run_settings& settings) {
  window_limits limits;
  limits.jobs_max = settings.window;
  // Those that wait for a thread only need to keep the threads busy. Fewer of them means less output
  // that comes after the intake has stopped for lack of room.
  limits.unfinished_jobs_max =
      is_blocking(settings.kind) ? std::uint64_t{2} * settings.concurrency : settings.window;
  return limits;
}

std::string text_of(const pawl::failure& trouble) {
  std::string text(name(trouble.code));
  if (!trouble.where.empty()) text += " (" + std::string(trouble.where) + ")";
  if (trouble.sys_errno != 0) text += std::string(": ") + std::strerror(trouble.sys_errno);
  return text;
}

// Waits for handlers that run, however long they take; those that do not start any more never will.
void stop(pawl::scheduler& engine) {
  for (;;) {
    const pawl::status stopped = engine.stop(std::chrono::seconds(1));
    if (stopped || stopped.error().code != pawl::errc::timeout) return;
  }
}

// The scheduler has counted what we have counted.
bool agrees(const pawl::counters& engine, const totals& ours) {
  std::uint64_t dead = 0;
  for (const std::uint64_t n : engine.dead) dead += n;
  return engine.completed == ours.completed && dead == ours.dead;
}

class run {
 public:
  explicit run(const run_settings& settings)
      : settings_(settings),
        kind_(make_kind(settings, stop_, captures_)),
        window_(limits_for(settings), counts_, captures_, stop_),
        writer_(settings, messages_, counts_, window_, stop_),
        runner_(settings, *kind_, counts_, window_, writer_) {}

  int operator()() {
    pawl::registry kinds;
    const pawl::kind_ref kind =
        kinds.add(std::string("run.") + std::string(name(settings_.kind)) + "/1", &job_runner::call,
                  &runner_, {.blocking = is_blocking(settings_.kind)});
    auto engine = pawl::scheduler::open(engine_options(settings_, messages_), kinds);
    if (!engine) return fail("cannot start the scheduler: " + text_of(engine.error()));
    const auto queue = (*engine)->queue("run", {.jobs_max = 2 * settings_.window + 8'192});
    if (!queue) return fail("cannot make a queue: " + text_of(queue.error()));
    if (::isatty(STDIN_FILENO) == 1 && !settings_.quiet) {
      messages_.message("reading lines from the terminal; Ctrl-D ends them");
    }

    intake lines(settings_, **engine, *queue, kind, window_, counts_, writer_);
    line_reader reader(STDIN_FILENO, stop_.intake_descriptor(), settings_.delimiter,
                       line_bytes_max);
    progress_meter meter(start_);
    {
      const monitor watcher(messages_, stop_, settings_.quiet ? nullptr : look_at(lines, meter));
      lines.run(reader);
      window_.wait_all_released();
      stop(**engine);
      writer_.close();
    }
    return finish((*engine)->read_counters(), reader.failed_errno());
  }

 private:
  std::function<progress_view()> look_at(const intake& lines, progress_meter& meter) {
    return [this, &lines, &meter] {
      std::optional<std::uint64_t> total;
      if (lines.ended()) total = window_.acquired_jobs();
      return meter.look(counts_.read(), total, clock::now());
    };
  }

  int finish(const pawl::counters& engine, int read_errno) {
    const run_outcome outcome{counts_.read(), window_.acquired_jobs(), clock::now() - start_};
    if (stop_.why() == stop_request::reason::output_failed) {
      const int error = writer_.failed_errno() == 0 ? EPIPE : writer_.failed_errno();
      return fail(error == EPIPE
                      ? "nobody reads standard output any more; stopped after " +
                            std::to_string(outcome.counts.ended) + " jobs"
                      : std::string("cannot write standard output: ") + std::strerror(error));
    }
    if (!settings_.quiet && outcome.submitted > 0) {
      messages_.write(summary_text(settings_, outcome, counts_));
    }
    if (!agrees(engine, outcome.counts)) return fail("the scheduler has counted differently");
    if (stop_.why() == stop_request::reason::interrupted) return exit_interrupted;
    if (read_errno != 0) {
      return fail(std::string("cannot read standard input: ") + std::strerror(read_errno));
    }
    if (outcome.submitted == 0) return fail("standard input holds no line: nothing was run");
    return exit_code_of(outcome);
  }

  int fail(const std::string& why) {
    messages_.message(why);
    return exit_none_completed;
  }

  const run_settings& settings_;
  const clock::time_point start_ = clock::now();
  console messages_;
  stop_request stop_;
  capture_budget captures_;
  tally counts_;
  const std::unique_ptr<kind> kind_;  // first: it may fork
  job_window window_;
  output_writer writer_;
  job_runner runner_;
};

}  // namespace

int run_jobs(const run_settings& settings) {
  if (settings.dry_run) return dry_run(settings);
  block_signals();
  return run(settings)();
}

}  // namespace pawl_tool
