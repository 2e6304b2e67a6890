// Where a line is, from its beginning to its end:
//   line_reader cuts it; job_window lets it in; intake submits it; the scheduler runs job_runner
//   for it, which calls a kind, again after a while if it failed and attempts are left;
//   output_writer writes its result and lets the window forget it.
#include "run_command.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "console.hpp"
#include "dry_run.hpp"
#include "engine_setup.hpp"
#include "halt_rule.hpp"
#include "intake.hpp"
#include "job_runner.hpp"
#include "job_window.hpp"
#include "kind.hpp"
#include "line_reader.hpp"
#include "monitor.hpp"
#include "output_writer.hpp"
#include "pawl/scheduler.hpp"
#include "printable.hpp"
#include "queue_book.hpp"
#include "summary.hpp"

namespace pawl_tool {

namespace {

using clock = std::chrono::steady_clock;

std::string text_of(const pawl::failure& trouble) {
  std::string text(name(trouble.code));
  if (!trouble.where.empty()) text += " (" + std::string(trouble.where) + ")";
  if (trouble.sys_errno != 0) text += std::string(": ") + std::strerror(trouble.sys_errno);
  return text;
}

// Waits for handlers that run, however long they take; those that do not start any more never will.
void stop(pawl::scheduler& engine) {
  static_cast<void>(engine.stop(pawl::duration::max()));
}

// The scheduler has counted what we have counted.
bool agrees(const pawl::counters& engine, const totals& ours) {
  std::uint64_t dead = 0;
  for (const std::uint64_t n : engine.dead) dead += n;
  return engine.completed == ours.completed && dead == ours.dead && engine.retried == ours.retried;
}

class run {
 public:
  explicit run(const run_settings& settings)
      : settings_(settings),
        kinds_(settings, stop_, captures_),
        window_(limits_for(settings), counts_, captures_, stop_),
        writer_(settings, messages_, counts_, window_, stop_),
        halt_(settings.halt, stop_) {}

  int operator()() {
    pawl::registry kinds;
    const intake::kind_refs refs = add_kinds(kinds);
    auto engine = pawl::scheduler::open(engine_options(settings_, messages_), kinds);
    if (!engine) return fail("cannot start the scheduler: " + text_of(engine.error()));
    queue_book queues(**engine, settings_, jobs_max(settings_));
    const auto queue = queues.open();
    if (!queue) return fail("cannot make a queue: " + text_of(queue.error()));
    if (::isatty(STDIN_FILENO) == 1 && !settings_.quiet) {
      messages_.message("reading lines from the terminal; Ctrl-D ends them");
    }

    intake lines(settings_, **engine, queues, refs, window_, counts_, writer_, halt_);
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
  intake::kind_refs add_kinds(pawl::registry& kinds) {
    intake::kind_refs refs{};
    for (const kind_name which : all_kinds) {
      kind* const does = kinds_.find(which);
      if (does == nullptr) continue;
      job_runner& runner =
          runners_.emplace_back(settings_, which, *does, stop_, counts_, window_, writer_, halt_);
      refs[static_cast<std::size_t>(which)] =
          kinds.add("run." + std::string(name(which)) + "/1", &job_runner::call, &runner,
                    options_for(settings_));
    }
    return refs;
  }

  std::function<progress_view()> look_at(const intake& lines, progress_meter& meter) {
    return [this, &lines, &meter] {
      std::optional<std::uint64_t> total;
      if (lines.ended()) total = window_.acquired_jobs();
      return meter.look(counts_.read(), total, clock::now());
    };
  }

  int finish(const pawl::counters& engine, int read_errno) {
    const bool halted = stop_.why() == stop_request::reason::halted;
    const run_outcome outcome{counts_.read(), window_.acquired_jobs(), clock::now() - start_,
                              halted};
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
    if (halted) {
      messages_.message("halted after " + with_commas(settings_.halt) +
                        (settings_.halt == 1 ? " failure" : " failures"));
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
  const kind_set kinds_;  // first: it may fork
  job_window window_;
  output_writer writer_;
  halt_rule halt_;
  std::deque<job_runner> runners_;
};

}  // namespace

int run_jobs(const run_settings& settings) {
  if (settings.dry_run) return dry_run(settings);
  block_signals();
  return run(settings)();
}

}  // namespace pawl_tool
