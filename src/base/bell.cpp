#include "base/bell.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

namespace pawl {

bell::bell() noexcept : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

bell::~bell() {
  if (fd_ >= 0) ::close(fd_);
}

void bell::ring() noexcept {
  const std::uint64_t one = 1;
  // Fails only when 2^64 - 2 rings have not been silenced: then it is ringing.
  [[maybe_unused]] const ssize_t n = ::write(fd_, &one, sizeof one);
}

void bell::silence() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(fd_, &count, sizeof count);  // EAGAIN: it was silent
}

}  // namespace pawl
