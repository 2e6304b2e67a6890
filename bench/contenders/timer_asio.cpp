// Boost.Asio's steady_timer, a heap, with a handler each. One thread, and Asio knows it.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>

#include "contenders/timer_contender.hpp"
#include "contenders/timer_phases.hpp"

namespace bench {
namespace {

class timer_asio final : public timer_contender {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "asio"; }

  timer_costs run(const timer_work& work) override {
    const std::size_t timers = work.delays_ns.size();
    boost::asio::io_context context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE);
    fired_timers fired;
    std::deque<boost::asio::steady_timer> all;
    for (std::size_t i = 0; i < timers; ++i) all.emplace_back(context);
    const auto begin = std::chrono::steady_clock::now();
    const auto start = [&](std::uint32_t i, std::uint64_t delay_ns) {
      all[i].expires_at(begin + std::chrono::nanoseconds(delay_ns));
      all[i].async_wait([i, &fired](const boost::system::error_code& error) {
        if (!error) fired.add(i);  // else: cancelled
      });
    };
    timer_costs costs = time_changes(work, start, [&](std::uint32_t i) { all[i].cancel(); });
    costs.bytes = sizeof(boost::asio::steady_timer);  // and a handler's memory
    sleep_ns(work.spread_ns + 5'000'000);
    costs.fire_ns = time_each_ns(timers - work.cancels.size(), [&] { context.run(); });
    fired.check(work, "timers that asio fired");
    return costs;
  }
};

}  // namespace

std::unique_ptr<timer_contender> make_asio_timer() {
  return std::make_unique<timer_asio>();
}

}  // namespace bench
