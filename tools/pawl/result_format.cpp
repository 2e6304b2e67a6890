#include "result_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "job_input.hpp"
#include "json_text.hpp"
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

std::string shown_input(const job_result& result) {
  if (!result.is_words) return printable(result.input);
  std::string text;
  for (const std::string& word : words_in(result.input)) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return printable(text);
}

// A string, or an array of them.
void append_input(std::string& to, const job_result& result) {
  if (!result.is_words) {
    append_json(to, result.input);
    return;
  }
  to += '[';
  for (const std::string& word : words_in(result.input)) {
    if (to.back() != '[') to += ',';
    append_json(to, word);
  }
  to += ']';
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
    const std::string tries =
        result.attempts > 1 ? fmt::format(" (attempt {})", result.attempts) : std::string();
    const std::string column =
        result.column > 0 ? fmt::format(", column {}", result.column) : std::string();
    errors.append(fmt::format("pawl: line {}{}: {}: {}{}\n", result.sequence + 1, column,
                              shown_input(result), what, tries));
  };
  if (error != 0) complain(fmt::format("cannot read its output back: {}", std::strerror(error)));
  if (result.is_cut) complain("the store has kept only the beginning of its output");
  if (!result.completed()) complain(result.error);
}

void write_jsonl(const job_result& result, std::string_view tag, output_buffer& out) {
  std::string text = "{\"id\":";
  append_text_or_null(text, result.id ? std::to_string(result.id.value) : std::string());
  fmt::format_to(std::back_inserter(text), ",\"line\":{},\"input\":", result.sequence + 1);
  append_input(text, result);
  text += ",\"kind\":";
  append_text_or_null(text, result.kind);
  text += ",\"tag\":";
  append_text_or_null(text, tag);
  fmt::format_to(std::back_inserter(text), ",\"state\":\"{}\",\"cause\":", result.state);
  append_text_or_null(text, result.cause);
  fmt::format_to(std::back_inserter(text), ",\"attempts\":{},\"exit_code\":", result.attempts);
  append_number_or_null(text, result.exit_code);
  text += ",\"signal\":";
  append_number_or_null(text, result.signal);
  text += ",\"error\":";
  append_text_or_null(text, result.error);
  text += ",\"column\":";
  text += result.column > 0 ? std::to_string(result.column) : "null";
  fmt::format_to(std::back_inserter(text),
                 ",\"wait_ns\":{},\"run_ns\":{},\"output\":", result.waited.count(),
                 result.ran.count());
  out.append(text);
  write_captured(result.output, out);
  out.append(",\"error_output\":");
  write_captured(result.errors, out);
  out.append(result.is_cut ? ",\"cut\":true}\n" : ",\"cut\":false}\n");
}

}  // namespace pawl_tool
