// console.hpp -- standard error: whole messages, and on a terminal one line of progress below them.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace pawl_tool {

class console {
 public:
  console();

  // Standard error is a terminal that can rewrite a line.
  [[nodiscard]] bool interactive() const noexcept { return interactive_; }
  // It is, and NO_COLOR is not set.
  [[nodiscard]] bool colored() const noexcept { return colored_; }

  // Any thread. Errors of standard error are ignored: there is nowhere to tell them.
  void message(std::string_view text);      // as a line of its own, with our name before it
  void write(std::string_view bytes);       // as it is
  void show_status(std::string_view line);  // interactive only; replaces the last one
  // Before something else may write to the same terminal.
  void hide_status();

 private:
  void hide_status_locked();

  const bool interactive_;
  const bool colored_;
  std::mutex mutex_;
  bool status_shown_ = false;
};

}  // namespace pawl_tool
