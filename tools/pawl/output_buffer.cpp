#include "output_buffer.hpp"

#include <unistd.h>

#include "console.hpp"
#include "descriptor.hpp"

namespace pawl_tool {

namespace {
constexpr std::size_t flush_bytes = std::size_t{64} << 10;
}

output_buffer::output_buffer(stream to, console& messages)
    : messages_(messages), to_(to), shares_terminal_(::isatty(STDOUT_FILENO) == 1) {
  bytes_.reserve(2 * flush_bytes);
}

void output_buffer::append(std::string_view bytes) {
  if (failed_errno_ != 0) return;
  bytes_ += bytes;
  if (bytes_.size() >= flush_bytes) flush();
}

void output_buffer::flush() {
  if (bytes_.empty() || failed_errno_ != 0) return;
  if (to_ == stream::errors) {
    messages_.write(bytes_);
  } else {
    if (shares_terminal_) messages_.hide_status();
    failed_errno_ = write_all(STDOUT_FILENO, bytes_);
  }
  bytes_.clear();
}

}  // namespace pawl_tool
