#include "dry_run.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "console.hpp"
#include "json_text.hpp"
#include "kind.hpp"
#include "line_reader.hpp"
#include "output_buffer.hpp"
#include "printable.hpp"

namespace pawl_tool {

namespace {

std::string dry_line(const run_settings& settings, const kind& would_do, std::uint64_t line_number,
                     std::string_view line) {
  const std::string what = would_do.describe(line);
  if (settings.form == output_form::text) return what + '\n';
  std::string text = "{\"line\":" + std::to_string(line_number) + ",\"input\":";
  append_json(text, line);
  text += ",\"would_run\":";
  append_json(text, what);
  return text + "}\n";
}

}  // namespace

int dry_run(const run_settings& settings) {
  ::signal(SIGPIPE, SIG_IGN);  // a closed output is an error like others; no program is started
  console messages;
  stop_request stop;
  capture_budget captures;
  const auto would_do = make_kind(settings, stop, captures);
  output_buffer out(output_buffer::stream::output, messages);
  line_reader reader(STDIN_FILENO, stop.intake_descriptor(), settings.delimiter, line_bytes_max);

  std::vector<input_line> lines;
  std::uint64_t line_number = 0;
  std::uint64_t refused = 0;
  while (out.failed_errno() == 0 && reader.next(lines)) {
    for (const input_line& line : lines) {
      ++line_number;
      if (line.too_long) {
        ++refused;
        messages.message("line " + std::to_string(line_number) + ": " + printable(line.text) +
                         ": a line of " + with_commas(line.bytes) + " bytes is longer than " +
                         with_commas(line_bytes_max));
      } else {
        out.append(dry_line(settings, *would_do, line_number, line.text));
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
