// Where a line is, from its beginning to its end:
//   line_reader cuts it; job_window lets it in; intake submits it; the scheduler runs job_runner
//   for it, which calls a kind, again after a while if it failed and attempts are left;
//   output_writer writes its result and lets the window forget it.
// With --store run_store looks first which lines the store has; jobs that it has run at once.
#include "run_command.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "console.hpp"
#include "dry_run.hpp"
#include "engine_setup.hpp"
#include "fresh_store.hpp"
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
#include "run_store.hpp"
#include "store_reader.hpp"
#include "summary.hpp"

namespace pawl_tool {

namespace {

using clock = std::chrono::steady_clock;

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
    if (::isatty(STDIN_FILENO) == 1 && !settings_.quiet) {
      messages_.message("reading lines from the terminal; Ctrl-D ends them");
    }
    line_reader reader(STDIN_FILENO, stop_.intake_descriptor(), settings_.delimiter,
                       line_bytes_max);
    progress_meter meter(start_);
    std::optional<monitor> watcher(std::in_place, messages_, stop_,
                                   settings_.quiet ? nullptr : look_at(meter));
    taken_run taken;
    if (settings_.keeps()) {
      if (const auto refused = take_up(settings_, reader, taken)) return refuse(*refused);
      if (stop_.intake_stopped() || reader.failed_errno() != 0) return finish({}, reader);
      show_known(taken.known);
    }
    pawl::registry kinds;
    const intake::kind_refs refs = add_kinds(kinds);
    auto engine = pawl::scheduler::open(engine_options(settings_, messages_), kinds);
    if (!engine) return fail_to_open(engine.error());
    if (const auto exit_code = drive(**engine, refs, reader, taken)) return *exit_code;
    // Handlers that run may take as long as they like; those that do not start any more never will.
    const pawl::status closed = (*engine)->stop(pawl::duration::max());
    writer_.close();
    watcher.reset();
    const int exit_code = finish((*engine)->read_counters(), reader);
    if (closed || !settings_.keeps()) return exit_code;
    return fail("the store could not be closed in order: " + text_of(closed.error()));
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
          kinds.add(stored_name(which), &job_runner::call, &runner, options_for(settings_));
    }
    return refs;
  }

  // What the store has of lines is output like any other, and comes first.
  void show_known(stored_run& known) {
    counts_.known(known.completed, known.dead(), known.between_attempts);
    window_.adopt(known.ended.size() + known.live_jobs, known.live_bytes);
    for (auto& result : known.ended) writer_.hand_over(std::move(result));
    known.ended.clear();
  }

  // Lets all lines run. An exit code: it could not begin.
  std::optional<int> drive(pawl::scheduler& engine, const intake::kind_refs& refs,
                           line_reader& reader, taken_run& taken) {
    queue_book queues(engine, settings_, jobs_max(settings_));
    const auto queue = queues.open();
    if (!queue) return fail("cannot make a queue: " + text_of(queue.error()));
    intake lines(settings_, engine, queues, refs, window_, counts_, writer_, halt_, stop_);
    if (settings_.keeps()) {
      if (const auto refused = check_taken(settings_, taken.known)) return refuse(*refused);
      const auto source = engine.source(input_source_name);
      if (!source) return fail("cannot make a source: " + text_of(source.error()));
      input_position at = taken.input.at;
      at.command = hash_of_command(settings_);
      lines.keep_position(*source, at);
    }
    lines.run(reader, std::move(taken.input));
    window_.wait_all_released();
    trouble_ = lines.trouble();
    return std::nullopt;
  }

  std::function<progress_view()> look_at(progress_meter& meter) {
    return [this, &meter] { return meter.look(counts_.read(), window_.total(), clock::now()); };
  }

  int finish(const pawl::counters& engine, const line_reader& reader) {
    const int read_errno = reader.failed_errno();
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
    if (stop_.why() == stop_request::reason::store_failed) {
      return fail(!trouble_.empty() ? trouble_ : "there is no memory for more results");
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

  int refuse(const refusal& why) {
    messages_.message(printable(settings_.store) + ": " + why.why);
    return why.exit_code;
  }

  int fail_to_open(const pawl::failure& why) {
    if (!settings_.keeps()) return fail("cannot start the scheduler: " + text_of(why));
    if (why.code != pawl::errc::busy) return refuse({exit_code_of(why), text_of(why)});
    return refuse({exit_refused, held_text(settings_.store)});
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
  std::string trouble_;  // of the intake
};

}  // namespace

int run_jobs(const run_settings& settings) {
  if (settings.dry_run) return dry_run(settings);
  block_signals();
  return run(settings)();
}

}  // namespace pawl_tool
