// bench/support/check.hpp -- a bench that computed the wrong answer must not print a number.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace bench {

// Ends the process with status 1 when `holds` is false.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "bench: wrong answer: %s\n", what);
  std::exit(1);
}

}  // namespace bench
