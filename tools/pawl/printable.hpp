// printable.hpp -- strangers' bytes made fit for a terminal and for a shell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pawl_tool {

// In double quotes, what is not printable ASCII or well-formed UTF-8 text escaped as in C, and cut
// after `bytes_max`: no input can move the cursor or fill the screen.
[[nodiscard]] std::string printable(std::string_view bytes, std::size_t bytes_max = 200);

// One word of a shell command that stands for exactly these bytes.
[[nodiscard]] std::string shell_word(std::string_view bytes);

// 12345678 as "12,345,678".
[[nodiscard]] std::string with_commas(std::uint64_t number);

// 1234567 ns as "1.23 ms".
[[nodiscard]] std::string short_time(std::uint64_t nanoseconds);

}  // namespace pawl_tool
