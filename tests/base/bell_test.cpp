// A bell is a descriptor that poll() knows. Method: ring and silence, and ask poll(); then as a sleeper of an
// eventcount, from several threads.
#include "base/bell.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "base/eventcount.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

bool is_ringing(const bell& b, int limit_ms = 0) {
  pollfd p{b.fd(), POLLIN, 0};
  return ::poll(&p, 1, limit_ms) == 1;
}

TEST(bell, rings_until_it_is_silenced_and_two_rings_are_one) {
  bell b;
  ASSERT_TRUE(b.is_ready());
  EXPECT_FALSE(is_ringing(b));
  b.silence();  // of a silent one: nothing
  EXPECT_FALSE(is_ringing(b));
  b.ring();
  b.ring();
  EXPECT_TRUE(is_ringing(b));
  EXPECT_TRUE(is_ringing(b)) << "poll() alone takes nothing";
  b.silence();
  EXPECT_FALSE(is_ringing(b));
}

TEST(bell, a_waker_rings_for_an_announced_sleeper_only) {
  eventcount idle;
  bell b;
  idle.hang(3, b);
  EXPECT_FALSE(idle.wake_one());
  EXPECT_FALSE(is_ringing(b));
  idle.announce(3);
  EXPECT_TRUE(idle.wake_one());
  EXPECT_TRUE(is_ringing(b));
  b.silence();
  idle.announce(3);
  idle.retract(3);
  EXPECT_FALSE(idle.wake_one());
  EXPECT_FALSE(is_ringing(b));
}

TEST(bell, a_sleeper_that_announces_and_looks_again_misses_no_work) {
  // Two makers add to a number, the sleeper takes it down to nothing and sleeps in poll().
  eventcount idle;
  bell b;
  idle.hang(0, b);
  std::atomic<int> work{0};
  const int each = test::scaled(100'000);
  test::on_threads(3, [&](int thread) {
    if (thread < 2) {
      for (int i = 0; i < each; ++i) {
        work.fetch_add(1);
        idle.notify();
      }
      return;
    }
    for (int taken = 0; taken < 2 * each;) {
      idle.retract(0);
      b.silence();
      taken += work.exchange(0);
      idle.announce(0);
      if (work.load() != 0 || taken == 2 * each) continue;
      if (!is_ringing(b, 60'000)) {
        ADD_FAILURE() << "a wake-up was lost after " << taken;
        return;
      }
    }
  });
}

}  // namespace
}  // namespace pawl
