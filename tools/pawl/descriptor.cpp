#include "descriptor.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace pawl_tool {

void descriptor::close() noexcept {
  if (value_ >= 0) ::close(std::exchange(value_, -1));
}

int write_all(int to, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::write(to, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd room{to, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

descriptor make_event() {
  descriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) std::abort();
  return event;
}

void raise_event(const descriptor& event) noexcept {
  const std::uint64_t one = 1;
  // It can only fail when the event is raised already.
  [[maybe_unused]] const ssize_t written = ::write(event.get(), &one, sizeof one);
}

void take_event(const descriptor& event) noexcept {
  std::uint64_t count = 0;
  // It can only fail when the event is not raised.
  [[maybe_unused]] const ssize_t got = ::read(event.get(), &count, sizeof count);
}

}  // namespace pawl_tool
