// The sleep of the log's thread: it does not sleep while there is something that it should be awake for.
//
// What must hold: at rest nothing that is wanted durable is left; what is not is left only while the thread
// naps, which time ends; and each LSN is below the number of the next cut, unless the thread naps.
// Method: publishers as in log_appender, the thread as in wal. A ring is a count of what is in it. Seeded bugs replace
// one step each.
#include "engine/wal_sleep.hpp"

#include <gtest/gtest.h>

#include "explorer/explorer.hpp"

namespace pawl::model::wal_sleep_model {
namespace {

using count_word = atomic<std::uint32_t>;

struct real_steps {
  static void add(count_word& ring) { ring.fetch_add(1, seq_cst); }  // as log_ring::publish
  static bool look(const count_word& ring, const wal_sleep& sleep, log_sleep how) {
    return sleep.is_wanted() || (how == log_sleep::asleep && ring.load(seq_cst) != 0);
  }
  static constexpr bool wants_first = false;
  static constexpr bool counts_before_sleep = true;
};
// Seeded bug: a publish is a store, which the look at the sleeper may pass.
struct store_then_look : real_steps {
  static void add(count_word& ring) { ring.store(ring.load(relaxed) + 1, release); }
};
// Seeded bug: no second look after announce().
struct sleeps_without_a_look : real_steps {
  static bool look(const count_word&, const wal_sleep&, log_sleep) { return false; }
};
// Seeded bug: wants a sync before it has published.
struct wants_first_steps : real_steps {
  static constexpr bool wants_first = true;
};
// Seeded bug: no cut is begun before a sleep without end.
struct sleeps_uncounted : real_steps {
  static constexpr bool counts_before_sleep = false;
};

// Publisher 0 wants what it publishes durable, publisher 1 does not.
template <unsigned Each, class Steps = real_steps>
class wal_sleep_scenario : public scenario {
 public:
  [[nodiscard]] unsigned thread_count() const override { return 3; }
  [[nodiscard]] bool may_sleep(unsigned thread) const override { return thread == 2; }

  void run(unsigned thread) override {
    if (thread == 2) collect_for_ever();
    for (unsigned i = 0; i < Each; ++i) {
      if (thread == 0 && Steps::wants_first) sleep_.want();
      Steps::add(rings_[thread]);
      lsns_[thread] = cut_.load(seq_cst);
      if (thread == 1) {
        sleep_.published();
      } else if (!Steps::wants_first) {
        sleep_.published_durable();
      }
    }
  }

  void at_rest() override {
    require(rings_[0].load(relaxed) == 0, "what is wanted durable is left");
    require(rings_[1].load(relaxed) == 0 || naps_, "something is left, and it sleeps without end");
    require(lsns_[0] < cut_.load(relaxed), "a cut that is waited for was not begun");
    require(lsns_[1] < cut_.load(relaxed) || naps_,
            "a cut was not begun, and it sleeps without end");
  }

 private:
  // What is not wanted is left until its patience ends, and that never comes.
  void collect_for_ever() {
    for (;;) {
      const bool is_wanted = sleep_.take_wants();
      if (is_wanted) {
        cut();
        continue;
      }
      const bool is_waiting = has_published();
      rest(is_waiting ? log_sleep::napping : log_sleep::asleep);
    }
  }
  void rest(log_sleep how) {
    sleep_.announce(how);
    const bool is_called =
        Steps::look(rings_[0], sleep_, how) || Steps::look(rings_[1], sleep_, how);
    if (is_called) return sleep_.withdraw();
    if (how == log_sleep::asleep && Steps::counts_before_sleep) cut();
    naps_ = how == log_sleep::napping;
    sleep_.sleep(how, 0);
    naps_ = false;
  }
  [[nodiscard]] bool has_published() const {
    return rings_[0].load(seq_cst) != 0 || rings_[1].load(seq_cst) != 0;
  }
  void cut() {
    cut_.fetch_add(1, seq_cst);
    for (count_word& ring : rings_) {
      if (ring.load(seq_cst) != 0) ring.exchange(0, seq_cst);
    }
  }

  count_word rings_[2];
  atomic<std::uint64_t> cut_{1};
  wal_sleep sleep_;
  // Nobody's memory: what happened.
  std::uint64_t lsns_[2] = {};
  bool naps_ = false;
};

TEST(wal_sleep_model, one_publish_each) {
  const report r = explore<wal_sleep_scenario<1>>("wal sleep: two publishers, the log's thread");
  EXPECT_FALSE(r.failed) << r;
}
TEST(wal_sleep_model, two_publishes_each) {
  const report r = explore<wal_sleep_scenario<2>>("wal sleep: two publishers of 2");
  EXPECT_FALSE(r.failed) << r;
}
TEST(wal_sleep_model, survives_wakes_for_no_reason) {
  effort e = default_effort();
  e.spurious_wakes = true;
  const report r = explore<wal_sleep_scenario<1>>("wal sleep: spurious wakes", e);
  EXPECT_FALSE(r.failed) << r;
}
TEST(wal_sleep_model, finds_a_publish_that_is_a_store) {
  const report r = explore<wal_sleep_scenario<1, store_then_look>>(
      "wal sleep, bug: published by a store", enumeration_only());
  EXPECT_NE(r.failure.find("left"), std::string::npos) << r;
}
TEST(wal_sleep_model, finds_a_sleep_without_a_look) {
  const report r = explore<wal_sleep_scenario<1, sleeps_without_a_look>>(
      "wal sleep, bug: no second look", enumeration_only());
  EXPECT_TRUE(r.failed) << r;
}
TEST(wal_sleep_model, finds_a_want_before_its_publish) {
  const report r = explore<wal_sleep_scenario<1, wants_first_steps>>(
      "wal sleep, bug: wanted before it was published", enumeration_only());
  EXPECT_TRUE(r.failed) << r;
}
TEST(wal_sleep_model, finds_an_lsn_that_no_cut_has) {
  const report r = explore<wal_sleep_scenario<1, sleeps_uncounted>>(
      "wal sleep, bug: no cut before a sleep", enumeration_only());
  EXPECT_NE(r.failure.find("was not begun"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::wal_sleep_model
