#include "console.hpp"

#include <unistd.h>

#include <cstdlib>

#include "descriptor.hpp"

namespace pawl_tool {

namespace {

constexpr int standard_error = STDERR_FILENO;

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

console::console()
    : interactive_(::isatty(standard_error) == 1 && variable("TERM") != "dumb"),
      colored_(interactive_ && variable("NO_COLOR").empty()) {}

void console::message(std::string_view text) {
  std::string line = "pawl: ";
  line += text;
  line += '\n';
  write(line);
}

void console::write(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  hide_status_locked();
  [[maybe_unused]] const int error = write_all(standard_error, bytes);
}

void console::show_status(std::string_view line) {
  if (!interactive_) return;
  const std::lock_guard lock(mutex_);
  std::string bytes = "\r";
  bytes += line;
  bytes += "\033[K";  // clears what the last one had to the right
  status_shown_ = write_all(standard_error, bytes) == 0;
}

void console::hide_status() {
  const std::lock_guard lock(mutex_);
  hide_status_locked();
}

void console::hide_status_locked() {
  if (!status_shown_) return;
  status_shown_ = false;
  [[maybe_unused]] const int error = write_all(standard_error, "\r\033[K");
}

}  // namespace pawl_tool
