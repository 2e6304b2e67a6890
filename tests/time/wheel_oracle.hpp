// time/wheel_oracle.hpp -- a wheel beside the plainest thing that could do its work, a multimap.
//
// Every call goes to both. What the wheel fires must be due, in order and not fired before; what the
// multimap holds as due must have fired when the wheel says that nothing more is. Cancelling is lazy,
// as the engine does it: slot and version say whether an entry is stale.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "support/seed.hpp"
#include "time/wheel.hpp"

namespace pawl::test {

class wheel_oracle {
 public:
  wheel_oracle(std::uint64_t now_ns, std::size_t entries_max)
      : wheel_(now_ns, entries_max), now_ns_(now_ns) {}

  [[nodiscard]] wheel& tested() { return wheel_; }
  [[nodiscard]] std::uint64_t now_ns() const { return now_ns_; }
  [[nodiscard]] std::size_t live() const { return live_.size(); }
  [[nodiscard]] std::size_t stale() const { return wheel_.entries() - live_.size(); }
  [[nodiscard]] std::uint64_t operations() const { return operations_; }

  void insert(std::uint64_t due_ns) {
    ++operations_;
    const std::uint32_t slot = take_slot();
    record& one = records_[slot];
    ASSERT_TRUE(wheel_.insert({due_ns, slot, one.version}));
    one.is_late = due_ns <= now_ns_;
    one.place = live_.size();
    live_.push_back(slot);
    one.position = due_.emplace(due_ns, slot);
  }

  void cancel_one(random_source& random) {
    if (live_.empty()) return;
    ++operations_;
    end(live_[below(random, live_.size())]);
  }

  // The clock goes on to `now_ns`; one step. The wheel's answer.
  bool step(std::uint64_t now_ns, std::size_t fires_max) {
    now_ns_ = std::max(now_ns_, now_ns);
    std::size_t fired = 0;
    std::uint64_t tick_before = 0;
    const bool more = wheel_.step(now_ns, fires_max, [&](std::span<const timer_entry> due) {
      EXPECT_FALSE(due.empty());
      fired += due.size();
      for (const timer_entry& entry : due) take(entry, now_ns, tick_before);
    });
    operations_ += fired + 1;
    EXPECT_LE(fired, fires_max);
    EXPECT_EQ(more, wheel_.entries() > 0 && wheel_.next_expiry_ns() <= now_ns);
    expect_next_expiry_is_early_enough();
    return more;
  }

  // Steps until nothing more is due; there must not be too many of them.
  void leap(std::uint64_t now_ns, std::size_t fires_max) {
    const std::size_t entries = wheel_.entries();
    const std::size_t steps_max =
        entries / fires_max + 8 * entries / (wheel::moved_max - timer_chunk::capacity) + 10;
    std::size_t steps = 1;
    while (step(now_ns, fires_max)) ASSERT_LE(++steps, steps_max);
    if (!due_.empty()) {
      ASSERT_GT(tick_of_due(due_.begin()->first), tick_of_now(now_ns)) << "an entry is lost";
    }
  }

  // One call of compact(); true: the turn goes on.
  bool compact(std::size_t entries_max) {
    ++operations_;
    return wheel_.compact(entries_max, [this](std::span<timer_entry> entries) {
      const auto gone = std::remove_if(entries.begin(), entries.end(),
                                       [this](const timer_entry& one) { return is_stale(one); });
      return static_cast<std::size_t>(gone - entries.begin());
    });
  }

  void expect_next_expiry_is_early_enough() const {
    if (due_.empty()) return;
    const std::uint64_t tick = tick_of_due(due_.begin()->first);
    // What was late when it came is due where the hand is.
    EXPECT_LE(wheel_.next_expiry_ns(), ns_of_tick(std::max(tick, tick_of_now(now_ns_))));
  }

 private:
  struct record {
    std::uint32_t version = 0;
    bool is_late = false;  // it was due when it came: the order says nothing of it
    std::size_t place = 0;
    std::multimap<std::uint64_t, std::uint32_t>::iterator position;
  };

  [[nodiscard]] bool is_stale(const timer_entry& entry) const {
    return records_[entry.slot].version != entry.version;
  }

  std::uint32_t take_slot() {
    if (free_.empty()) {
      records_.emplace_back();
      return static_cast<std::uint32_t>(records_.size() - 1);
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }

  void end(std::uint32_t slot) {
    record& one = records_[slot];
    due_.erase(one.position);
    live_[one.place] = live_.back();
    records_[live_.back()].place = one.place;
    live_.pop_back();
    ++one.version;
    free_.push_back(slot);
  }

  void take(const timer_entry& entry, std::uint64_t now_ns, std::uint64_t& tick_before) {
    EXPECT_LE(entry.due_ns, now_ns) << "early";
    if (is_stale(entry)) return;
    const record& one = records_[entry.slot];
    EXPECT_EQ(one.position->first, entry.due_ns);
    if (!one.is_late) {
      EXPECT_GE(tick_of_due(entry.due_ns), tick_before) << "out of order";
      tick_before = tick_of_due(entry.due_ns);
    }
    end(entry.slot);  // its version goes on: a second time it would be stale, and missed elsewhere
  }

  wheel wheel_;
  std::uint64_t now_ns_;
  std::multimap<std::uint64_t, std::uint32_t> due_;
  std::vector<record> records_;
  std::vector<std::uint32_t> live_;
  std::vector<std::uint32_t> free_;
  std::uint64_t operations_ = 0;
};

// From 0 to centuries, every order of magnitude equally often, borders of levels more often.
inline std::uint64_t random_delay_ns(random_source& random) {
  if (one_in(random, 8)) {
    const std::uint64_t border = std::uint64_t{1} << (tick_shift + 6 * below(random, 9));
    return border * (1 + below(random, 3)) + below(random, 2'049) - 1'024;
  }
  return random() >> below(random, 64);
}

inline std::uint64_t later(std::uint64_t now_ns, std::uint64_t delay_ns) {
  return delay_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + delay_ns;
}

// What a run looks like; drawn from the seed.
struct wheel_run {
  std::uint64_t start_ns;
  std::size_t live_wanted;
  unsigned delay_shift;  // so that there are runs in which everything is near
  bool checks_invariants;
};

inline wheel_run draw_run(random_source& random, std::size_t live_max) {
  const auto live = std::max<std::size_t>(1, live_max >> below(random, 12));
  return {random() >> (4 + below(random, 60)), live, below<unsigned>(random, 50), live <= 32};
}

// Random calls until `operations` have been done.
inline void random_run(random_source& random, const wheel_run& run, std::uint64_t operations) {
  wheel_oracle both(run.start_ns, 4 * run.live_wanted + 1'000);
  ASSERT_TRUE(both.tested().is_ready());
  const auto draw_delay = [&] { return random_delay_ns(random) >> run.delay_shift; };
  while (both.operations() < operations && !::testing::Test::HasFailure()) {
    const std::uint64_t choice = below(random, 100);
    if (choice < 55 && both.tested().entries() < 4 * run.live_wanted) {
      // Sometimes many at a time, sometimes all due in the same place, sometimes due long ago.
      const std::uint64_t count = one_in(random, 20) ? below(random, run.live_wanted) + 1 : 1;
      const std::uint64_t delay = draw_delay();
      const bool same = one_in(random, 3);
      for (std::uint64_t i = 0; i < count && both.live() < run.live_wanted; ++i) {
        const std::uint64_t due = later(both.now_ns(), same ? delay : draw_delay());
        both.insert(one_in(random, 30) ? below(random, both.now_ns() + 1) : due);
      }
    } else if (choice < 65) {
      both.cancel_one(random);
    } else if (choice < 95) {
      // At a wheel's own time, or at any.
      const std::uint64_t next = both.tested().next_expiry_ns();
      const std::uint64_t now = one_in(random, 2) && next != UINT64_MAX
                                    ? std::max(next, both.now_ns())
                                    : later(both.now_ns(), draw_delay() / 4);
      // The last years are left to a test of their own, and no run shall arrive there.
      const std::uint64_t bounded = std::min(now, std::max(both.now_ns(), UINT64_MAX / 2));
      const std::size_t fires_max = 1 + below(random, one_in(random, 2) ? 3 : 2'000);
      if (one_in(random, 3)) {
        both.step(bounded, fires_max);
      } else {
        both.leap(bounded, fires_max);
      }
    } else {
      both.compact(1 + below(random, 300));
    }
    if (run.checks_invariants) both.tested().check_invariants();
    if (both.stale() > both.live() + 500) {
      while (both.compact(1'000)) {
      }
    }
  }
  both.tested().check_invariants();
  // What is left comes out at the end of time, but what lies in the last two ticks.
  both.leap(UINT64_MAX, 1'000);
  EXPECT_EQ(both.tested().entries(), 0u);
  EXPECT_EQ(both.live(), 0u);
  both.tested().check_invariants();
}

}  // namespace pawl::test
