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
};

class system_clock final : public clock_source {
 public:
  [[nodiscard]] std::uint64_t boot_ns() const noexcept override {
    timespec t{};
    ::clock_gettime(CLOCK_BOOTTIME, &t);  // cannot fail: the clock exists since Linux 2.6.39
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(t.tv_nsec);
  }
};

}  // namespace pawl
