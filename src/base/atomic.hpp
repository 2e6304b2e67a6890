// base/atomic.hpp -- the one place from which lock-free parts take their atomics.
//
// In every normal build these are aliases and cost nothing. The interleaving explorer of
// tests/model defines PAWL_MODEL and puts its own types behind the same names: atomics with store
// buffers, plain data with vector clocks, a futex, a barrier. So the code it explores is the code
// that ships.
//
// Rules for users of this header: order belongs on the operation, never in a stand-alone fence;
// relaxed says why a stale value is harmless; data that several threads touch is atomic<T>, or
// plain<T> where something else orders it.
#pragma once

#include <cstddef>

#ifdef PAWL_MODEL
#include "explorer/shared.hpp"  // tests/model
#else
#include <atomic>
#endif

namespace pawl {

#ifdef PAWL_MODEL
template <class T>
using atomic = model::atomic<T>;
template <class T>
using plain = model::plain<T>;
#else
template <class T>
using atomic = std::atomic<T>;
template <class T>
using plain = T;
#endif

// In a namespace of their own, so that an enumerator of the same name shadows nothing.
inline namespace orders {
inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr auto seq_cst = std::memory_order_seq_cst;
}  // namespace orders

inline constexpr std::size_t cache_line_bytes = 64;

// Tells the processor that this is a spin loop. Never sched_yield: next to a busy thread one yield
// costs a whole scheduler slice (4 ms measured).
inline void cpu_pause() noexcept {
#ifdef PAWL_MODEL
  model::pause();
#elif defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace pawl
