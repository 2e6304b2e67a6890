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
    std::uint64_t ns_per_tick = 0;  // of measuring_clock, times 2^32; 0: not known
    std::uint64_t measured_ns = 0;  // the reading from which it was measured last
    std::uint64_t measured_ticks = 0;
  };
  // boot_ns(), or what `last` holds if that was read a few microseconds ago, recent_ns_max at most. For
  // stamps that nothing exact depends on: a clock read is a third of a submit.
  static constexpr std::uint64_t recent_ns_max = 16'384;
  [[nodiscard]] virtual std::uint64_t recent_boot_ns(reading& last) const noexcept {
    last.boot_ns = boot_ns();
    return last.boot_ns;
  }
  // Blocks the calling thread for about that long.
  virtual void sleep_for(std::uint64_t ns) const noexcept = 0;
};

class system_clock : public clock_source {
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
    const std::uint64_t ticks = __builtin_ia32_rdtsc();
    if (ticks - last.ticks < recent_ticks) return last.boot_ns;
    last.ticks = ticks;
    last.boot_ns = boot_ns();
    return last.boot_ns;
  }

 protected:
  // 2 to 8 us on anything from 2 to 8 GHz, recent_ns_max at 1 GHz. A counter that stood still or jumped
  // back, as over a suspend, makes the difference large or is corrected by the next reading.
  static constexpr std::uint64_t recent_ticks = 16'384;
#endif
};

// The system's clock for who measures: its recent_boot_ns() adds what the processor's counter says has
// passed since the last reading, and so is off by less than a microsecond, or by an interrupt that came
// between the clock and the counter, which it forgets within microseconds. Two of them that are closer than
// that may be in the wrong order.
class measuring_clock final : public system_clock {
#ifdef __x86_64__
 public:
  [[nodiscard]] std::uint64_t recent_boot_ns(reading& last) const noexcept override {
    const std::uint64_t ticks = __builtin_ia32_rdtsc();
    const std::uint64_t passed = ticks - last.ticks;
    if (passed < recent_ticks) [[likely]]
      return last.boot_ns + ((passed * last.ns_per_tick) >> 32);
    return read_again(last, ticks);
  }

 private:
  [[gnu::noinline]] std::uint64_t read_again(reading& last, std::uint64_t ticks) const noexcept {
    const std::uint64_t now = boot_ns();
    // How fast the counter goes is measured over a millisecond and more, where an interrupt between the
    // two readings does not count for much. Believed from 1 to 8 GHz, and over no more than four seconds.
    constexpr std::uint64_t measured_ticks_min = std::uint64_t{1} << 22;
    const std::uint64_t passed = ticks - last.measured_ticks;
    if (passed >= measured_ticks_min) {
      const std::uint64_t passed_ns = now - last.measured_ns;
      if (passed_ns < (std::uint64_t{1} << 32) && passed_ns <= passed && passed / 8 <= passed_ns) {
        last.ns_per_tick = (passed_ns << 32) / passed;
      }
      last.measured_ticks = ticks;
      last.measured_ns = now;
    }
    last.ticks = ticks;
    last.boot_ns = now;
    return now;
  }
#endif
};

}  // namespace pawl
