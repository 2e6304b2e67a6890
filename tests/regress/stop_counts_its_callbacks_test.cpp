// The limit of stop() counts from the call. Found in review: callbacks of stop tokens ran before it began
// to count. Method: a callback takes the whole limit; the handler leaves some time after the callback's
// end, within another limit, so a stop() that counts anew would find it gone.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stop_token>
#include <thread>

#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds limit{1'000};

struct world {
  test::door running;
  clock::time_point called;           // stop(); set before
  std::atomic<bool> returned{false};  // stop() has

  static outcome run(void* self, context& job, std::span<const std::byte>) {
    auto& w = *static_cast<world*>(self);
    std::atomic<bool> asked{false};
    const std::stop_token token = job.stop_token();
    const std::stop_callback callback(token, [&] {
      std::this_thread::sleep_until(w.called + limit);
      asked = true;
    });
    w.running.wait();
    while (!asked) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    static_cast<void>(test::eventually([&] { return w.returned.load(); }, limit * 8 / 10));
    return outcome::done();
  }
};

TEST(stop, counts_its_limit_from_the_call_though_a_callback_takes_it_all) {
  world w;
  registry kinds;
  const kind_ref kind = kinds.add("k", world::run, &w);
  options o = test::small_options();
  o.log.write = [](void*, const log_record&) {};
  const auto s = test::open_or_exit(o, kinds);
  ASSERT_TRUE(s->submit(test::queue_or_exit(*s, "q"), kind, test::no_payload()));
  ASSERT_TRUE(w.running.wait_for_arrivals(1));
  w.running.open();
  w.called = clock::now();
  const status stopped = s->stop(limit);
  w.returned = true;
  ASSERT_FALSE(stopped) << "it has waited for a second limit";
  EXPECT_EQ(stopped.error().code, errc::timeout);
  EXPECT_TRUE(s->stop(test::patience));
}

}  // namespace
}  // namespace pawl
