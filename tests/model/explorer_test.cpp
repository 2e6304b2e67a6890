// The explorer itself: it finds what it must find, finds nothing where nothing is, and ends.
// Method: litmus tests with known outcomes. Each reports an outcome as a failure, so "found" is
// failed and "never" is a complete enumeration without a failure.
#include "explorer/explorer.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/atomic.hpp"
#include "base/futex.hpp"
#include "base/membarrier.hpp"

namespace pawl::model {
namespace {

template <class Scenario>
report enumerate(const char* name, unsigned preemptions = 4) {
  return explore<Scenario>(name, enumeration_only(preemptions));
}

bool found(const report& r, const char* what) {
  return r.failed && r.failure.find(what) != std::string::npos;
}
bool never(const report& r) {
  return !r.failed && r.complete;
}

struct two_threads : scenario {
  [[nodiscard]] unsigned thread_count() const override { return 2; }
  atomic<std::uint32_t> x{0}, y{0};
  std::uint32_t seen[2] = {9, 9};
};

// Store buffering: each thread stores to one cell and loads the other.
template <std::memory_order Order>
struct store_then_load : two_threads {
  void run(unsigned thread) override {
    atomic<std::uint32_t>& mine = thread == 0 ? x : y;
    atomic<std::uint32_t>& other = thread == 0 ? y : x;
    mine.store(1, Order);
    seen[thread] = other.load(Order == seq_cst ? seq_cst : relaxed);
  }
  void at_rest() override { require(seen[0] + seen[1] != 0, "both saw zero"); }
};

struct exchange_then_load : two_threads {
  void run(unsigned thread) override {
    (thread == 0 ? x : y).exchange(1, seq_cst);
    seen[thread] = (thread == 0 ? y : x).load(seq_cst);
  }
  void at_rest() override { require(seen[0] + seen[1] != 0, "both saw zero"); }
};

TEST(explorer, finds_a_store_that_passes_a_later_load) {
  EXPECT_TRUE(found(enumerate<store_then_load<relaxed>>("SB relaxed"), "both saw zero"));
  EXPECT_TRUE(found(enumerate<store_then_load<release>>("SB release"), "both saw zero"));
}

TEST(explorer, keeps_seq_cst_stores_and_swaps_before_later_loads) {
  EXPECT_TRUE(never(enumerate<store_then_load<seq_cst>>("SB seq_cst")));
  EXPECT_TRUE(never(enumerate<exchange_then_load>("SB exchange")));
}

// One side stores and loads, the other makes everybody's barrier in between.
template <bool Barrier>
struct barrier_by_the_other : two_threads {
  void run(unsigned thread) override {
    if (thread == 0) {
      x.store(1, relaxed);
      seen[0] = y.load(relaxed);
    } else {
      y.store(1, relaxed);
      if (Barrier) membarrier_all_threads();
      seen[1] = x.load(relaxed);
    }
  }
  void at_rest() override { require(seen[0] + seen[1] != 0, "both saw zero"); }
};

TEST(explorer, membarrier_orders_the_stores_of_the_others) {
  EXPECT_TRUE(found(enumerate<barrier_by_the_other<false>>("SB, no barrier"), "both saw zero"));
  EXPECT_TRUE(never(enumerate<barrier_by_the_other<true>>("SB, membarrier")));
}

// Message passing: plain data, then a flag.
template <std::memory_order Store, std::memory_order Load>
struct message : two_threads {
  void run(unsigned thread) override {
    if (thread == 0) {
      data = 7;
      x.store(1, Store);
    } else if (x.load(Load) == 1) {
      require(data == 7, "old data");
    }
  }
  plain<std::uint32_t> data{0};
};

TEST(explorer, takes_a_relaxed_flag_for_a_data_race) {
  EXPECT_TRUE(never(enumerate<message<release, acquire>>("MP release acquire")));
  EXPECT_TRUE(found(enumerate<message<relaxed, acquire>>("MP relaxed store"), "data race"));
  EXPECT_TRUE(found(enumerate<message<release, relaxed>>("MP relaxed load"), "data race"));
}

// The same with relaxed data instead of plain: then the value itself is old.
template <std::memory_order Store>
struct relaxed_message : two_threads {
  void run(unsigned thread) override {
    if (thread == 0) {
      y.store(7, relaxed);
      x.store(1, Store);
    } else if (x.load(acquire) == 1) {
      require(y.load(relaxed) == 7, "old data");
    }
  }
};

TEST(explorer, shows_old_data_behind_a_relaxed_flag) {
  EXPECT_TRUE(never(enumerate<relaxed_message<release>>("MP of atomics, release")));
  EXPECT_TRUE(found(enumerate<relaxed_message<relaxed>>("MP of atomics, relaxed"), "old data"));
}

// A read-modify-write hands on what a release left; a relaxed store cuts it off.
template <bool Swap>
struct release_sequence : scenario {
  [[nodiscard]] unsigned thread_count() const override { return 3; }
  void run(unsigned thread) override {
    if (thread == 0) {
      data = 7;
      x.store(1, release);
    } else if (thread == 1) {
      if (x.load(relaxed) != 1) return;
      if (Swap) {
        x.fetch_add(1, relaxed);
      } else {
        x.store(2, relaxed);
      }
    } else if (x.load(acquire) == 2) {
      require(data == 7, "old data");
    }
  }
  atomic<std::uint32_t> x{0};
  plain<std::uint32_t> data{0};
};

TEST(explorer, follows_release_sequences) {
  EXPECT_TRUE(never(enumerate<release_sequence<true>>("release sequence by fetch_add")));
  EXPECT_TRUE(found(enumerate<release_sequence<false>>("cut by a store"), "data race"));
}

// 2+2W: two threads store to two cells in opposite order; both first stores win.
template <std::memory_order Order>
struct two_plus_two_writes : two_threads {
  void run(unsigned thread) override {
    (thread == 0 ? x : y).store(1, Order);
    (thread == 0 ? y : x).store(2, Order);
  }
  void at_rest() override {
    require(x.load(relaxed) != 1 || y.load(relaxed) != 1, "both first stores came last");
  }
};

// Relaxed stores may pass each other here; release stores keep their order, as on x86.
TEST(explorer, lets_relaxed_stores_pass_each_other) {
  EXPECT_TRUE(found(enumerate<two_plus_two_writes<relaxed>>("2+2W relaxed"), "both first"));
  EXPECT_TRUE(never(enumerate<two_plus_two_writes<release>>("2+2W release")));
}

// IRIW: two readers must not see two independent stores in opposite order: stores reach all others
// at once in this model, as on x86.
struct independent_reads : scenario {
  [[nodiscard]] unsigned thread_count() const override { return 4; }
  void run(unsigned thread) override {
    if (thread == 0) x.store(1, release);
    if (thread == 1) y.store(1, release);
    if (thread == 2) first[0] = x.load(acquire), second[0] = y.load(acquire);
    if (thread == 3) first[1] = y.load(acquire), second[1] = x.load(acquire);
  }
  void at_rest() override {
    require(!(first[0] == 1 && second[0] == 0 && first[1] == 1 && second[1] == 0),
            "readers disagree");
  }
  atomic<std::uint32_t> x{0}, y{0};
  std::uint32_t first[2] = {}, second[2] = {};
};

TEST(explorer, shows_a_store_to_all_others_at_once) {
  EXPECT_TRUE(never(enumerate<independent_reads>("IRIW")));
}

// A thread never sees its own stores backwards, and never its older store after a foreign newer
// one.
struct coherence : two_threads {
  void run(unsigned thread) override {
    if (thread == 0) {
      x.store(1, relaxed);
      x.store(2, relaxed);
      require(x.load(relaxed) != 1, "saw its older store");
    } else {
      const std::uint32_t a = x.load(relaxed);
      const std::uint32_t b = x.load(relaxed);
      require(b >= a, "went back");
    }
  }
  void at_rest() override { require(x.load(relaxed) == 2, "the older store came last"); }
};

// Two stores to one cell by two threads: both outcomes exist, and who overwrote the other sees it.
template <std::uint32_t Last>
struct last_store : two_threads {
  void run(unsigned thread) override {
    x.store(thread + 1, relaxed);
    seen[thread] = x.load(relaxed);
  }
  void at_rest() override {
    require(x.load(relaxed) != Last || seen[Last - 1] != Last || seen[2 - Last] != Last,
            "this one came last, and the other saw it");
  }
};

TEST(explorer, orders_the_stores_to_one_cell) {
  EXPECT_TRUE(never(enumerate<coherence>("coherence")));
  EXPECT_TRUE(found(enumerate<last_store<1>>("last store, 1"), "came last"));
  EXPECT_TRUE(found(enumerate<last_store<2>>("last store, 2"), "came last"));
}

// Sleeping: the flag changes, then the sleeper is woken. Without the kernel's compare (here: the
// sleeper waits for a value that it does not know any more) the wake comes too early.
template <bool Look>
struct sleeper : two_threads {
  void run(unsigned thread) override {
    if (thread == 0) {
      while (x.load(acquire) == 0) futex_wait(Look ? x : y, 0);
    } else {
      x.store(1, release);
      futex_wake_one(Look ? x : y);
    }
  }
};

TEST(explorer, finds_a_lost_wake_up) {
  EXPECT_TRUE(never(enumerate<sleeper<true>>("futex")));
  EXPECT_TRUE(found(enumerate<sleeper<false>>("futex on a word that does not change"), "deadlock"));
}

// A futex sleeper that takes one return for the event, and one that looks again.
template <bool Loop>
struct believer : sleeper<true> {
  void run(unsigned thread) override {
    if (thread == 1) return sleeper<true>::run(thread);
    if (Loop) return sleeper<true>::run(thread);
    if (x.load(acquire) == 0) futex_wait(x, 0);
    require(x.load(acquire) == 1, "woken for no reason");
  }
};

TEST(explorer, wakes_for_no_reason) {
  effort e = enumeration_only(4);
  e.spurious_wakes = true;
  EXPECT_TRUE(never(explore<believer<true>>("spurious wake, looks again", e)));
  EXPECT_TRUE(found(explore<believer<false>>("spurious wake, believed", e), "no reason"));
}

// Two test-and-set locks taken in opposite order.
template <bool SameOrder>
struct two_locks : two_threads {
  static void lock(atomic<std::uint32_t>& l) {
    while (l.exchange(1, acquire) != 0) cpu_pause();
  }
  void run(unsigned thread) override {
    atomic<std::uint32_t>& first = SameOrder || thread == 0 ? x : y;
    atomic<std::uint32_t>& second = SameOrder || thread == 0 ? y : x;
    lock(first);
    lock(second);
    data = data + 1;
    second.store(0, release);
    first.store(0, release);
  }
  void at_rest() override { require(data == 2, "an increment was lost"); }
  plain<std::uint32_t> data{0};
};

TEST(explorer, finds_a_deadlock_of_spinners_and_ends) {
  EXPECT_TRUE(never(enumerate<two_locks<true>>("two locks, one order")));
  EXPECT_TRUE(found(enumerate<two_locks<false>>("two locks, both orders"), "deadlock"));
}

// Spin loops end: the flag may be in the other's buffer, or change just before the pause.
struct spinner : two_threads {
  void run(unsigned thread) override {
    if (thread == 0) {
      while (x.load(acquire) == 0) cpu_pause();
      require(data == 7, "old data");
    } else {
      data = 7;
      x.store(1, release);
    }
  }
  plain<std::uint32_t> data{0};
};

// A nap: others may go first, without a preemption, or may not; alone it ends too.
template <std::uint32_t Unwanted>
struct nap_beside_a_store : two_threads {
  void run(unsigned thread) override {
    if (thread == 1) {
      x.store(1, seq_cst);
      return;
    }
    nap();
    require(x.load(seq_cst) != Unwanted, "the nap ended then");
    nap();
  }
};

TEST(explorer, a_nap_ends_at_any_time) {
  EXPECT_TRUE(found(enumerate<nap_beside_a_store<0>>("nap", 0), "ended then"));
  EXPECT_TRUE(found(enumerate<nap_beside_a_store<1>>("nap", 0), "ended then"));
  EXPECT_TRUE(never(enumerate<nap_beside_a_store<2>>("nap", 0)));
}

// A loop that neither pauses nor ends is an error of its own.
struct runaway : two_threads {
  void run(unsigned thread) override {
    if (thread == 0) {
      while (x.load(acquire) == 0) {
      }
    }
  }
};

TEST(explorer, ends_where_threads_spin) {
  EXPECT_TRUE(never(enumerate<spinner>("spinner")));
  EXPECT_TRUE(found(enumerate<runaway>("runaway"), "step limit"));
}

// The lost update: a load and a store where one fetch_add belongs.
template <bool Atomic>
struct counter : scenario {
  [[nodiscard]] unsigned thread_count() const override { return 3; }
  void run(unsigned) override {
    if (Atomic) {
      x.fetch_add(1, relaxed);
    } else {
      x.store(x.load(relaxed) + 1, relaxed);
    }
  }
  void at_rest() override { require(x.load(relaxed) == 3, "an increment was lost"); }
  atomic<std::uint32_t> x{0};
};

TEST(explorer, finds_a_lost_update) {
  EXPECT_TRUE(never(enumerate<counter<true>>("fetch_add")));
  EXPECT_TRUE(found(enumerate<counter<false>>("load and store"), "lost"));
}

// One thread takes k steps, one takes l: the number of interleavings is known.
struct steps : two_threads {
  void run(unsigned thread) override {
    for (unsigned i = 0; i < 3; ++i) (thread == 0 ? x : y).fetch_add(1, relaxed);
  }
};

TEST(explorer, counts_the_interleavings_that_there_are) {
  const report r =
      explore<steps>("three steps each", {.preemptions = 0, .runs_max = 100, .random_runs = 0});
  EXPECT_EQ(r.depth_first, 2u);  // one after the other, in either order
}

// The same seed draws the same interleavings.
TEST(explorer, repeats_a_failure_from_its_text) {
  const report a = enumerate<two_locks<false>>("two locks");
  const report b = enumerate<two_locks<false>>("two locks again");
  EXPECT_EQ(a.text, b.text);
  EXPECT_NE(a.text.find("t1"), std::string::npos);
}

}  // namespace
}  // namespace pawl::model
