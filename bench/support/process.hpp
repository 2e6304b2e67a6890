// bench/support/process.hpp -- what the kernel says of this process and its threads.
#pragma once

#include <cstdint>

namespace bench {

// Memory of the process that is in RAM now.
std::uint64_t resident_bytes();

// Times any thread but the caller's gave up its processor, since the process began: each is
// followed by a wake-up.
std::uint64_t sleeps_of_other_threads();

// Processor time of all threads but the caller. The difference of two clocks: it may step back a
// little between two calls.
double cpu_of_other_threads_ns();

// Sleeps of the calling thread end when asked, not up to 50 us later.
void ask_for_exact_sleeps();

}  // namespace bench
