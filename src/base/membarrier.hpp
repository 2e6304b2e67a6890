// base/membarrier.hpp -- a full barrier on every running thread of the process, paid by the caller.
//
// The usual cure for a store-load race is a locked instruction on both sides. Where one side runs
// millions of times a second and the other a few times a minute, the rare side can pay for both:
// membarrier(2) makes every other thread execute a full barrier before it returns.
#pragma once

#include "base/atomic.hpp"

#ifndef PAWL_MODEL
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace pawl {

#ifdef PAWL_MODEL
inline void membarrier_all_threads() noexcept {
  model::membarrier();
}
inline void compiler_barrier() noexcept {}
#else
// Once per process, harmless to repeat. False: the kernel or a seccomp filter refuses it.
inline bool membarrier_register() noexcept {
  return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}
inline void membarrier_all_threads() noexcept {
  syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}
// Keeps the compiler from moving memory operations across; the processor is not asked.
inline void compiler_barrier() noexcept {
  asm volatile("" ::: "memory");
}
#endif

}  // namespace pawl
