// A drain that was started in place of a stuck one leaves when that is free again, also when it sleeps
// at that moment. Found by the first test of overruns: it slept on until some notify() chose it.
#include <gtest/gtest.h>

#include <mutex>

#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::door;
using test::eventually;
using test::no_payload;
using test::open_or_exit;
using test::queue_or_exit;
using test::small_options;

TEST(replacement, leaves_when_the_handler_it_stood_in_for_has_returned_again_and_again) {
  // Threads of replacements come, leave and come; nothing is used up.
  registry kinds;
  struct world {
    std::mutex mutex;
    door* now = nullptr;
  } w;
  const kind_ref slow = kinds.add("slow",
                                  [](void* user, context&, std::span<const std::byte>) {
                                    world& all = *static_cast<world*>(user);
                                    door* d = nullptr;
                                    {
                                      const std::lock_guard lock(all.mutex);
                                      d = all.now;
                                    }
                                    d->wait();
                                    return outcome::done();
                                  },
                                  &w, {.max_attempts = 1, .run_timeout = 5ms});
  const kind_ref fast = kinds.add(
      "fast", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  options o = small_options();
  o.drains = 1;
  o.grace = 5ms;
  o.replacements_max = 2;
  o.log.write = [](void*, const log_record&) {};
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  for (int round = 0; round < 15; ++round) {
    door stuck;
    {
      const std::lock_guard lock(w.mutex);
      w.now = &stuck;
    }
    const int held = 1 + round % 2;
    for (int i = 0; i < held; ++i) {
      ASSERT_TRUE(s->submit(q, slow, no_payload()));
      ASSERT_TRUE(stuck.wait_for_arrivals(i + 1)) << "round " << round;
    }
    const auto next = s->submit(q, fast, no_payload());
    EXPECT_TRUE(s->wait(next.ticket.id, test::patience)) << "round " << round;
    stuck.open();
    EXPECT_TRUE(eventually([&] {
      const counters c = s->read_counters();
      return c.accepted == c.ended();
    })) << "round "
        << round;
    EXPECT_TRUE(eventually([&] { return s->health().overruns == 0; })) << "round " << round;
    ASSERT_TRUE(eventually([&] { return s->health().replacements == 0; })) << "round " << round;
  }
  EXPECT_EQ(s->read_counters().stale_results, s->read_counters().overrun);
}

}  // namespace
}  // namespace pawl
