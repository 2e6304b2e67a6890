// bench/support/args.hpp -- the command line that every bench shares.
//
//   (nothing)        measure, print the machine line and a table
//   --toy            the same rows with tiny sizes, for the tests: its numbers mean nothing
//   --figure NAME    print that one figure as one line, for tools/figures
//   --rounds N       rounds per row instead of 5
//   --machine        print the machine line alone
//   --directory DIR  benches that write to a disk: below it; else below TMPDIR or the current one
//   --device WHICH   of the log: auto (the default), uring or posix
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "support/machine.hpp"

namespace bench {

struct args {
  bool toy = false;
  unsigned rounds = 5;
  std::string figure;  // empty: the whole table
  std::string child;   // --child NAME: a bench that runs parts of itself in fresh processes
  std::string directory;
  std::string device = "auto";
};

[[noreturn]] inline void usage(const char* program) {
  std::fprintf(stderr,
               "usage: %s [--toy] [--rounds N] [--figure NAME]\n"
               "       [--directory DIR] [--device auto|uring|posix]\n",
               program);
  std::exit(2);
}

inline args parse_args(int argc, char** argv) {
  args a;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--toy") {
      a.toy = true;
      a.rounds = 1;
    } else if (word == "--rounds" && has_value) {
      a.rounds = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
      if (a.rounds == 0) usage(argv[0]);
    } else if (word == "--figure" && has_value) {
      a.figure = argv[++i];
    } else if (word == "--machine") {
      print_machine(false);
      std::exit(0);
    } else if (word == "--child" && has_value) {
      a.child = argv[++i];
    } else if (word == "--directory" && has_value) {
      a.directory = argv[++i];
    } else if (word == "--device" && has_value) {
      a.device = argv[++i];
      if (a.device != "auto" && a.device != "uring" && a.device != "posix") usage(argv[0]);
    } else {
      usage(argv[0]);
    }
  }
  return a;
}

}  // namespace bench
