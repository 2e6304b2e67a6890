// descriptor.hpp -- owns a file descriptor, and the two calls that need a loop.
#pragma once

#include <string_view>
#include <utility>

namespace pawl_tool {

class descriptor {
 public:
  descriptor() noexcept = default;
  explicit descriptor(int value) noexcept : value_(value) {}
  descriptor(descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    if (this != &other) {
      close();
      value_ = std::exchange(other.value_, -1);
    }
    return *this;
  }
  ~descriptor() { close(); }

  void close() noexcept;
  [[nodiscard]] int get() const noexcept { return value_; }
  explicit operator bool() const noexcept { return value_ >= 0; }

 private:
  int value_ = -1;
};

// Writes everything, also to a descriptor that is set to non-blocking. 0, or the errno of the
// write that failed.
[[nodiscard]] int write_all(int to, std::string_view bytes) noexcept;

// An eventfd, closed on exec; it becomes readable with raise_event() and, unless it is taken, stays
// so. Aborts the program when there is no descriptor left: it is made at the start.
[[nodiscard]] descriptor make_event();
void raise_event(const descriptor& event) noexcept;
void take_event(const descriptor& event) noexcept;

}  // namespace pawl_tool
