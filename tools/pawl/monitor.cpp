#include "monitor.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "settings.hpp"

namespace pawl_tool {

namespace {

using namespace std::chrono_literals;
constexpr auto line_every_on_terminal = 200ms;
constexpr auto line_every_elsewhere = 5s;
constexpr auto patience = 1s;  // with jobs that are to end now

sigset_t stop_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  return set;
}

bool is_pipe(int which) {
  struct stat about {};
  return ::fstat(which, &about) == 0 && (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode));
}

}  // namespace

void block_signals() {
  for (const int signal : {SIGINT, SIGTERM}) ::signal(signal, SIG_DFL);
  sigset_t set = stop_signals();
  ::sigaddset(&set, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

monitor::monitor(console& messages, stop_request& stop, std::function<progress_view()> look)
    : messages_(messages),
      stop_(stop),
      look_(std::move(look)),
      signals_([] {
        const sigset_t set = stop_signals();
        return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
      }()),
      end_(make_event()),
      thread_([this] { run(); }) {}

monitor::~monitor() {
  raise_event(end_);
  thread_.join();
  messages_.hide_status();
}

void monitor::run() {
  const auto every = messages_.interactive() ? clock::duration(line_every_on_terminal)
                                             : clock::duration(line_every_elsewhere);
  next_line_ = look_ ? clock::now() + every : clock::time_point::max();
  // Without events asked for, poll() reports only that the other side is gone.
  int output = is_pipe(STDOUT_FILENO) ? STDOUT_FILENO : -1;
  for (;;) {
    const auto wake_at = std::min(next_line_, leave_at_);
    int limit_ms = -1;
    if (wake_at != clock::time_point::max()) {
      const auto left = std::max(wake_at - clock::now(), clock::duration::zero());
      limit_ms = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
    }
    pollfd wait[4] = {
        {end_.get(), POLLIN, 0},
        {signals_.get(), POLLIN, 0},
        {output, 0, 0},
        {leave_at_ == clock::time_point::max() ? stop_.now_descriptor() : -1, POLLIN, 0}};
    ::poll(wait, 4, limit_ms);
    const auto now = clock::now();
    if (wait[0].revents != 0) return;
    if (wait[1].revents != 0) take_signal();
    if (wait[2].revents != 0) {
      output = -1;
      stop_.stop_now(stop_request::reason::output_failed);
    }
    if (wait[3].revents != 0) leave_at_ = now + patience;
    if (now >= leave_at_) leave();
    if (now >= next_line_) {
      show_progress();
      next_line_ = now + every;
    }
  }
}

void monitor::take_signal() {
  signalfd_siginfo about{};
  while (::read(signals_.get(), &about, sizeof about) == sizeof about) {
    if (++signals_seen_ == 1) {
      stop_.stop_intake(stop_request::reason::interrupted);
      messages_.message("interrupted; running jobs may finish, again to end them now");
    } else {
      stop_.stop_now(stop_request::reason::interrupted);
    }
  }
}

void monitor::show_progress() {
  const std::string line = progress_line(look_(), messages_.colored());
  if (messages_.interactive()) {
    messages_.show_status(line);
  } else {
    messages_.message(line);
  }
}

// Something does not come to an end: a read from a dead file server, or output nobody takes.
void monitor::leave() {
  const bool interrupted = stop_.why() != stop_request::reason::output_failed;
  messages_.message(interrupted ? "left before all running jobs had ended"
                                : "cannot write standard output");
  ::_exit(interrupted ? exit_interrupted : exit_none_completed);
}

}  // namespace pawl_tool
