// crash/job_life.hpp -- a process in which a job_worker lives until it is killed or its log fails, and what another
// hears of it. A message that was read from the pipe between them counts; nothing else does.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "crash/job_oracle.hpp"
#include "crash/job_worker.hpp"

namespace pawl::test {

// How a life has ended.
enum class life_end { done, log_failed, killed, other };

// A child in which a worker lives; `last`: until all is done, else for ever.
class job_life {
 public:
  job_life(const std::string& directory, bool io_uring, const job_oracle& oracle,
           std::uint64_t seed, bool last) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return;
    heard_ = ends[0];
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[0]);
      job_worker worker(directory, io_uring, ends[1], seed);
      if (!last) worker.live(oracle.next());
      worker.finish();
      ::_exit(0);
    }
    ::close(ends[1]);
  }
  ~job_life() {
    if (heard_ >= 0) ::close(heard_);
  }
  job_life(const job_life&) = delete;
  job_life& operator=(const job_life&) = delete;

  // Hears it until it has acknowledged something, however long that takes. False: it has ended.
  bool hear_acknowledgement(job_oracle& oracle) const {
    for (const std::size_t before = oracle.accepted(); oracle.accepted() == before;) {
      if (!hear(oracle, 1'000)) return false;
    }
    return true;
  }
  // Hears it for so long. False: it has ended.
  bool hear_for(std::chrono::microseconds span, job_oracle& oracle) const {
    const auto until = std::chrono::steady_clock::now() + span;
    while (std::chrono::steady_clock::now() < until) {
      if (!hear(oracle, 1)) return false;
    }
    return true;
  }
  // What it had said by then counts.
  life_end kill(job_oracle& oracle) const {
    ::kill(child_, SIGKILL);
    return wait(oracle);
  }
  life_end wait(job_oracle& oracle) const {
    while (hear(oracle, 1'000)) {
    }
    oracle.end_life();
    int how = 0;
    if (::waitpid(child_, &how, 0) != child_) return life_end::other;
    if (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL) return life_end::killed;
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0) return life_end::done;
    if (WIFEXITED(how) && WEXITSTATUS(how) == job_worker::log_failed) return life_end::log_failed;
    std::printf("a life ended with %d\n", how);
    return life_end::other;
  }

 private:
  // False: it has ended.
  bool hear(job_oracle& oracle, int wait_ms) const {
    pollfd said{.fd = heard_, .events = POLLIN, .revents = 0};
    if (::poll(&said, 1, wait_ms) == 0) return true;
    life_message m;
    if (::read(heard_, &m, sizeof m) != sizeof m) return false;
    oracle.hear(m);
    return true;
  }

  pid_t child_ = -1;
  int heard_ = -1;
};

}  // namespace pawl::test
