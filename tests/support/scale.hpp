// support/scale.hpp -- how much of a test runs: all of it, or a part where a sanitizer slows it.
#pragma once

#include <cstdint>

namespace pawl::test {

#if defined(__SANITIZE_THREAD__)
#define PAWL_TEST_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PAWL_TEST_UNDER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define PAWL_TEST_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PAWL_TEST_UNDER_ASAN 1
#endif
#endif

#if defined(PAWL_TEST_UNDER_TSAN)
inline constexpr bool under_tsan = true;
#else
inline constexpr bool under_tsan = false;
#endif
#if defined(PAWL_TEST_UNDER_ASAN)
inline constexpr bool under_asan = true;
#else
inline constexpr bool under_asan = false;
#endif
inline constexpr bool sanitized = under_tsan || under_asan;

// `full`, or a tenth of it under a sanitizer, at least 1.
constexpr int scaled(int full) {
  if (!sanitized) return full;
  return full / 10 > 0 ? full / 10 : 1;
}

}  // namespace pawl::test
