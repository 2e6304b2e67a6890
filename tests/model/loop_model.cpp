// A loop of the host: it never waits for its descriptor while there is work that nobody else was told of.
//
// What must hold: at rest no work is left, every loop is announced, and no bell rings.
// Method: loops visit as drain::run_within() does, with leave to run one job in a visit: come, look, take
// one, then rest, or pass on and come again; between visits they poll. Makers change the work and call
// wake_one(), as pushers do. Seeded bugs replace one step each.
#include <gtest/gtest.h>

#include <array>
#include <bit>

#include "engine/loop_sleep.hpp"
#include "explorer/explorer.hpp"

namespace pawl::model::loop_model {
namespace {

using work_word = atomic<std::uint32_t>;

struct real_steps {
  static bool try_rest(eventcount&, unsigned, loop_sleep& rest, const work_word& work) {
    return rest.try_rest([&work] { return work.load(seq_cst) != 0; });
  }
  static void come_again(loop_sleep& rest) { rest.come_again(); }
  static void after(bell&) {}
};
// Seeded bug: looks, then announces.
struct looks_then_announces : real_steps {
  static bool try_rest(eventcount& idle, unsigned self, loop_sleep&, const work_word& work) {
    if (work.load(seq_cst) != 0) return false;
    idle.announce(self);
    return true;
  }
};
// Seeded bug: leaves with work left and does not ring for itself.
struct leaves_in_silence : real_steps {
  static void come_again(loop_sleep&) {}
};
// Seeded bug: silences the bell on the way out, when the look is past.
struct silences_late : real_steps {
  static void after(bell& b) { b.silence(); }
};

template <unsigned Makers, unsigned Each, unsigned Loops, class Steps = real_steps>
class loop_scenario : public scenario {
 public:
  loop_scenario() {
    for (unsigned i = 0; i < Loops; ++i) idle_.hang(i, bells_[i]);
  }
  [[nodiscard]] unsigned thread_count() const override { return Makers + Loops; }
  [[nodiscard]] bool may_sleep(unsigned thread) const override { return thread >= Makers; }

  void run(unsigned thread) override {
    if (thread >= Makers) serve_for_ever(thread - Makers);
    for (unsigned i = 0; i < Each; ++i) {
      work_.fetch_add(1, seq_cst);
      idle_.wake_one();
    }
  }

  void at_rest() override {
    require(work_.load(relaxed) == 0, "work is left, and every loop waits");
    require(static_cast<unsigned>(std::popcount(idle_.asleep())) == Loops,
            "a loop waits that is not announced");
    for (const bell& b : bells_) require(!b.is_ringing(), "a loop waits while its bell rings");
  }

 private:
  void serve_for_ever(unsigned self) {
    loop_sleep rest(idle_, self, bells_[self]);
    for (;;) {
      rest.wake();
      take();
      if (!Steps::try_rest(idle_, self, rest, work_)) {
        if (idle_.asleep() != 0 && work_.load(seq_cst) != 0) idle_.wake_one();
        Steps::come_again(rest);
      }
      Steps::after(bells_[self]);
      bells_[self].poll();
    }
  }

  void take() {
    std::uint32_t n = work_.load(relaxed);
    while (n != 0) {
      if (work_.compare_exchange_weak(n, n - 1, relaxed, relaxed)) return;
    }
  }

  work_word work_{0};
  eventcount idle_;
  std::array<bell, Loops> bells_;
};

TEST(loop_model, two_makers_one_loop) {
  const report r = explore<loop_scenario<2, 1, 1>>("loop: 2 makers, 1 loop");
  EXPECT_FALSE(r.failed) << r;
}
TEST(loop_model, one_maker_of_two_jobs_one_loop) {
  const report r = explore<loop_scenario<1, 2, 1>>("loop: 1 maker of 2, 1 loop");
  EXPECT_FALSE(r.failed) << r;
}
TEST(loop_model, one_maker_two_loops) {
  const report r = explore<loop_scenario<1, 2, 2>>("loop: 1 maker of 2, 2 loops");
  EXPECT_FALSE(r.failed) << r;
}

TEST(loop_model, finds_a_look_before_the_announcement) {
  const report r = explore<loop_scenario<1, 1, 1, looks_then_announces>>(
      "loop, bug: looks, then announces", enumeration_only());
  EXPECT_NE(r.failure.find("work is left"), std::string::npos) << r;
}
TEST(loop_model, finds_a_loop_that_leaves_in_silence) {
  const report r = explore<loop_scenario<1, 2, 1, leaves_in_silence>>(
      "loop, bug: does not ring for itself", enumeration_only());
  EXPECT_NE(r.failure.find("work is left"), std::string::npos) << r;
}
TEST(loop_model, finds_a_bell_that_is_silenced_late) {
  const report r = explore<loop_scenario<1, 1, 1, silences_late>>(
      "loop, bug: silences on the way out", enumeration_only());
  EXPECT_NE(r.failure.find("work is left"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::loop_model
