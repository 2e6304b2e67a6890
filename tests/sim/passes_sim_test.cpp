// Jobs that pass the gates by the batch (ready/start_pass.hpp). Method: the engine on one thread under a
// virtual clock; a handler in the middle of a batch changes what the rest of the batch has to heed.
#include <gtest/gtest.h>

#include "sim/stepped_world.hpp"

namespace pawl {
namespace {

constexpr duration second = std::chrono::seconds(1);

enum class change : std::uint8_t { pause, hold, slow_rate };

TEST(passes_sim, what_changes_in_the_middle_of_a_batch_counts_for_the_rest_of_it) {
  test::stepped_world w;
  w.check_counts = false;
  const kind_ref kind = w.kind("k");
  w.open();
  const queue_ref queue = w.queue("q");
  thread_context& host = w.context_of_host();
  const tenant_ref tenant = *w.e->tenant(host, "t", {});
  const limits far{.concurrency = 64, .rate = {1'000'000'000, second, 1'000'000}};
  const limits far_rate{.rate = far.rate};
  const limits slow{.rate = {1, std::chrono::hours(20), 1}};
  for (const scope s : {scope(queue), scope(kind), scope(tenant), scope::all()}) {
    const bool is_all = s.of() == scope::part::scheduler;
    for (const change c : {change::pause, change::hold, change::slow_rate}) {
      ASSERT_TRUE(w.e->set_limits(host, s, is_all ? far_rate : far));
      w.advance(second);
      unsigned ran = 0;
      const auto make_change = [&] {
        if (c == change::pause) return w.e->pause(host, s, {});
        if (c == change::hold) return w.e->hold(host, s, second);
        return w.e->set_limits(host, s, slow);
      };
      w.act = [&](context&) {
        if (++ran == 7) {
          EXPECT_TRUE(make_change());
        }
        return outcome::done();
      };
      for (int i = 0; i < 20; ++i) w.submit(queue, kind, {.tenant = tenant});
      w.settle();
      // The new rate may let one start at once.
      EXPECT_GE(ran, 7u);
      EXPECT_LE(ran, c == change::slow_rate ? 8u : 7u)
          << "part " << static_cast<int>(s.of()) << ", change " << static_cast<int>(c);
      ASSERT_TRUE(w.e->resume(host, s));
      ASSERT_TRUE(w.e->set_limits(host, s, {}));
      w.advance(2 * second);
      EXPECT_EQ(ran, 20u);
    }
  }
}

}  // namespace
}  // namespace pawl
