#include "result_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "json_text.hpp"
#include "kind.hpp"
#include "printable.hpp"

namespace pawl_tool {

namespace {

template <class Number>
void append_number_or_null(std::string& to, const std::optional<Number>& value) {
  to += value ? std::to_string(*value) : "null";
}

void append_text_or_null(std::string& to, std::string_view text) {
  if (text.empty()) {
    to += "null";
  } else {
    append_json(to, text);
  }
}

// A captured output of any size, without holding it twice.
void write_captured(const captured_output& captured, output_buffer& out) {
  std::string text = "\"";
  json_string inside(text);
  [[maybe_unused]] const int error = captured.read([&](std::string_view piece) {
    for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), std::size_t{65'536}))) {
      inside.append(piece.substr(0, 65'536));
      out.append(text);
      text.clear();
    }
  });
  inside.finish();
  out.append(text + '"');
}

}  // namespace

void write_text(const job_result& result, output_buffer& out, output_buffer& errors) {
  int error = result.output.read([&](std::string_view piece) { out.append(piece); });
  if (error == 0) error = result.errors.read([&](std::string_view piece) { errors.append(piece); });
  const auto complain = [&](std::string_view what) {
    errors.append(
        fmt::format("pawl: line {}: {}: {}\n", result.sequence + 1, printable(result.input), what));
  };
  if (error != 0) complain(fmt::format("cannot read its output back: {}", std::strerror(error)));
  if (!result.completed()) complain(result.error);
}

void write_jsonl(const job_result& result, const run_settings& settings, output_buffer& out) {
  std::string text = "{\"id\":";
  append_text_or_null(text, result.id ? std::to_string(result.id.value) : std::string());
  fmt::format_to(std::back_inserter(text), ",\"line\":{},\"input\":", result.sequence + 1);
  append_json(text, result.input);
  fmt::format_to(std::back_inserter(text), ",\"kind\":\"{}\",\"tag\":", name(settings.kind));
  append_text_or_null(text, settings.tag);
  fmt::format_to(std::back_inserter(text), ",\"state\":\"{}\",\"cause\":", result.state);
  append_text_or_null(text, result.cause);
  text += ",\"exit_code\":";
  append_number_or_null(text, result.exit_code);
  text += ",\"signal\":";
  append_number_or_null(text, result.signal);
  text += ",\"error\":";
  append_text_or_null(text, result.error);
  fmt::format_to(std::back_inserter(text),
                 ",\"wait_ns\":{},\"run_ns\":{},\"output\":", result.waited.count(),
                 result.ran.count());
  out.append(text);
  write_captured(result.output, out);
  out.append(",\"error_output\":");
  write_captured(result.errors, out);
  out.append("}\n");
}

}  // namespace pawl_tool
