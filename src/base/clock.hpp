// base/clock.hpp -- the seam through which the engine knows the time.
#pragma once

#include <time.h>

#include <cstdint>

namespace pawl {

class clock_source {
 public:
  virtual ~clock_source() = default;
  // Nanoseconds since boot, including suspend; never goes back.
  [[nodiscard]] virtual std::uint64_t boot_ns() const noexcept = 0;

  // The wall clock: nanoseconds since the epoch; jumps when somebody sets it.
  [[nodiscard]] virtual std::uint64_t wall_ns() const noexcept = 0;

  // What one thread last read, and when, by the processor's own counter.
  struct reading {
    std::uint64_t boot_ns = 0;
    std::uint64_t ticks = 0;
  };
  // boot_ns(), or what `last` holds if that was read a few microseconds ago. For stamps that nothing
  // exact depends on: a clock read is a third of a submit.
  [[nodiscard]] virtual std::uint64_t recent_boot_ns(reading& last) const noexcept {
    last.boot_ns = boot_ns();
    return last.boot_ns;
  }
  // Blocks the calling thread for about that long.
  virtual void sleep_for(std::uint64_t ns) const noexcept = 0;
};

class system_clock final : public clock_source {
 public:
  [[nodiscard]] std::uint64_t boot_ns() const noexcept override {
    timespec t{};
    ::clock_gettime(CLOCK_BOOTTIME, &t);  // cannot fail: the clock exists since Linux 2.6.39
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(t.tv_nsec);
  }

  [[nodiscard]] std::uint64_t wall_ns() const noexcept override {
    timespec t{};
    ::clock_gettime(CLOCK_REALTIME, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(t.tv_nsec);
  }

  void sleep_for(std::uint64_t ns) const noexcept override {
    const timespec t{static_cast<time_t>(ns / 1'000'000'000u),
                     static_cast<long>(ns % 1'000'000'000u)};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &t, nullptr);  // a signal may cut it short: no harm
  }

#ifdef __x86_64__
  [[nodiscard]] std::uint64_t recent_boot_ns(reading& last) const noexcept override {
    // 2 to 8 us on anything from 2 to 8 GHz. A counter that stood still or jumped back, as over a
    // suspend, makes the difference large or is corrected by the next reading.
    constexpr std::uint64_t recent_ticks = 16'384;
    const std::uint64_t ticks = __builtin_ia32_rdtsc();
    if (ticks - last.ticks < recent_ticks) return last.boot_ns;
    last.ticks = ticks;
    last.boot_ns = boot_ns();
    return last.boot_ns;
  }
#endif
};

}  // namespace pawl
