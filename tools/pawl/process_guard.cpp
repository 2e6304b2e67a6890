#include "process_guard.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <unordered_set>

namespace pawl_tool {

namespace {

// The guard: it keeps the pipe and nothing else of ours, so that no pipe of the user stays open.
// It inherits our mask, which blocks what a terminal sends. Messages are process ids; a negative
// one takes its group off the list. They are smaller than PIPE_BUF, so they arrive whole.
[[noreturn]] void watch(int pipe) {
  ::prctl(PR_SET_NAME, "pawl guard");
  ::setpgid(0, 0);
  ::dup2(pipe, 0);
  const int nowhere = ::open("/dev/null", O_RDWR);
  ::dup2(nowhere, 1);
  ::dup2(nowhere, 2);
  ::close_range(3, ~0U, 0);
  std::unordered_set<pid_t> groups;
  for (pid_t message = 0;;) {
    const ssize_t got = ::read(0, &message, sizeof message);
    if (got < 0 && errno == EINTR) continue;
    if (got != sizeof message) break;
    if (message > 0)
      groups.insert(message);
    else
      groups.erase(-message);
  }
  for (const pid_t group : groups) ::kill(-group, SIGKILL);
  ::_exit(0);
}

}  // namespace

process_guard::process_guard() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();  // at the start: there are descriptors
  guard_ = ::fork();
  if (guard_ == 0) {
    ::close(ends[1]);
    watch(ends[0]);
  }
  ::close(ends[0]);
  pipe_ = descriptor(ends[1]);
}

process_guard::~process_guard() {
  pipe_.close();
  if (guard_ > 0) ::waitpid(guard_, nullptr, 0);
}

void process_guard::announce(int to, pid_t group) noexcept {
  // It fails only when the guard is gone; the parent-death signal still holds then.
  [[maybe_unused]] const ssize_t written = ::write(to, &group, sizeof group);
}

void process_guard::forget(pid_t group) noexcept {
  announce(pipe_.get(), -group);
}

}  // namespace pawl_tool
