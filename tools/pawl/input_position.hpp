// input_position.hpp -- how far an input has been read, as a store keeps it: the position of its source.
//
//   u8 version (1), u64 lines, u64 bytes, u64 hash, u64 command
//
// Little-endian, 33 bytes. The hash is a chain over the lines, so it can be taken up in the middle of an
// input.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "line_reader.hpp"
#include "settings.hpp"

namespace pawl_tool {

inline constexpr std::string_view input_source_name = "input";

struct input_position {
  std::uint64_t lines = 0;    // that were read, whatever became of them
  std::uint64_t bytes = 0;    // of these lines, without what ends them
  std::uint64_t hash = 0;     // of all of them
  std::uint64_t command = 0;  // see hash_of_command()

  void pass(const input_line& line) noexcept;
  friend bool operator==(const input_position&, const input_position&) noexcept = default;
};

using position_bytes = std::array<std::byte, 33>;

[[nodiscard]] position_bytes encode(const input_position& at) noexcept;
// Nothing: it is no position of this release.
[[nodiscard]] std::optional<input_position> decode_position(
    std::span<const std::byte> bytes) noexcept;

// Of one line by itself. Of a line that is too long what there is of it counts.
[[nodiscard]] std::uint64_t hash_of_line(std::string_view text) noexcept;

// Of what decides which job a line becomes: the kind, the words of COMMAND, --jsonl, --null and --for.
// What decides only how fast jobs run, where they wait or how they are shown has no part in it.
[[nodiscard]] std::uint64_t hash_of_command(const run_settings& settings);

}  // namespace pawl_tool
