// libuv: uv_timer_t, a heap of pointers. Its clock counts milliseconds.
#include <uv.h>

#include <vector>

#include "contenders/timer_contender.hpp"
#include "contenders/timer_phases.hpp"

namespace bench {
namespace {

class timer_libuv final : public timer_contender {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "libuv"; }

  timer_costs run(const timer_work& work) override {
    const std::size_t timers = work.delays_ns.size();
    uv_loop_t loop;
    require(uv_loop_init(&loop) == 0, "uv_loop_init");
    fired_timers fired;
    loop.data = &fired;
    std::vector<uv_timer_t> all(timers);
    for (std::size_t i = 0; i < timers; ++i) {
      uv_timer_init(&loop, &all[i]);
      all[i].data = reinterpret_cast<void*>(i);
    }
    const auto start = [&](std::size_t i, std::uint64_t delay_ns) {
      uv_timer_start(&all[i], on_timer, delay_ns / 1'000'000, 0);
    };
    uv_update_time(&loop);
    const std::uint64_t begin = now_ns();
    timer_costs costs = time_changes(work, start, [&](std::uint32_t i) { uv_timer_stop(&all[i]); });
    costs.bytes = sizeof(uv_timer_t);
    sleep_until_ns(begin + work.spread_ns + 5'000'000);
    costs.fire_ns = time_each_ns(timers - work.cancels.size(), [&] {
      while (fired.count < timers - work.cancels.size()) uv_run(&loop, UV_RUN_NOWAIT);
    });
    fired.check(work, "timers that libuv fired");
    for (uv_timer_t& one : all) uv_close(reinterpret_cast<uv_handle_t*>(&one), nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    require(uv_loop_close(&loop) == 0, "uv_loop_close");
    return costs;
  }

 private:
  static void on_timer(uv_timer_t* timer) {
    static_cast<fired_timers*>(timer->loop->data)
        ->add(reinterpret_cast<std::uintptr_t>(timer->data));
  }
};

}  // namespace

std::unique_ptr<timer_contender> make_libuv() {
  return std::make_unique<timer_libuv>();
}

}  // namespace bench
