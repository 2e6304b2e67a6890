#include "support/machine.hpp"

#include <stdio.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace bench {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown processor";
}

// Asked at run time: the commit the build was configured at may be long gone.
std::string commit() {
  std::string text;
  FILE* pipe =
      popen("git -C '" PAWL_BENCH_SOURCE_DIR "' describe --always --dirty 2>/dev/null", "r");
  if (pipe == nullptr) return "unknown";
  char part[128];
  while (fgets(part, sizeof part, pipe) != nullptr) text += part;
  pclose(pipe);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? "unknown" : text;
}

}  // namespace

void print_machine(bool toy) {
  utsname system{};
  uname(&system);
  double load = 0;
  if (getloadavg(&load, 1) != 1) load = -1;
  const unsigned cores = std::thread::hardware_concurrency();
#ifdef __clang__
  const char* compiler = "clang " __clang_version__;
#else
  const char* compiler = "g++ " __VERSION__;
#endif
#ifdef NDEBUG
  const char* checks = "NDEBUG";
#else
  const char* checks = "asserts on";
#endif
  std::printf("machine: %s, %u cores, %s %s, %s, %s %s, commit %s, load %.2f\n",
              processor_name().c_str(), cores, system.sysname, system.release, compiler,
              PAWL_BENCH_BUILD_TYPE, checks, commit().c_str(), load);
  if (toy) std::printf("warning: toy sizes: answers are verified, numbers mean nothing\n");
#ifndef __OPTIMIZE__
  std::printf("warning: built without optimisation: numbers mean nothing\n");
#endif
  if (!toy && load > 0.5) {
    std::printf("warning: load %.2f before the first round: somebody else is using this machine\n",
                load);
  }
  std::fflush(stdout);
}

}  // namespace bench
