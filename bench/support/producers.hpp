// bench/support/producers.hpp -- threads that submit, and the clock over all of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/check.hpp"
#include "support/clock.hpp"

namespace bench {

// Numbers 1..jobs cut into one range a producer.
struct number_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
};

inline number_range range_of(std::uint64_t jobs, unsigned producers, unsigned index) noexcept {
  const std::uint64_t each = jobs / producers;
  const std::uint64_t first = each * index + 1;
  return {first, index + 1 == producers ? jobs : first + each - 1};
}

// Polls with sleeps, so that on a small machine the one who waits takes no processor from those who
// work; it sees the end up to 0.1 ms late.
template <class Done>
void wait_until(Done done) {
  const std::uint64_t give_up = now_ns() + 120'000'000'000u;
  while (!done()) {
    require(now_ns() < give_up, "the jobs did not end within two minutes");
    sleep_ns(30'000);
  }
}

// Seconds from the first call of produce(range) until done() is true. Threads are started before
// the clock. `begin` runs first inside the clock.
template <class Begin, class Produce, class Done>
double time_end_to_end(std::uint64_t jobs, unsigned producers, Begin begin, Produce produce,
                       Done done) {
  std::atomic<unsigned> there{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> threads;
  threads.reserve(producers);
  for (unsigned i = 0; i < producers; ++i) {
    threads.emplace_back([&, i] {
      there.fetch_add(1, std::memory_order_release);
      go.wait(false, std::memory_order_acquire);
      produce(range_of(jobs, producers, i));
    });
  }
  wait_until([&] { return there.load(std::memory_order_acquire) == producers; });
  sleep_ns(1'000'000);  // so that all of them sleep in go.wait()
  const std::uint64_t start = now_ns();
  begin();
  go.store(true, std::memory_order_release);
  go.notify_all();
  for (std::thread& one : threads) one.join();
  wait_until(done);
  return static_cast<double>(now_ns() - start) * 1e-9;
}

}  // namespace bench
