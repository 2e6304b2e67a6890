// base/futex.hpp -- sleep until a 32-bit word changes.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"

#ifndef PAWL_MODEL
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#endif

namespace pawl {

#ifdef PAWL_MODEL
inline void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  model::futex_wait(word, expected);
}
// In a model time does not pass.
inline void futex_wait_for(atomic<std::uint32_t>& word, std::uint32_t expected,
                           std::uint64_t /*limit_ns*/) noexcept {
  model::futex_wait(word, expected);
}
inline void futex_wake_one(atomic<std::uint32_t>& word) noexcept {
  model::futex_wake(word, 1);
}
#else
// Sleeps while `word` holds `expected`; may also return for no reason. Callers look again.
inline void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  // The kernel compares and queues under its own lock; EAGAIN and EINTR mean "look again".
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}
// The same, for so long at most; 0: no limit.
inline void futex_wait_for(atomic<std::uint32_t>& word, std::uint32_t expected,
                           std::uint64_t limit_ns) noexcept {
  const timespec limit{static_cast<time_t>(limit_ns / 1'000'000'000u),
                       static_cast<long>(limit_ns % 1'000'000'000u)};
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, limit_ns != 0 ? &limit : nullptr, nullptr,
          0);
}
inline void futex_wake_one(atomic<std::uint32_t>& word) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}
#endif

}  // namespace pawl
