// input_prefix.hpp -- is the input the one that a store has read before? Line by line.
//
// Lines that became jobs are compared one by one; those that were refused, all together by the hash of the
// whole. Nothing is changed by looking.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "input_position.hpp"
#include "line_reader.hpp"
#include "stored_run.hpp"

namespace pawl_tool {

// A line that never became a job.
struct refused_line {
  std::uint64_t sequence = 0;
  std::string text;
  std::uint64_t bytes = 0;
  bool too_long = false;
};

class input_prefix {
 public:
  // Of `known` are kept: the address, and that its lines are ascending.
  explicit input_prefix(const stored_run& known) : known_(known) {
    if (known.position) to_ = *known.position;
  }

  // All lines that the store has read have come.
  [[nodiscard]] bool is_whole() const noexcept { return at_.lines == to_.lines; }
  // The next line, while it is not whole. Returns what is wrong, for a person; empty: nothing is.
  [[nodiscard]] std::string take(const input_line& line);
  // The input has ended before it was whole.
  [[nodiscard]] std::string is_too_short() const;

  [[nodiscard]] std::vector<refused_line>& refused() noexcept { return refused_; }

 private:
  const stored_run& known_;
  input_position to_;
  input_position at_;
  std::size_t next_ = 0;  // of known_.lines
  std::vector<refused_line> refused_;
};

// What an intake begins with.
struct input_beginning {
  std::vector<refused_line> refused;  // to be refused again
  std::vector<input_line> rest;       // what was read beyond them; valid until the reader's next()
  input_position at;                  // where `rest` begins
};

// Reads the prefix. Returns what is wrong, as above; also empty if the reader was stopped or failed.
[[nodiscard]] std::string read_prefix(line_reader& reader, const stored_run& known,
                                      input_beginning& to);

}  // namespace pawl_tool
