// The eventcount: nobody sleeps while there is work, and every announcement is answered once.
//
// What must hold: at rest no work is left; each wake_one() that says true ends one sleep or is
// taken by one withdraw(); the sleepers in the idle word are those that sleep.
// Method: workers take from a counter as drains take from the active set (announce, look again,
// then sleep), makers add to it and call wake_one(). Seeded bugs replace one step each.
#include "base/eventcount.hpp"

#include <gtest/gtest.h>

#include <bit>

#include "explorer/explorer.hpp"

namespace pawl::model::eventcount_model {
namespace {

using work_word = atomic<std::uint32_t>;

struct real_steps {
  static void add(work_word& work) { work.fetch_add(1, seq_cst); }
  static bool look(const work_word& work) { return work.load(seq_cst) != 0; }
  static void withdraw(eventcount& idle, unsigned sleeper) { idle.withdraw(sleeper); }
};
// Seeded bug: the change of the work is a store, which the look at the sleepers may pass.
struct store_then_look : real_steps {
  static void add(work_word& work) { work.store(work.load(relaxed) + 1, release); }
};
// Seeded bug: no second look after announce().
struct sleeps_without_a_look : real_steps {
  static bool look(const work_word&) { return false; }
};
// Seeded bug: who withdraws does not take the signal of a waker that was faster.
struct leaves_the_signal : real_steps {
  static void withdraw(eventcount& idle, unsigned sleeper) {
    if ((idle.asleep() & (std::uint64_t{1} << sleeper)) != 0) idle.withdraw(sleeper);
  }
};

template <unsigned Makers, unsigned Each, unsigned Workers, class Steps = real_steps>
class eventcount_scenario : public scenario {
 public:
  [[nodiscard]] unsigned thread_count() const override { return Makers + Workers; }
  [[nodiscard]] bool may_sleep(unsigned thread) const override { return thread >= Makers; }

  void run(unsigned thread) override {
    if (thread >= Makers) work_for_ever(thread - Makers);
    for (unsigned i = 0; i < Each; ++i) {
      Steps::add(work_);
      if (idle_.wake_one()) ++wakes_;
    }
  }

  void at_rest() override {
    require(work_.load(relaxed) == 0, "work is left, and everybody sleeps");
    require(wakes_ == sleeps_ended_ + signals_taken_, "a signal was lost or one too many");
    require(static_cast<unsigned>(std::popcount(idle_.asleep())) == Workers,
            "a sleeper is not in the idle word");
  }

 private:
  void work_for_ever(unsigned worker) {
    for (;;) {
      if (take()) continue;
      idle_.announce(worker);
      if (Steps::look(work_)) {
        // One operation: it cleared its own bit. More: a waker had, and its signal was taken.
        const std::uint64_t before = own_operations();
        Steps::withdraw(idle_, worker);
        if (own_operations() - before > 1) ++signals_taken_;
      } else {
        idle_.sleep(worker);
        ++sleeps_ended_;
      }
    }
  }

  bool take() {
    std::uint32_t n = work_.load(relaxed);
    while (n != 0) {
      if (work_.compare_exchange_weak(n, n - 1, relaxed, relaxed)) return true;
    }
    return false;
  }

  work_word work_{0};
  eventcount idle_;
  // Nobody's memory: what happened, in the order in which it did.
  unsigned wakes_ = 0;
  unsigned sleeps_ended_ = 0;
  unsigned signals_taken_ = 0;
};

TEST(eventcount_model, two_makers_one_worker) {
  const report r = explore<eventcount_scenario<2, 1, 1>>("eventcount: 2 makers, 1 worker");
  EXPECT_FALSE(r.failed) << r;
}
TEST(eventcount_model, one_maker_two_workers) {
  const report r = explore<eventcount_scenario<1, 2, 2>>("eventcount: 1 maker of 2, 2 workers");
  EXPECT_FALSE(r.failed) << r;
}
TEST(eventcount_model, two_makers_two_workers) {
  const report r = explore<eventcount_scenario<2, 1, 2>>("eventcount: 2 makers, 2 workers");
  EXPECT_FALSE(r.failed) << r;
}
TEST(eventcount_model, survives_wakes_for_no_reason) {
  effort e = default_effort();
  e.spurious_wakes = true;
  const report r = explore<eventcount_scenario<1, 2, 1>>("eventcount: spurious wakes", e);
  EXPECT_FALSE(r.failed) << r;
}

TEST(eventcount_model, finds_a_missing_store_load_order) {
  const report r = explore<eventcount_scenario<1, 1, 1, store_then_look>>(
      "eventcount, bug: work changed by a store", enumeration_only());
  EXPECT_NE(r.failure.find("work is left"), std::string::npos) << r;
}
TEST(eventcount_model, finds_a_lost_wake_up) {
  const report r = explore<eventcount_scenario<1, 1, 1, sleeps_without_a_look>>(
      "eventcount, bug: no second look", enumeration_only());
  EXPECT_NE(r.failure.find("work is left"), std::string::npos) << r;
}
TEST(eventcount_model, finds_a_stray_signal) {
  const report r = explore<eventcount_scenario<1, 2, 1, leaves_the_signal>>(
      "eventcount, bug: signal left behind", enumeration_only());
  EXPECT_NE(r.failure.find("a signal was lost or one too many"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::eventcount_model
