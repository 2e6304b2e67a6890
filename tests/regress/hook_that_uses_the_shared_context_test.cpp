// Beyond the 64th, threads of the host share a context under a lock, and a hook or a stop callback may
// submit while its thread has it. Found in review: the thread then waited for itself. Method: as many
// threads as get a context of their own have one; the next one cancels a job, and the hook of that end,
// or the callback of that job's stop token, submits.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <stop_token>
#include <thread>
#include <vector>

#include "engine/context_office.hpp"
#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::no_payload;

struct world {
  std::unique_ptr<scheduler> s;
  queue_ref queue;
  kind_ref quick;
  kind_ref cancelled_running;
  std::atomic<int> submitted{0};  // from a hook or a callback
  test::door running;

  void submit_one() {
    if (s->submit(queue, quick, no_payload())) ++submitted;
  }
  static outcome wait_for_cancel(void* self, context& job, std::span<const std::byte>) {
    auto& w = *static_cast<world*>(self);
    const std::stop_token token = job.stop_token();
    std::atomic<bool> called{false};
    const std::stop_callback callback(token, [&] {
      w.submit_one();
      called = true;
    });
    w.running.wait();
    // Not cancel_requested(): that is true before the callbacks are called, and a callback whose
    // handler has returned is not called.
    while (!called) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return outcome::cancelled();
  }
  static void on_end(void* self, const job_change& c) {
    auto& w = *static_cast<world*>(self);
    if (c.state == job_state::cancelled && c.kind == w.quick) w.submit_one();
  }
};

TEST(hook_that_uses_the_shared_context, may_submit) {
  world w;
  registry kinds;
  w.quick =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  w.cancelled_running = kinds.add("c", world::wait_for_cancel, &w);
  options o = test::small_options();
  o.hooks = {.on_end = world::on_end, .user = &w};
  w.s = test::open_or_exit(o, kinds);
  w.queue = test::queue_or_exit(*w.s, "q");

  test::door way_out;
  std::vector<std::thread> others;
  for (unsigned i = 0; i < context_office::application_contexts_max; ++i) {
    others.emplace_back([&] {
      EXPECT_TRUE(w.s->submit(w.queue, w.quick, no_payload()));
      way_out.wait();
    });
  }
  ASSERT_TRUE(
      way_out.wait_for_arrivals(static_cast<int>(context_office::application_contexts_max)));

  std::atomic<bool> done{false};
  std::thread surplus([&] {
    const auto waits =
        w.s->submit(w.queue, w.quick, no_payload(), {.after = std::chrono::hours(1)});
    EXPECT_TRUE(w.s->cancel(waits.ticket.id));
    EXPECT_EQ(w.submitted, 1) << "from the hook";
    const auto runs = w.s->submit(w.queue, w.cancelled_running, no_payload());
    EXPECT_TRUE(w.running.wait_for_arrivals(1));
    w.running.open();
    EXPECT_TRUE(w.s->cancel(runs.ticket.id));
    EXPECT_EQ(w.submitted, 2) << "from the callback";
    done = true;
  });
  if (!test::eventually([&] { return done.load(); })) {
    ADD_FAILURE() << "it waits for itself";
    std::abort();  // the thread cannot be stopped
  }
  surplus.join();
  way_out.open();
  for (std::thread& t : others) t.join();
  EXPECT_TRUE(w.s->stop(test::patience));
}

}  // namespace
}  // namespace pawl
