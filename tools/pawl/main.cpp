// main.cpp -- the command `pawl`.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "command_line.hpp"
#include "run_command.hpp"
#include "store_command.hpp"

namespace {

// A pipe or file of ours must not become standard input, output or error. False: there is no
// standard output.
bool standard_descriptors_open() {
  const bool has_output = ::fcntl(STDOUT_FILENO, F_GETFD) >= 0;
  for (int opened = 0; opened >= 0 && opened <= STDERR_FILENO;) {
    opened = ::open("/dev/null", O_RDWR);
    if (opened > STDERR_FILENO) ::close(opened);
  }
  return has_output;
}

// Memory that is free again goes back to the system, however many threads there are: big blocks at
// once, small ones through few heaps.
void bound_memory() {
  ::mallopt(M_ARENA_MAX, 8);
  ::mallopt(M_MMAP_THRESHOLD, 256 << 10);
}

}  // namespace

int main(int count, char** words) {
  bound_memory();
  const bool has_output = standard_descriptors_open();
  try {
    const pawl_tool::command_line asked = pawl_tool::parse_command_line(count, words);
    if (!asked.run && !asked.read) return asked.exit_code;
    if (!has_output) {
      std::fputs("pawl: standard output is closed\n", stderr);
      return pawl_tool::exit_none_completed;
    }
    return asked.run ? pawl_tool::run_jobs(*asked.run) : pawl_tool::read_store(*asked.read);
  } catch (const std::exception& trouble) {
    std::fprintf(stderr, "pawl: %s\n", trouble.what());
    return pawl_tool::exit_none_completed;
  }
}
