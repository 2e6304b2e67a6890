#include "base/thread.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <utility>

namespace pawl {

std::optional<std::thread> start_thread(const char* name_prefix, unsigned index,
                                        std::function<void()> body) noexcept {
  std::array<char, 16> name{};
  std::snprintf(name.data(), name.size(), "%s%02u", name_prefix, index);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
    sigdelset(&all, fault);
  }
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the new thread
  std::optional<std::thread> started;
  try {
    started.emplace([name, body = std::move(body)] {
      pthread_setname_np(pthread_self(), name.data());  // first: the host's hook may change it
      body();
    });
  } catch (...) {
    // std::system_error with EAGAIN, or no memory for the thread's start: both mean "no thread".
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

void ask_for_short_slices() noexcept {
  struct {
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime_ns, deadline_ns, period_ns;
  } attributes{};
  attributes.size = sizeof attributes;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != 0) return;  // only SCHED_OTHER has slices; the host chose another
  attributes.size = sizeof attributes;
  attributes.runtime_ns = 100'000;
  syscall(SYS_sched_setattr, 0, &attributes, 0);  // older kernels ignore or refuse it: fine
}

}  // namespace pawl
