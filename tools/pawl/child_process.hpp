// child_process.hpp -- runs one program to its end and captures what it writes.
//
// The program: standard input is /dev/null, it leads a process group of its own, signal mask and
// dispositions are as at login, and of our descriptors it has only 0, 1 and 2.
// It is over when it has exited and its output is closed, or one second after it has exited; what
// is then left of its process group is killed. It dies with us, see process_guard.hpp;
// what has left the group does not.
// At its deadline the group gets SIGTERM, and SIGKILL five seconds later unless all is over; in
// between, what outlives the program may go on as well.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <string>
#include <vector>

#include "captured_output.hpp"
#include "descriptor.hpp"
#include "process_guard.hpp"
#include "stop_request.hpp"

namespace pawl_tool {

struct child_end {
  std::string error;  // empty: it ran, and `status` is what waitpid() says
  int status = 0;
  bool killed = false;  // by us: the run was stopped, or its output had no room
  bool timed_out = false;
};

class child_runner {
 public:
  // Raises this process's limit of descriptors; the programs get the old one.
  child_runner(const stop_request& stop, capture_budget& captures);

  // Blocks until the program is over. `path` is not searched for; words[0] is its name for itself.
  // Any number of threads at the same time. The calling thread must live as long as the program.
  child_end run(const std::string& path, const std::vector<std::string>& words,
                std::chrono::steady_clock::time_point deadline, captured_output& output,
                captured_output& errors);

 private:
  struct start;
  struct pipes;
  static int start_child(const start& how) noexcept;
  class timeline;
  void follow(pid_t child, pipes& from, timeline when, child_end& end, captured_output& output,
              captured_output& errors);
  int reap(pid_t child) noexcept;

  const stop_request& stop_;
  capture_budget& captures_;
  process_guard guard_;
  descriptor nowhere_;  // /dev/null
  rlimit descriptors_limit_{};
};

}  // namespace pawl_tool
