#include "dry_run.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "console.hpp"
#include "job_order.hpp"
#include "json_job.hpp"
#include "json_text.hpp"
#include "kind.hpp"
#include "line_reader.hpp"
#include "output_buffer.hpp"
#include "printable.hpp"

namespace pawl_tool {

namespace {

std::string time_text(std::chrono::nanoseconds time) {
  return short_time(static_cast<std::uint64_t>(time.count()));
}

// What else there is to say, as a comment of a shell; empty: all is as usual.
std::string notes(const run_settings& settings, const job_order& order) {
  std::string text;
  const auto note = [&](const std::string& what) { text += (text.empty() ? "  # " : ", ") + what; };
  if (order.after.count() != 0) note("after " + time_text(order.after));
  if (!order.queue.empty()) note("queue " + order.queue);
  if (!order.lane.empty()) note("lane " + printable(order.lane));
  if (order.priority != pawl::priority::normal) {
    note("priority " + std::string(name(order.priority)));
  }
  if (order.timeout.count() != 0) note("timeout " + time_text(order.timeout));
  if (order.attempts > 1) {
    note("at most " + std::to_string(order.attempts) + " attempts, backoff " +
         settings.backoff_text);
  }
  return text;
}

std::string dry_line(const run_settings& settings, const kind_set& kinds, const job_order& order,
                     std::uint64_t line_number, std::string_view line) {
  const std::string what = kinds.find(order.kind)->describe({order.text, order.is_words});
  if (settings.form == output_form::text) return what + notes(settings, order) + '\n';
  std::string text = "{\"line\":" + std::to_string(line_number) + ",\"input\":";
  append_json(text, line);
  text += ",\"would_run\":";
  append_json(text, what);
  text += ",\"kind\":\"" + std::string(name(order.kind)) + "\",\"queue\":\"" +
          (order.queue.empty() ? settings.own_queue : order.queue) + "\",\"priority\":\"" +
          std::string(name(order.priority)) + "\",\"attempts\":" + std::to_string(order.attempts);
  text += ",\"delay_ns\":" + std::to_string(order.after.count()) +
          ",\"timeout_ns\":" + std::to_string(order.timeout.count());
  if (!order.lane.empty()) {
    text += ",\"lane\":";
    append_json(text, order.lane);
  }
  return text + "}\n";
}

// As the run would understand it.
std::optional<line_mistake> understand(const run_settings& settings, json_job_reader& json,
                                       const input_line& line, job_order& order) {
  if (line.too_long) {
    return line_mistake{0, "too_large",
                        "a line of " + with_commas(line.bytes) + " bytes is longer than " +
                            with_commas(line_bytes_max)};
  }
  if (settings.jsonl) {
    if (auto mistake = json.read(line.text, order)) return mistake;
  } else {
    order = plain_order(settings, line.text);
  }
  if (order.attempts == 0) order.attempts = settings.attempts;
  if (order.timeout.count() == 0) order.timeout = settings.timeout;
  return std::nullopt;
}

}  // namespace

int dry_run(const run_settings& settings) {
  ::signal(SIGPIPE, SIG_IGN);  // a closed output is an error like others; no program is started
  console messages;
  stop_request stop;
  capture_budget captures;
  const kind_set kinds(settings, stop, captures);
  json_job_reader json(settings);
  output_buffer out(output_buffer::stream::output, messages);
  line_reader reader(STDIN_FILENO, stop.intake_descriptor(), settings.delimiter, line_bytes_max);

  std::vector<input_line> lines;
  std::uint64_t line_number = 0;
  std::uint64_t refused = 0;
  while (out.failed_errno() == 0 && reader.next(lines)) {
    for (const input_line& line : lines) {
      ++line_number;
      job_order order;
      if (const auto mistake = understand(settings, json, line, order)) {
        ++refused;
        messages.message(
            "line " + std::to_string(line_number) +
            (mistake->column > 0 ? ", column " + std::to_string(mistake->column) : "") + ": " +
            printable(line.text) + ": " + mistake->error);
      } else {
        out.append(dry_line(settings, kinds, order, line_number, line.text));
      }
    }
    out.flush();
  }

  const int error = out.failed_errno() != 0 ? out.failed_errno() : reader.failed_errno();
  if (error != 0) {
    messages.message(std::string(out.failed_errno() != 0 ? "cannot write standard output: "
                                                         : "cannot read standard input: ") +
                     std::strerror(error));
    return exit_none_completed;
  }
  if (line_number == 0) messages.message("standard input holds no line: nothing would be run");
  if (refused == line_number) return exit_none_completed;
  return refused == 0 ? exit_all_completed : exit_some_died;
}

}  // namespace pawl_tool
