// row_writer.hpp -- rows of one shape to standard output, as a table or as lines of JSON.
//
// A table's columns have the widths that they are given, so that rows can be written as they come;
// what is wider moves the rest of its row. Fields without a column stand behind the last, with their
// names, if they are wanted there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "field_list.hpp"
#include "output_buffer.hpp"

namespace pawl_tool {

enum class list_form : std::uint8_t { table, jsonl };

struct column {
  std::string_view field;
  std::size_t width = 0;
  bool right = false;  // numbers
};

struct table_shape {
  std::vector<column> columns;
  bool with_rest = false;
};

[[nodiscard]] std::string table_head(const table_shape& shape);
[[nodiscard]] std::string table_line(const table_shape& shape, const field_list& row);

class row_writer {
 public:
  row_writer(list_form form, table_shape shape, output_buffer& out)
      : form_(form), shape_(std::move(shape)), out_(out) {}

  // The first one writes the table's head too.
  void write(const field_list& row);
  void flush() { out_.flush(); }
  // Nobody reads it any more.
  [[nodiscard]] bool failed() const noexcept { return out_.failed_errno() != 0; }

 private:
  const list_form form_;
  const table_shape shape_;
  output_buffer& out_;
  bool has_head_ = false;
};

}  // namespace pawl_tool
