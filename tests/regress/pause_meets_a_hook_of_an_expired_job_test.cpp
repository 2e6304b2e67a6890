// A job that expires at its start is not on its way to its handler any more when its hook runs. Found in
// review: the board line still said so, and pause(), which waits for starts and holds the list of
// contexts meanwhile, and a hook that needed the list, or paused, waited for each other. Method: an
// engine without threads; the first job of a batch lets the second one's expiry pass, and the hook of
// that one pauses its own queue.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "engine/engine.hpp"
#include "engine/intake.hpp"
#include "sim/manual_clock.hpp"
#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

struct pausing_hook {
  test::manual_clock clock;
  std::unique_ptr<engine> e;
  thread_context* host = nullptr;
  queue_ref queue;
  bool paused = false;
  counters seen;

  static outcome let_time_pass(void* self, context&, std::span<const std::byte>) {
    static_cast<pausing_hook*>(self)->clock.now_ns += 2'000'000'000;
    return outcome::done();
  }
  static void on_end(void* self, const job_change& c) {
    auto& w = *static_cast<pausing_hook*>(self);
    if (c.state != job_state::expired) return;
    w.paused = bool(w.e->pause(*w.host, w.queue, {}));
    w.seen = w.e->read_counters();
  }
};

TEST(pause, in_the_hook_of_a_job_that_expired_at_its_start_does_not_wait_for_that_start) {
  pausing_hook w;
  registry kinds;
  const kind_ref kind = kinds.add("k", pausing_hook::let_time_pass, &w);
  options o = test::small_options();
  o.drains = 1;
  o.hooks = {.on_end = pausing_hook::on_end, .user = &w};
  engine::environment around;
  around.clock = &w.clock;
  around.run_by = executor::stepped;
  auto built = engine::build(o, kinds, around);
  ASSERT_TRUE(built);
  w.e = std::move(*built);
  core& parts = w.e->parts();
  w.host = parts.contexts.add(context_role::application, 0);
  ASSERT_NE(w.host, nullptr);
  w.queue = *w.e->queue(*w.host, "q", {});
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(take_in(parts, *w.host, w.queue, kind, test::no_payload(),
                        {.expires = std::chrono::seconds(i)}));
  }
  std::atomic<bool> done{false};
  std::thread drain([&] {
    for (int i = 0; i < 4; ++i) w.e->step_drain(0);
    done = true;
  });
  if (!test::eventually([&] { return done.load(); })) {
    ADD_FAILURE() << "the hook never came back";
    std::abort();  // its thread cannot be stopped
  }
  drain.join();
  EXPECT_TRUE(w.paused);
  EXPECT_EQ(w.seen.completed, 1u);
  EXPECT_EQ(w.seen.expired, 1u);
  EXPECT_TRUE(w.e->stop(std::chrono::seconds(0)));
}

}  // namespace
}  // namespace pawl
