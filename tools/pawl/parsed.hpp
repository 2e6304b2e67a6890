// parsed.hpp -- what a word of the command line means, or why it means nothing.
#pragma once

#include <optional>
#include <string>

namespace pawl_tool {

template <class T>
struct parsed {
  std::optional<T> value;
  std::string mistake;  // for a person; empty: there is a value
};

}  // namespace pawl_tool
