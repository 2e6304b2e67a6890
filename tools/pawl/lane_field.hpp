// lane_field.hpp -- which part of a line says in what lane its job is (--lane N).
#pragma once

#include <string_view>

namespace pawl_tool {

// The n-th word of the line, from 1; words stand between blanks (spaces and tabs). Empty: it has fewer.
constexpr std::string_view word_of(std::string_view line, unsigned n) noexcept {
  constexpr std::string_view blanks = " \t";
  std::size_t begin = 0;
  std::size_t end = 0;
  for (; n > 0; --n) {
    begin = line.find_first_not_of(blanks, end);
    if (begin == line.npos) return {};
    end = line.find_first_of(blanks, begin);
    if (end == line.npos) end = line.size();
  }
  return line.substr(begin, end - begin);
}

}  // namespace pawl_tool
