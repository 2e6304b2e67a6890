// Pawl's wheel, with words as the engine has them. The clock is our own: it goes on by a millisecond
// at a time, and at each the wheel is stepped until nothing more is due.
#include <algorithm>

#include "contenders/timer_contender.hpp"
#include "contenders/timer_phases.hpp"
#include "contenders/timer_slots.hpp"
#include "support/process.hpp"
#include "time/wheel.hpp"

namespace bench {
namespace {

constexpr std::uint64_t start_ns = 123'456'789'012'345;  // up for a day
constexpr std::uint64_t clock_step_ns = 1'000'000;
constexpr std::size_t fires_max = 1'024;  // a step, as in the engine

class timer_wheel final : public timer_contender {
 public:
  explicit timer_wheel(timer_slots& slots) : slots_(slots) {}

  [[nodiscard]] const char* name() const noexcept override { return "pawl"; }
  [[nodiscard]] bool has_real_clock() const noexcept override { return false; }

  timer_costs run(const timer_work& work) override {
    const std::size_t timers = work.delays_ns.size();
    slots_.begin();
    const std::uint64_t resident_before = resident_bytes();
    pawl::wheel wheel(start_ns, timers + work.restarts.size());
    require(wheel.is_ready(), "the wheel's address space");
    std::uint64_t refused = 0;
    const auto insert = [&](std::uint32_t timer, std::uint64_t delay_ns, std::uint32_t version) {
      if (!wheel.insert({start_ns + delay_ns, timer, version})) ++refused;
    };
    timer_costs costs;
    costs.schedule_ns = time_each_ns(timers, [&] {
      for (std::uint32_t i = 0; i < timers; ++i)
        insert(i, work.delays_ns[i], timer_slots::first_version);
    });
    costs.bytes =
        static_cast<double>(resident_bytes() - resident_before) / static_cast<double>(timers);
    costs.restart_ns = time_each_ns(work.restarts.size(), [&] {
      for (std::size_t k = 0; k < work.restarts.size(); ++k) {
        const std::uint32_t i = work.restarts[k];
        slots_.end(i);
        insert(i, work.delays_ns[k], slots_.version(i));
      }
    });
    costs.cancel_ns = time_each_ns(work.cancels.size(), [&] {
      for (const std::uint32_t i : work.cancels) slots_.end(i);
    });
    require(refused == 0, "the wheel has room");
    fired_timers fired;
    costs.fire_ns = time_each_ns(timers - work.cancels.size(),
                                 [&] { costs.longest_step_us = fire(wheel, work, fired); });
    fired.check(work, "timers that the wheel fired");
    require(wheel.entries() == 0, "entries left in the wheel");
    return costs;
  }

 private:
  // The longest step.
  double fire(pawl::wheel& wheel, const timer_work& work, fired_timers& fired) {
    std::uint64_t longest = 0;
    std::uint64_t begin = now_ns();
    const std::uint64_t end = start_ns + work.spread_ns + 2 * clock_step_ns;
    for (std::uint64_t now = start_ns; now < end; now += clock_step_ns) {
      for (bool more = true; more;) {
        more = wheel.step(now, fires_max,
                          [&](std::span<const pawl::timer_entry> due) { slots_.fire(due, fired); });
        const std::uint64_t stepped = now_ns();
        longest = std::max(longest, stepped - begin);
        begin = stepped;
      }
    }
    return static_cast<double>(longest) / 1e3;
  }

  timer_slots& slots_;
};

}  // namespace

std::unique_ptr<timer_contender> make_wheel(timer_slots& slots) {
  return std::make_unique<timer_wheel>(slots);
}

}  // namespace bench
