// json_text.hpp -- strings of JSON from bytes of any kind.
//
// The result is always well-formed UTF-8: each byte that is no part of a character becomes U+FFFD.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pawl_tool {

// The bytes of the character at the front: 1 to 4; 0: it is not well-formed, or cut off.
[[nodiscard]] std::size_t utf8_length(std::string_view bytes) noexcept;

// Appends the inside of a JSON string, piece by piece; a character may be cut between two pieces.
class json_string {
 public:
  explicit json_string(std::string& to) noexcept : to_(to) {}
  void append(std::string_view piece);
  // The bytes are complete: a character that is still cut off will stay so.
  void finish();

 private:
  std::size_t append_known(std::string_view piece, bool is_last);

  std::string& to_;
  std::string cut_off_;  // at most 3 bytes
};

// A whole JSON string, with its quotes.
void append_json(std::string& to, std::string_view bytes);

}  // namespace pawl_tool
