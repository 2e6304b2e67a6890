#include "line_reader.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pawl_tool {

namespace {
constexpr std::size_t lines_max = 4'096;
constexpr std::size_t read_bytes = std::size_t{256} << 10;
constexpr std::size_t shown_bytes = 64;  // of a line that is too long
}  // namespace

line_reader::line_reader(int input, int stop, char delimiter, std::size_t line_bytes_max)
    : input_(input),
      stop_(stop),
      delimiter_(delimiter),
      line_bytes_max_(line_bytes_max),
      capacity_(line_bytes_max + read_bytes),
      buffer_(new char[capacity_]) {}

bool line_reader::next(std::vector<input_line>& lines) {
  lines.clear();
  for (;;) {
    if (cut(lines)) return true;
    if (ended_) return false;
    if (!fill()) {
      finish(lines);
      return !lines.empty();
    }
  }
}

// Takes the lines that are complete in the buffer. False: there is none.
bool line_reader::cut(std::vector<input_line>& lines) {
  if (skipping_) return skip_to_delimiter(lines);
  while (lines.size() < lines_max) {
    const void* found = std::memchr(&buffer_[scanned_], delimiter_, end_ - scanned_);
    if (found == nullptr) {
      scanned_ = end_;
      if (end_ - begin_ > line_bytes_max_) {
        skipping_ = true;
        skipped_bytes_ = end_ - begin_;
        skipped_text_.assign(&buffer_[begin_], std::min(shown_bytes, end_ - begin_));
        begin_ = scanned_ = end_;
      }
      break;
    }
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.get());
    add(lines, at);
    begin_ = scanned_ = at + 1;
  }
  return !lines.empty();
}

bool line_reader::skip_to_delimiter(std::vector<input_line>& lines) {
  const void* found = std::memchr(&buffer_[begin_], delimiter_, end_ - begin_);
  if (found == nullptr) {
    skipped_bytes_ += end_ - begin_;
    begin_ = scanned_ = end_;
    return false;
  }
  const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.get());
  lines.push_back({skipped_text_, skipped_bytes_ + (at - begin_), true});
  begin_ = scanned_ = at + 1;
  skipping_ = false;
  return true;
}

// What stands after the last delimiter is a line, too.
void line_reader::finish(std::vector<input_line>& lines) {
  ended_ = true;
  if (failed_errno_ != 0) return;
  if (skipping_) {
    lines.push_back({skipped_text_, skipped_bytes_, true});
  } else if (end_ > begin_) {
    add(lines, end_);
  }
}

void line_reader::add(std::vector<input_line>& lines, std::size_t end) {
  const std::size_t bytes = end - begin_;
  const bool too_long = bytes > line_bytes_max_;
  lines.push_back(
      {{&buffer_[begin_], too_long ? std::min(shown_bytes, bytes) : bytes}, bytes, too_long});
}

// Reads what is there, waiting for at least a byte. False: there will be no more.
bool line_reader::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.get(), &buffer_[begin_], end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  for (;;) {
    pollfd wait[2] = {{input_, POLLIN, 0}, {stop_, POLLIN, 0}};
    if (::poll(wait, 2, -1) < 0 && errno != EINTR) {
      failed_errno_ = errno;
      return false;
    }
    if (wait[1].revents != 0) {
      begin_ = scanned_ = end_;  // half a line is none
      skipping_ = false;
      stopped_ = true;
      return false;
    }
    if (wait[0].revents == 0) continue;
    const ssize_t got = ::read(input_, &buffer_[end_], std::min(read_bytes, capacity_ - end_));
    if (got > 0) {
      end_ += static_cast<std::size_t>(got);
      return true;
    }
    if (got == 0) return false;
    if (errno != EINTR && errno != EAGAIN) {
      failed_errno_ = errno;
      return false;
    }
  }
}

}  // namespace pawl_tool
