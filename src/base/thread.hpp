// base/thread.hpp -- how threads of ours start: named, deaf to signals, joined by their owner.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

namespace pawl {

// Starts a thread with all signals blocked, so that the host's handlers never run on it; except those
// that a fault of the thread itself raises, which must reach the host's crash handler. Its name has
// at most 15 characters. Nothing: the system has no more threads (EAGAIN).
std::optional<std::thread> start_thread(const char* name_prefix, unsigned index,
                                        std::function<void()> body) noexcept;

// Asks the scheduler for short time slices, so that a thread that wakes next to busy ones runs at
// once (Linux 6.12 and later; measured: p99 of a wake-up from 3.6 ms to 4 us). Best effort.
void ask_for_short_slices() noexcept;

}  // namespace pawl
