// exit_codes.hpp -- reads a set of exit codes, such as "2,64-78".
#pragma once

#include <bitset>
#include <string_view>

#include "parsed.hpp"

namespace pawl_tool {

// Of exit codes that mean failure: bit 0 is never set.
using exit_codes = std::bitset<256>;

// Numbers from 1 to 255 and ranges of them, separated by commas.
[[nodiscard]] parsed<exit_codes> parse_exit_codes(std::string_view text);

}  // namespace pawl_tool
