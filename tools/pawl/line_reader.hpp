// line_reader.hpp -- cuts a descriptor's bytes into lines, as they come.
//
// Memory is one buffer of a little more than the longest line; a longer line is skipped while it is
// read, and reported. Lines that are there are handed out at once: nothing waits for a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pawl_tool {

struct input_line {
  std::string_view text;    // without the delimiter; of a line that is too long, its beginning
  std::uint64_t bytes = 0;  // the line's length
  bool too_long = false;
};

class line_reader {
 public:
  // Keeps `input` and does not close it. Reading ends early once `stop` is readable.
  line_reader(int input, int stop, char delimiter, std::size_t line_bytes_max);

  // Blocks until there is a line. Replaces `lines` by what there is, at most 4,096; the texts are
  // valid until the next call. False: the input has ended, reading failed, or `stop` came.
  bool next(std::vector<input_line>& lines);

  // The input has ended: next() has given all of it.
  [[nodiscard]] bool is_at_end() const noexcept {
    return ended_ && !stopped_ && failed_errno_ == 0;
  }
  [[nodiscard]] int failed_errno() const noexcept { return failed_errno_; }

 private:
  bool cut(std::vector<input_line>& lines);
  bool skip_to_delimiter(std::vector<input_line>& lines);
  void finish(std::vector<input_line>& lines);
  bool fill();
  void add(std::vector<input_line>& lines, std::size_t end);

  const int input_;
  const int stop_;
  const char delimiter_;
  const std::size_t line_bytes_max_;
  const std::size_t capacity_;
  const std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;    // of the line being looked at
  std::size_t scanned_ = 0;  // no delimiter between begin_ and here
  std::size_t end_ = 0;      // of what was read
  bool ended_ = false;
  bool stopped_ = false;
  int failed_errno_ = 0;

  bool skipping_ = false;  // inside a line that is too long
  std::uint64_t skipped_bytes_ = 0;
  std::string skipped_text_;
};

}  // namespace pawl_tool
