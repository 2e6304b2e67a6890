// libevent: struct event, a heap of pointers. Without locks.
#include <event2/event.h>
#include <event2/event_struct.h>

#include <vector>

#include "contenders/timer_contender.hpp"
#include "contenders/timer_phases.hpp"

namespace bench {
namespace {

event_base* make_base() {
  event_config* const config = event_config_new();
  require(config != nullptr, "event_config_new");
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_base* const base = event_base_new_with_config(config);
  event_config_free(config);
  require(base != nullptr, "event_base_new_with_config");
  return base;
}

class timer_libevent final : public timer_contender {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "libevent"; }

  timer_costs run(const timer_work& work) override {
    const std::size_t timers = work.delays_ns.size();
    event_base* const base = make_base();
    fired_ = {};
    std::vector<event> all(timers);
    first_ = all.data();
    for (event& one : all) evtimer_assign(&one, base, on_timer, &one);
    const auto start = [&](std::size_t i, std::uint64_t delay_ns) {
      const timeval delay{static_cast<time_t>(delay_ns / 1'000'000'000),
                          static_cast<suseconds_t>(delay_ns / 1'000 % 1'000'000)};
      evtimer_add(&all[i], &delay);
    };
    timer_costs costs = time_changes(work, start, [&](std::uint32_t i) { evtimer_del(&all[i]); });
    costs.bytes = sizeof(event);
    sleep_ns(work.spread_ns + 5'000'000);
    costs.fire_ns = time_each_ns(timers - work.cancels.size(), [&] {
      while (fired_.count < timers - work.cancels.size()) event_base_loop(base, EVLOOP_NONBLOCK);
    });
    fired_.check(work, "timers that libevent fired");
    event_base_free(base);
    return costs;
  }

 private:
  static void on_timer(evutil_socket_t, short, void* timer) {
    fired_.add(static_cast<std::uint64_t>(static_cast<event*>(timer) - first_));
  }

  static inline fired_timers fired_;
  static inline event* first_ = nullptr;
};

}  // namespace

std::unique_ptr<timer_contender> make_libevent() {
  return std::make_unique<timer_libevent>();
}

}  // namespace bench
