#include "row_writer.hpp"

#include <fmt/format.h>

#include <cctype>

namespace pawl_tool {

namespace {

void append_cell(std::string& line, const column& c, std::string_view text) {
  if (!line.empty()) line += "  ";
  line += c.right ? fmt::format("{:>{}}", text, c.width) : fmt::format("{:<{}}", text, c.width);
}

std::string finished(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

}  // namespace

std::string table_head(const table_shape& shape) {
  std::string line;
  for (const column& c : shape.columns) {
    std::string name;
    for (const char letter : c.field) {
      name += letter == '_' ? ' ' : static_cast<char>(std::toupper(letter));
    }
    append_cell(line, c, name);
  }
  if (shape.with_rest) line += "  MORE";
  return finished(line);
}

std::string table_line(const table_shape& shape, const field_list& row) {
  std::string line;
  std::vector<std::string_view> shown;
  for (const column& c : shape.columns) {
    const field* const f = row.find(c.field);
    append_cell(line, c, f == nullptr ? "-" : cell_of(*f));
    shown.push_back(c.field);
  }
  if (shape.with_rest) line += "  " + rest_of(row, shown);
  return finished(line);
}

void row_writer::write(const field_list& row) {
  if (form_ == list_form::jsonl) {
    out_.append(json_of(row) + '\n');
    return;
  }
  if (!has_head_) out_.append(table_head(shape_));
  has_head_ = true;
  out_.append(table_line(shape_, row));
}

}  // namespace pawl_tool
