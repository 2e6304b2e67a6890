// input_cursor.hpp -- what each job says of its input: it stands behind my line.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "input_position.hpp"
#include "line_reader.hpp"
#include "pawl/source.hpp"

namespace pawl_tool {

class input_cursor {
 public:
  input_cursor(pawl::source_ref source, const input_position& at) : source_(source), at_(at) {}

  // Of the lines that come next, where the input will stand behind each.
  void look_ahead(std::span<const input_line> lines) {
    positions_.clear();
    encoded_.clear();
    input_position at = at_;
    for (const input_line& line : lines) {
      at.pass(line);
      positions_.push_back(at);
      encoded_.push_back(encode(at));
    }
    cursors_.clear();
    for (const position_bytes& bytes : encoded_) cursors_.push_back({source_, bytes});
  }
  // Valid until the next look.
  [[nodiscard]] const pawl::source_cursor* behind(std::size_t line) const noexcept {
    return &cursors_[line];
  }
  // So many of those lines are dealt with, at least one.
  void pass(std::size_t count) noexcept { at_ = positions_[count - 1]; }

 private:
  const pawl::source_ref source_;
  input_position at_;
  std::vector<input_position> positions_;
  std::vector<position_bytes> encoded_;
  std::vector<pawl::source_cursor> cursors_;
};

}  // namespace pawl_tool
