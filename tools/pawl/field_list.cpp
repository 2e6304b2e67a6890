#include "field_list.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "json_text.hpp"
#include "printable.hpp"
#include "time_text.hpp"

namespace pawl_tool {

namespace {

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string hex_of(std::string_view bytes) {
  std::string digits;
  for (const char c : bytes) digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return digits;
}

// A word that means itself in a shell and on a terminal, or its bytes in quotes.
std::string quoted_if_needed(std::string_view bytes) {
  return shell_word(bytes) == bytes ? std::string(bytes) : printable(bytes);
}

void append_value(std::string& to, const field& f) {
  switch (f.what) {
    case field::form::nothing:
      to += "null";
      break;
    case field::form::number:
      to += std::to_string(f.number);
      break;
    case field::form::id:
      append_json(to, std::to_string(f.number));
      break;
    case field::form::flag:
      to += f.number != 0 ? "true" : "false";
      break;
    case field::form::time:
      append_json(to, time_text_ns(f.number));
      break;
    case field::form::word:
    case field::form::text:
      append_json(to, f.text);
      break;
    case field::form::bytes:
      append_json(to, is_text(f.text) ? f.text : hex_of(f.text));
      break;
    case field::form::list:
      to += '[';
      for (std::size_t i = 0; i < f.items.size(); ++i) {
        if (i != 0) to += ',';
        to += json_of(f.items[i]);
      }
      to += ']';
      break;
  }
}

}  // namespace

field_list& field_list::number(std::string_view name, std::uint64_t value) {
  fields_.push_back({std::string(name), field::form::number, value, {}, {}});
  return *this;
}

field_list& field_list::id(std::string_view name, std::uint64_t value) {
  fields_.push_back({std::string(name), field::form::id, value, {}, {}});
  return *this;
}

field_list& field_list::word(std::string_view name, std::string_view value) {
  fields_.push_back({std::string(name), field::form::word, 0, std::string(value), {}});
  return *this;
}

field_list& field_list::text(std::string_view name, std::string_view bytes) {
  fields_.push_back({std::string(name), field::form::text, 0, std::string(bytes), {}});
  return *this;
}

field_list& field_list::bytes(std::string_view name, std::string_view bytes) {
  fields_.push_back({std::string(name), field::form::bytes, 0, std::string(bytes), {}});
  return *this;
}

field_list& field_list::flag(std::string_view name, bool value) {
  fields_.push_back({std::string(name), field::form::flag, value ? 1u : 0u, {}, {}});
  return *this;
}

field_list& field_list::time(std::string_view name, std::uint64_t wall_ns) {
  fields_.push_back({std::string(name), field::form::time, wall_ns, {}, {}});
  return *this;
}

field_list& field_list::nothing(std::string_view name) {
  fields_.push_back({std::string(name), field::form::nothing, 0, {}, {}});
  return *this;
}

field_list& field_list::list(std::string_view name, std::vector<field_list> items) {
  fields_.push_back({std::string(name), field::form::list, 0, {}, std::move(items)});
  return *this;
}

const field* field_list::find(std::string_view name) const noexcept {
  const auto found =
      std::find_if(fields_.begin(), fields_.end(), [&](const field& f) { return f.name == name; });
  return found == fields_.end() ? nullptr : &*found;
}

std::string json_of(const field_list& fields) {
  std::string text = "{";
  for (const field& f : fields.all()) {
    if (text.size() > 1) text += ',';
    const bool is_hex = f.what == field::form::bytes && !is_text(f.text);
    append_json(text, is_hex ? f.name + "_hex" : f.name);
    text += ':';
    append_value(text, f);
  }
  return text + '}';
}

std::string cell_of(const field& f) {
  switch (f.what) {
    case field::form::nothing:
      return "-";
    case field::form::number:
    case field::form::id:
      return std::to_string(f.number);
    case field::form::flag:
      return f.number != 0 ? "yes" : "no";
    case field::form::time:
      return time_text_ms(f.number);
    case field::form::word:
      return f.text;
    case field::form::text:
      return quoted_if_needed(f.text);
    case field::form::bytes:
      return printable(f.text);
    case field::form::list:
      return std::to_string(f.items.size());
  }
  return {};
}

std::string rest_of(const field_list& fields, const std::vector<std::string_view>& but) {
  std::string text;
  for (const field& f : fields.all()) {
    if (f.what == field::form::nothing) continue;
    if (std::find(but.begin(), but.end(), f.name) != but.end()) continue;
    if (!text.empty()) text += ' ';
    text += f.name + '=' + cell_of(f);
  }
  return text;
}

std::string sheet_of(const field_list& fields) {
  std::size_t width = 0;
  for (const field& f : fields.all()) width = std::max(width, f.name.size());
  std::string text;
  for (const field& f : fields.all()) {
    text += fmt::format("{:{}}  {}\n", f.name, width, cell_of(f));
    for (const field_list& item : f.items) text += "  " + rest_of(item, {}) + '\n';
  }
  return text;
}

}  // namespace pawl_tool
