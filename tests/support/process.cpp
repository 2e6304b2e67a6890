#include "support/process.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "support/scale.hpp"

namespace {
bool is_child_of_test = false;
}

#ifdef PAWL_TEST_UNDER_ASAN
// Asked by the leak checker at exit. A child of fork() lacks the threads whose stacks and
// thread-locals hold on to what they own, so everything there would be a leak.
extern "C" __attribute__((visibility("default"))) int __lsan_is_turned_off() {
  return is_child_of_test ? 1 : 0;
}
#endif

namespace pawl::test {

namespace {

std::size_t entries_of(const char* folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

std::string first_line(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

}  // namespace

std::size_t thread_count() {
  return entries_of("/proc/self/task");
}

std::vector<std::string> thread_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    if (std::string name = first_line(entry.path() / "comm"); !name.empty()) {
      names.push_back(std::move(name));  // empty: the thread has gone meanwhile
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::size_t descriptor_count() {
  return entries_of("/proc/self/fd") - 1;
}

std::size_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  in >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t resident_bytes_of(const void* first, std::size_t bytes) {
  const auto page_bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes + page_bytes - 1) / page_bytes);
  if (mincore(const_cast<void*>(first), bytes, pages.data()) != 0) return 0;
  return page_bytes *
         static_cast<std::size_t>(std::count_if(pages.begin(), pages.end(),
                                                [](unsigned char p) { return (p & 1) != 0; }));
}

std::string status_line(const std::string& key, const std::string& task) {
  std::ifstream in("/proc/" + task + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key + ":", 0) != 0) continue;
    const std::size_t value = line.find_first_not_of(" \t", key.size() + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

int exit_code_of_child(const std::function<int()>& body, int seconds) {
  std::fflush(nullptr);  // or the child prints it again
  const pid_t child = fork();
  if (child < 0) return -1;
  if (child == 0) {
    is_child_of_test = true;
    std::exit(body());
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > until) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace pawl::test
