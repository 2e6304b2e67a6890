#include "base/seeded_bug.hpp"

#include <cstdlib>

namespace pawl {

bool is_seeded(std::string_view bug) noexcept {
  static const char* const chosen = std::getenv("PAWL_SEEDED_BUG");
  return chosen != nullptr && bug == chosen;
}

}  // namespace pawl
