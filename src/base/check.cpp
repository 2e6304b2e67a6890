#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace pawl {

void check_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "pawl: check failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace pawl
