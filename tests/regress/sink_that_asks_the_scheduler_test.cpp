// A log sink may call the scheduler. Found in review: stop() said who is stuck while it held the list of
// contexts, and a sink that read the counters waited for it for ever. Method: such a sink, and a handler
// that stays until stop() has given up. (blocking.no_thread: tests/engine/no_thread_test.cpp.)
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

struct asking_sink {
  test::door way;
  std::atomic<scheduler*> s{nullptr};
  std::atomic<std::uint64_t> started{0};  // as the sink read it

  static outcome run(void* self, context&, std::span<const std::byte>) {
    static_cast<asking_sink*>(self)->way.wait();
    return outcome::done();
  }
  static void write(void* self, const log_record& r) {
    auto& w = *static_cast<asking_sink*>(self);
    if (r.event != "stop.stuck") return;
    EXPECT_TRUE(r.job);
    EXPECT_NE(r.message.find("the handler of k is still inside"), r.message.npos) << r.message;
    EXPECT_GE(w.s.load()->health().threads.size(), 2u);
    w.started = w.s.load()->read_counters().started;
  }
};

TEST(sink_that_asks_the_scheduler, gets_its_answer_while_a_handler_is_stuck) {
  asking_sink w;
  registry kinds;
  const kind_ref kind = kinds.add("k", asking_sink::run, &w);
  options o = test::small_options();
  o.log = {asking_sink::write, &w};
  const auto s = test::open_or_exit(o, kinds);
  w.s = s.get();
  ASSERT_TRUE(s->submit(test::queue_or_exit(*s, "q"), kind, test::no_payload()));
  ASSERT_TRUE(w.way.wait_for_arrivals(1));
  std::atomic<bool> done{false};
  std::thread stopper([&] {
    const status stopped = s->stop(std::chrono::milliseconds(10));
    EXPECT_FALSE(stopped);
    done = true;
  });
  if (!test::eventually([&] { return done.load(); })) {
    ADD_FAILURE() << "the sink never got its answer";
    std::abort();  // the thread cannot be stopped
  }
  stopper.join();
  EXPECT_EQ(w.started, 1u);
  w.way.open();
  EXPECT_TRUE(s->stop(test::patience));
}

}  // namespace
}  // namespace pawl
