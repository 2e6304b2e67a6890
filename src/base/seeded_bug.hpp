// base/seeded_bug.hpp -- bugs on purpose, each at the line where a person would make it, to see whether the
// tests find them. They exist in two test programs (tests/seeded); everywhere else PAWL_SEEDED is false.
//
//   PAWL_SEEDED_BUG=retried_sync bin/pawl_seeded_bugs
#pragma once

#ifdef PAWL_SEEDED_BUGS

#include <string_view>

namespace pawl {
// Whether the environment asks for that one.
bool is_seeded(std::string_view bug) noexcept;
}  // namespace pawl
#define PAWL_SEEDED(bug) (::pawl::is_seeded(#bug))

#else
#define PAWL_SEEDED(bug) false
#endif
