// What most people write first: std::priority_queue, with the wheel's entries, words and clock.
#include <array>
#include <queue>
#include <utility>
#include <vector>

#include "contenders/timer_contender.hpp"
#include "contenders/timer_phases.hpp"
#include "contenders/timer_slots.hpp"

namespace bench {
namespace {

constexpr std::uint64_t clock_step_ns = 1'000'000;

struct later {
  bool operator()(const pawl::timer_entry& a, const pawl::timer_entry& b) const noexcept {
    return a.due_ns > b.due_ns;
  }
};

class timer_heap final : public timer_contender {
 public:
  explicit timer_heap(timer_slots& slots) : slots_(slots) {}

  [[nodiscard]] const char* name() const noexcept override { return "heap"; }
  [[nodiscard]] bool has_real_clock() const noexcept override { return false; }

  timer_costs run(const timer_work& work) override {
    const std::size_t timers = work.delays_ns.size();
    std::vector<pawl::timer_entry> room;
    room.resize(timers + work.restarts.size());  // touched, so that no page fault is on the clock
    room.clear();
    heap pending(later{}, std::move(room));
    slots_.begin();
    timer_costs costs;
    costs.schedule_ns = time_each_ns(timers, [&] {
      for (std::uint32_t i = 0; i < timers; ++i) {
        pending.push({work.delays_ns[i], i, timer_slots::first_version});
      }
    });
    costs.restart_ns = time_each_ns(work.restarts.size(), [&] {
      for (std::size_t k = 0; k < work.restarts.size(); ++k) {
        const std::uint32_t i = work.restarts[k];
        slots_.end(i);
        pending.push({work.delays_ns[k], i, slots_.version(i)});
      }
    });
    costs.cancel_ns = time_each_ns(work.cancels.size(), [&] {
      for (const std::uint32_t i : work.cancels) slots_.end(i);
    });
    costs.bytes = sizeof(pawl::timer_entry);
    fired_timers fired;
    costs.fire_ns =
        time_each_ns(timers - work.cancels.size(), [&] { fire(pending, work.spread_ns, fired); });
    fired.check(work, "timers that the heap fired");
    return costs;
  }

 private:
  using heap = std::priority_queue<pawl::timer_entry, std::vector<pawl::timer_entry>, later>;

  void fire(heap& pending, std::uint64_t spread_ns, fired_timers& fired) {
    std::array<pawl::timer_entry, pawl::wheel::fired_at_once> due;
    std::size_t count = 0;
    for (std::uint64_t now = 0; now < spread_ns + 2 * clock_step_ns; now += clock_step_ns) {
      while (!pending.empty() && pending.top().due_ns <= now) {
        due[count++] = pending.top();
        pending.pop();
        if (count == due.size()) slots_.fire(std::span(due).first(std::exchange(count, 0)), fired);
      }
      slots_.fire(std::span(due).first(std::exchange(count, 0)), fired);
    }
  }

  timer_slots& slots_;
};

}  // namespace

std::unique_ptr<timer_contender> make_heap(timer_slots& slots) {
  return std::make_unique<timer_heap>(slots);
}

}  // namespace bench
