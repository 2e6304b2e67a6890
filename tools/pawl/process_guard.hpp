// process_guard.hpp -- lets no process outlive us, not even when we are killed with SIGKILL.
//
// The kernel kills a child when its parent dies (PR_SET_PDEATHSIG), but not the child's children. A
// small process forked at the start knows the process groups of all running jobs, from a pipe;
// when we die the pipe ends, and it kills those groups and leaves. A group is announced by its first
// process before that becomes a stranger's program, so there is no moment at which it is unknown.
// Not covered: a process that leaves its group, by setsid(2) or setpgid(2). Nobody knows it then.
#pragma once

#include <sys/types.h>

#include "descriptor.hpp"

namespace pawl_tool {

class process_guard {
 public:
  // Forks: while this is the only thread.
  process_guard();
  // Ends the guard, which by then knows of no group.
  ~process_guard();
  process_guard(const process_guard&) = delete;
  process_guard& operator=(const process_guard&) = delete;

  // Where the first process of a group announces it. Closed on exec.
  [[nodiscard]] int descriptor_for_children() const noexcept { return pipe_.get(); }
  // Async-signal-safe.
  static void announce(int to, pid_t group) noexcept;

  // While the id cannot have been taken by someone else: before its first process is reaped.
  void forget(pid_t group) noexcept;

 private:
  pid_t guard_ = -1;
  descriptor pipe_;
};

}  // namespace pawl_tool
