// monitor.hpp -- the thread that looks after the run: signals, progress, a closed output.
//
// SIGINT or SIGTERM once: no more intake, running jobs finish. Twice: running jobs end now; if one
//   of them cannot within a second, the process leaves without it, and the process_guard ends what
//   it has started.
// Standard output, when it is a pipe nobody reads any more, stops the run at once: also a run that
//   has nothing to write would work for nobody.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "console.hpp"
#include "descriptor.hpp"
#include "progress.hpp"
#include "stop_request.hpp"

namespace pawl_tool {

// Blocks the signals above and SIGPIPE for this thread and those it will start, and undoes an
// inherited "ignore", which a shell's "&" sets. Before any other thread exists.
void block_signals();

class monitor {
 public:
  // `look` is called for each line of progress; null: there is none. It is called by the thread.
  monitor(console& messages, stop_request& stop, std::function<progress_view()> look);
  // The line of progress is gone afterwards.
  ~monitor();

 private:
  using clock = std::chrono::steady_clock;

  void run();
  void take_signal();
  void show_progress();
  [[noreturn]] void leave();

  console& messages_;
  stop_request& stop_;
  const std::function<progress_view()> look_;
  const descriptor signals_;
  const descriptor end_;
  unsigned signals_seen_ = 0;
  clock::time_point next_line_;
  clock::time_point leave_at_ = clock::time_point::max();
  std::thread thread_;
};

}  // namespace pawl_tool
