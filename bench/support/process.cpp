#include "support/process.hpp"

#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace bench {
namespace {

double read_clock(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

}  // namespace

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t sleeps_of_other_threads() {
  constexpr std::string_view key = "voluntary_ctxt_switches:";
  const std::string self = std::to_string(gettid());
  std::uint64_t sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (task.path().filename() == self) continue;
    std::ifstream file(task.path() / "status");
    for (std::string line; std::getline(file, line);) {
      if (line.rfind(key, 0) == 0) sum += std::stoull(line.substr(key.size()));
    }
  }
  return sum;
}

double cpu_of_other_threads_ns() {
  return read_clock(CLOCK_PROCESS_CPUTIME_ID) - read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void ask_for_exact_sleeps() {
  prctl(PR_SET_TIMERSLACK, 1);
}

}  // namespace bench
