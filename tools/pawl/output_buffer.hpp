// output_buffer.hpp -- gathers what goes to standard output or standard error, and writes it in big
// pieces.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pawl_tool {

class console;

class output_buffer {
 public:
  enum class stream { output, errors };
  output_buffer(stream to, console& messages);

  // Both do nothing after a write to standard output has failed. Failures of standard error are
  // ignored.
  void append(std::string_view bytes);
  void flush();

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] int failed_errno() const noexcept { return failed_errno_; }

 private:
  console& messages_;
  const stream to_;
  const bool shares_terminal_;  // with the line of progress on standard error
  std::string bytes_;
  int failed_errno_ = 0;
};

}  // namespace pawl_tool
