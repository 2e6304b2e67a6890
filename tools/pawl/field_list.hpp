// field_list.hpp -- what is said of one thing, field by field, whatever form it is printed in.
//
// Texts are strangers' bytes: each form makes them fit. Names and words are our own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pawl_tool {

struct field;

class field_list {
 public:
  field_list& number(std::string_view name, std::uint64_t value);
  // As a string in JSON, where many readers cannot hold 64 bits.
  field_list& id(std::string_view name, std::uint64_t value);
  field_list& word(std::string_view name, std::string_view value);
  field_list& text(std::string_view name, std::string_view bytes);
  // In JSON as a string if they are text, else their hexadecimal digits, "_hex" behind the name: all of
  // them either way. For a person quoted, escaped and cut.
  field_list& bytes(std::string_view name, std::string_view bytes);
  field_list& flag(std::string_view name, bool value);
  field_list& time(std::string_view name, std::uint64_t wall_ns);
  field_list& nothing(std::string_view name);
  field_list& list(std::string_view name, std::vector<field_list> items);

  [[nodiscard]] const std::vector<field>& all() const noexcept { return fields_; }
  [[nodiscard]] const field* find(std::string_view name) const noexcept;

 private:
  std::vector<field> fields_;
};

struct field {
  enum class form : std::uint8_t { nothing, number, id, word, text, bytes, flag, time, list };
  std::string name;
  form what = form::nothing;
  std::uint64_t number = 0;
  std::string text;
  std::vector<field_list> items;
};

// One object in one line, without its end.
[[nodiscard]] std::string json_of(const field_list& fields);
// For a table: "-" is nothing; a text that is no plain word is quoted and escaped.
[[nodiscard]] std::string cell_of(const field& f);
// All fields with values but those named: "name=value name=value".
[[nodiscard]] std::string rest_of(const field_list& fields,
                                  const std::vector<std::string_view>& but);
// One line for each field, "name  value"; lists below them, indented.
[[nodiscard]] std::string sheet_of(const field_list& fields);

}  // namespace pawl_tool
