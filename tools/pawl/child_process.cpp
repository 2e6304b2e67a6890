#include "child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

namespace pawl_tool {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::seconds time_to_close_output{1};
constexpr std::chrono::seconds time_to_terminate{5};

std::string error_text(std::string_view what, int error) {
  return std::string(what) + ": " + std::strerror(error);
}

}  // namespace

// Everything the child needs, laid out before it exists.
struct child_runner::start {
  const char* path;
  char* const* words;
  int input;
  int output;
  int errors;
  int guard;
  pid_t parent;
  const rlimit* descriptors_limit;
  volatile int* failed_errno;
};

struct child_runner::pipes {
  descriptor output;
  descriptor errors;
  descriptor output_end;  // the child's
  descriptor errors_end;

  // 0, or an errno.
  int open() noexcept { return open_pair(output, output_end) | open_pair(errors, errors_end); }

 private:
  static int open_pair(descriptor& ours, descriptor& theirs) noexcept {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
    ours = descriptor(ends[0]);
    theirs = descriptor(ends[1]);
    return ::fcntl(ours.get(), F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
  }
};

child_runner::child_runner(const stop_request& stop, capture_budget& captures)
    : stop_(stop), captures_(captures), nowhere_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  // Two pipes, a process descriptor and two files that take what memory does not, per program.
  ::getrlimit(RLIMIT_NOFILE, &descriptors_limit_);
  rlimit raised = descriptors_limit_;
  raised.rlim_cur = raised.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &raised);
}

// The child shares our memory until it becomes the program, and this thread stands still meanwhile.
// In it only async-signal-safe calls are allowed, and none that changes what the parent relies on.
// No handler can run in it: we install none, and this thread has all signals blocked.
[[gnu::noinline]] int child_runner::start_child(const start& how) noexcept {
  const pid_t child = ::vfork();
  if (child != 0) return child;
  ::setpgid(0, 0);
  // The signal comes when this thread of the parent ends; it waits for us. If the parent died
  // before it was asked for, someone else has become our parent.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != how.parent) ::_exit(127);
  process_guard::announce(how.guard, ::getpid());
  if (::dup2(how.input, 0) >= 0 && ::dup2(how.output, 1) >= 0 && ::dup2(how.errors, 2) >= 0) {
    ::setrlimit(RLIMIT_NOFILE, how.descriptors_limit);
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGQUIT, SIGCHLD}) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execv(how.path, how.words);
  }
  *how.failed_errno = errno;
  ::_exit(127);
}

// When something is to be done about a program that does not end by itself.
class child_runner::timeline {
 public:
  enum class step { none, terminate, kill, leave };

  explicit timeline(clock::time_point deadline) : next_(deadline) {}

  [[nodiscard]] step due(clock::time_point now) noexcept {
    if (now >= leave_) return step::leave;
    if (now < next_) return step::none;
    if (is_terminated_) {
      next_ = never;
      leave_ = now + time_to_close_output;
      return step::kill;
    }
    is_terminated_ = true;
    next_ = now + time_to_terminate;
    return step::terminate;
  }
  // What it leaves behind gets a second, or what is left of the five. Too late for a timeout.
  void exited(clock::time_point now) noexcept {
    leave_ = is_terminated_ ? std::min(next_, leave_) : now + time_to_close_output;
    if (!is_terminated_) next_ = never;
  }
  // It has been killed for another reason: there is nothing to be done any more.
  void killed() noexcept { next_ = never; }

  // For poll(): at most an hour.
  [[nodiscard]] int wait_ms(clock::time_point now) const noexcept {
    using namespace std::chrono;
    const auto wake = std::min(next_, leave_);
    if (wake == never) return -1;
    const auto left = std::clamp<clock::duration>(wake - now, 0ns, 1h);
    return static_cast<int>(ceil<milliseconds>(left).count());
  }

 private:
  static constexpr auto never = clock::time_point::max();
  clock::time_point next_;           // the next signal
  clock::time_point leave_ = never;  // its output is not waited for any longer
  bool is_terminated_ = false;
};

child_end child_runner::run(const std::string& path, const std::vector<std::string>& words,
                            clock::time_point deadline, captured_output& output,
                            captured_output& errors) {
  child_end end;
  pipes from;
  if (const int error = from.open(); error != 0) {
    end.error = error_text("cannot make a pipe for its output", error);
    return end;
  }
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  volatile int failed_errno = 0;
  const pid_t child = start_child(
      {path.c_str(), pointers.data(), nowhere_.get(), from.output_end.get(), from.errors_end.get(),
       guard_.descriptor_for_children(), ::getpid(), &descriptors_limit_, &failed_errno});
  if (child < 0) {
    end.error = error_text("cannot make a process", errno);
    return end;
  }
  from.output_end.close();
  from.errors_end.close();
  if (failed_errno == 0) follow(child, from, timeline(deadline), end, output, errors);
  end.status = reap(child);
  if (failed_errno != 0) end.error = error_text("cannot run " + path, failed_errno);
  return end;
}

// Captures until the program is over.
void child_runner::follow(pid_t child, pipes& from, timeline when, child_end& end,
                          captured_output& output, captured_output& errors) {
  const auto kill_it = [&] {
    end.killed = true;
    when.killed();
    ::kill(-child, SIGKILL);
  };
  const auto capture = [&](descriptor& source, captured_output& to) {
    char piece[16'384];
    const ssize_t got = ::read(source.get(), piece, sizeof piece);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) source.close();
    if (got <= 0 || end.killed) return;
    const int error = to.append({piece, static_cast<std::size_t>(got)}, captures_);
    if (error == 0) return;
    end.error = error_text("no room for its output in a temporary file", error);
    kill_it();
  };

  // Without it (before Linux 5.3) only the end of the output tells that the program is over.
  descriptor exit_event(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  int stop = stop_.now_descriptor();
  while (exit_event || from.output || from.errors) {
    pollfd wait[4] = {{from.output.get(), POLLIN, 0},
                      {from.errors.get(), POLLIN, 0},
                      {exit_event.get(), POLLIN, 0},
                      {stop, POLLIN, 0}};
    ::poll(wait, 4, when.wait_ms(clock::now()));
    if (wait[0].revents != 0) capture(from.output, output);
    if (wait[1].revents != 0) capture(from.errors, errors);
    if (wait[2].revents != 0) {
      exit_event.close();
      when.exited(clock::now());
    }
    if (wait[3].revents != 0) {
      stop = -1;
      kill_it();
    }
    switch (when.due(clock::now())) {
      case timeline::step::none:
        break;
      case timeline::step::terminate:
        end.timed_out = true;
        ::kill(-child, SIGTERM);
        ::kill(-child, SIGCONT);  // to those that are stopped it comes only now
        break;
      case timeline::step::kill:
        ::kill(-child, SIGKILL);
        break;
      case timeline::step::leave:
        return;
    }
  }
}

// Ends what is left of the group while its number is still ours, which it is until waitpid().
int child_runner::reap(pid_t child) noexcept {
  siginfo_t about{};
  while (::waitid(P_PID, static_cast<id_t>(child), &about, WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
  ::kill(-child, SIGKILL);
  guard_.forget(child);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace pawl_tool
