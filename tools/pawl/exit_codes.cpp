#include "exit_codes.hpp"

#include <fmt/format.h>

#include "printable.hpp"
#include "whole_number.hpp"

namespace pawl_tool {

namespace {

std::optional<unsigned> parse_code(std::string_view text) {
  return parse_whole_number(text, 1, 255);
}

}  // namespace

parsed<exit_codes> parse_exit_codes(std::string_view text) {
  exit_codes codes;
  for (bool last = false; !last;) {
    const std::size_t comma = text.find(',');
    last = comma == text.npos;
    const std::string_view part = text.substr(0, comma);
    const std::size_t dash = part.find('-');
    const auto low = parse_code(part.substr(0, dash));
    const auto high = dash == part.npos ? low : parse_code(part.substr(dash + 1));
    if (!low || !high || *low > *high) {
      return {std::nullopt,
              fmt::format("{} is no exit code from 1 to 255 and no range of them, such as 64-78",
                          printable(part))};
    }
    for (unsigned code = *low; code <= *high; ++code) codes.set(code);
    if (!last) text.remove_prefix(comma + 1);
  }
  return {codes, {}};
}

}  // namespace pawl_tool
