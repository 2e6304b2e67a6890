// Searching, stealing and sleeping drains: whoever brings a job may leave it to a searcher.
//
// What must hold: at rest nothing is left while a drain sleeps, even if a job never returns.
// Method: drains that do what drain.cpp does in the same order (serve or steal, search, announce,
// look, sleep; lingering at an empty queue; passing the word on; a nap after any step), submitters
// that announce and notify, and one that resumes a queue. A search looks once: more looks only find
// more. A nap may last as long as others have something to do. Seeded bugs replace one step each.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "base/eventcount.hpp"
#include "base/futex.hpp"
#include "explorer/explorer.hpp"
#include "ready/active_set.hpp"
#include "ready/batch_ring.hpp"
#include "ready/front_list.hpp"
#include "ready/queue_gate.hpp"
#include "toy_band.hpp"

namespace pawl::model::search_model {
namespace {

inline constexpr unsigned band = 0;

// Who searches, as eventcount counts them.
struct real_search {
  static bool begin(eventcount& idle, unsigned max) { return idle.begin_search(max); }
  static void end(eventcount& idle) { idle.end_search(); }
  static void notify(eventcount& idle) { idle.notify(); }
};
// Seeded bug: a search ends by a store, which the look at the work may pass. For one searcher.
struct stored_search {
  bool begin(eventcount&, unsigned) {
    std::uint32_t none = 0;
    return searching_.compare_exchange_strong(none, 1, seq_cst, seq_cst);
  }
  void end(eventcount&) { searching_.store(0, relaxed); }
  void notify(eventcount& idle) {
    if (searching_.load(seq_cst) == 0) idle.wake_one();
  }
  atomic<std::uint32_t> searching_{0};
};

struct real_steps {
  using search = real_search;
  static constexpr bool ends_search_late = false;
  static constexpr bool announces_naps = false;
  static bool begin_nap(eventcount& idle, unsigned threads) { return idle.begin_nap(threads); }
  // For a taker of `count` places of `wanted`: is there more than it runs next? That a pop got less
  // than was wanted does not say that nothing is left.
  template <class Look, class Alone>
  static bool is_more(std::size_t count, std::size_t, Look band_has_jobs, Alone is_alone) {
    return count > 1 || band_has_jobs() || !is_alone();
  }
};
// Seeded bug: the last look comes before the end of the search.
struct looks_before_the_end : real_steps {
  static constexpr bool ends_search_late = true;
};
// Seeded bug: a drain that naps is announced, so that a waker may choose it and wake nobody else.
struct naps_announced : real_steps {
  static constexpr bool announces_naps = true;
};
// Seeded bug: a drain naps whoever is awake.
struct naps_at_will : real_steps {
  static bool begin_nap(eventcount& idle, unsigned) { return idle.begin_nap(~0u); }
};
// Seeded bug: who takes a job says nothing of the others.
struct taker_is_silent : real_steps {
  template <class Look, class Alone>
  static bool is_more(std::size_t, std::size_t, Look, Alone) {
    return false;
  }
};
// Seeded bug: a taker that got less than it wanted takes that for the end of the queue.
struct taker_trusts_the_pop : real_steps {
  template <class Look, class Alone>
  static bool is_more(std::size_t count, std::size_t wanted, Look, Alone is_alone) {
    return count > 1 || count == wanted || !is_alone();
  }
};
// Both together: alone, the store is out before the taker's look, by the exchange in publish().
struct stored_end : taker_trusts_the_pop {
  using search = stored_search;
};

struct shape {
  unsigned queues = 1;  // submitter s submits to queue s % queues
  unsigned submitters = 2;
  unsigned jobs_each = 1;
  unsigned drains = 2;
  unsigned long_jobs = 0;  // the first ones never return
  unsigned front_jobs =
      0;  // queue 0 is paused with so many put back, and one more thread resumes it
  bool lingers = true;
  unsigned wanted = 2;
  unsigned naps = 0;  // of a drain, at most
};

template <shape Shape, class Steps = real_steps>
class search_scenario : public scenario {
 public:
  search_scenario() {
    if constexpr (Shape.front_jobs == 0) return;
    gates_[0].close(gate_reason::paused);
    for (std::uint64_t job = jobs - Shape.front_jobs; job < jobs; ++job) {
      fronts_[0].append({&job, 1});
    }
    gates_[0].announce(band, active_);
  }
  [[nodiscard]] unsigned thread_count() const override { return bringers + Shape.drains; }
  [[nodiscard]] bool may_sleep(unsigned thread) const override { return thread >= bringers; }

  void run(unsigned thread) override {
    if (thread < Shape.submitters) {
      for (unsigned i = 0; i < Shape.jobs_each; ++i) submit(thread, thread * Shape.jobs_each + i);
    } else if (thread < bringers) {
      if (gates_[0].open(gate_reason::paused, active_)) search_.notify(idle_);
    } else {
      drain_for_ever(thread - bringers);
    }
  }

  void at_rest() override {
    if (inside_long_ == Shape.drains) return;
    for (const bool started : started_) require(started, "a job is left, and a drain sleeps");
    // A drain inside a long job has not come round to clear its bit.
    require(inside_long_ != 0 || !active_.has(band),
            "the active set names a queue, and a drain sleeps");
  }

 private:
  static constexpr unsigned bringers = Shape.submitters + (Shape.front_jobs != 0 ? 1 : 0);
  static constexpr unsigned jobs = Shape.submitters * Shape.jobs_each + Shape.front_jobs;
  static constexpr unsigned searchers_max = Shape.drains > 3 ? Shape.drains / 2 : 1;
  static constexpr unsigned lanes = (Shape.submitters + Shape.queues - 1) / Shape.queues;

  // band_has_jobs() of a queue.
  struct look {
    const front_list& front;
    const toy_band<lanes>& fifo;
    bool operator()() const { return !front.looks_empty() || fifo.has_some(); }
  };
  [[nodiscard]] look look_at(unsigned queue) const { return {fronts_[queue], bands_[queue]}; }

  void submit(unsigned submitter, unsigned job) {
    const unsigned queue = submitter % Shape.queues;
    bands_[queue].push(submitter / Shape.queues, job);
    if (gates_[queue].announce(band, active_)) search_.notify(idle_);
  }

  // Where the drain would go round again at once it pauses, so that the explorer takes that for the
  // spinning that it is.
  void drain_for_ever(unsigned self) {
    bool found_before = false;
    for (;;) {
      const bool worked = step(self);
      if (naps_[self] < Shape.naps && choose(2) != 0 && nap(self)) continue;
      if (worked) {
        found_before = false;
        continue;
      }
      const bool searches = search_.begin(idle_, searchers_max);
      const bool found = searches && sees_work(self);
      if (searches && (found || !Steps::ends_search_late)) search_.end(idle_);
      if (found) {
        if (found_before) cpu_pause();
        found_before = true;
        continue;
      }
      idle_.announce(self);
      const bool work = sees_work(self);
      if (searches && Steps::ends_search_late) search_.end(idle_);
      if (work) {
        idle_.withdraw(self);
        cpu_pause();
      } else {
        idle_.sleep(self);
      }
    }
  }

  // False: nobody else is awake.
  bool nap(unsigned self) {
    if (!Steps::begin_nap(idle_, Shape.drains)) return false;
    // Nobody came in between since the look at the sleepers.
    is_napping_[self] = true;
    require(!std::all_of(std::begin(is_napping_), std::end(is_napping_), [](bool n) { return n; }),
            "all nap");
    ++naps_[self];
    note("naps, drain", self);
    if (Steps::announces_naps) idle_.announce(self);
    model::nap();
    is_napping_[self] = false;
    idle_.end_nap();
    return true;
  }

  bool step(unsigned self) {
    const unsigned queue = active_.next(band, cursors_[self]);
    if (queue == no_queue) return steal(self);
    require(queue < Shape.queues, "a queue that does not exist");
    cursors_[self] = queue + 1;
    serve(self, queue);
    return true;
  }

  void serve(unsigned self, unsigned queue) {
    queue_gate& gate = gates_[queue];
    if (!gate.is_open()) {
      gate.retire_closed(band, active_);
      return;
    }
    std::array<std::uint64_t, Shape.wanted> places;
    std::size_t count = take(queue, places);
    const auto is_alone = [&] {
      const unsigned other = active_.next(band, queue + 1);
      return other == no_queue || other == queue;
    };
    if (count == 0 && Shape.lingers && is_alone() && linger(queue)) count = take(queue, places);
    if (count == 0) {
      if (gate.retire_empty(band, active_, look_at(queue))) cpu_pause();
      return;
    }
    batch_ring& ring = rings_[self];
    ring.publish({places.data(), count});
    if (idle_.asleep() != 0 && Steps::is_more(count, Shape.wanted, look_at(queue), is_alone)) {
      search_.notify(idle_);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      ring.advance(i);
      start(places[i]);
    }
    ring.clear();
  }

  std::size_t take(unsigned queue, std::span<std::uint64_t> room) {
    gates_[queue].look_at_work();
    const std::size_t count = fronts_[queue].pop(room);
    return count != 0 ? count : bands_[queue].pop(room);
  }

  bool linger(unsigned queue) {
    if (!search_.begin(idle_, searchers_max)) return false;
    const bool found = look_at(queue)();
    search_.end(idle_);
    return found;
  }

  bool steal(unsigned self) {
    for (unsigned i = 1; i < Shape.drains; ++i) {
      batch_ring& ring = rings_[(self + i) % Shape.drains];
      std::uint64_t place = 0;
      while (ring.try_peek_last(place)) {
        if (idle_.asleep() != 0 && sees_work(self)) {
          search_.notify(idle_);
        }
        if (start(place)) return true;
      }
    }
    return false;
  }

  [[nodiscard]] bool sees_work(unsigned self) const {
    if (active_.has(band)) return true;
    for (unsigned i = 0; i < Shape.drains; ++i) {
      if (i != self && rings_[i].looks_stealable()) return true;
    }
    return false;
  }

  // The job's word decides who starts it (word_model.cpp); here, that nobody comes in between.
  bool start(std::uint64_t job) {
    require(job < jobs, "a place that was never shown");
    if (started_[job]) return false;
    note("started job", job);
    started_[job] = true;
    if (job >= Shape.long_jobs) return true;
    ++inside_long_;
    for (;;) futex_wait(never_, 0);
  }

  active_set active_;
  typename Steps::search search_;
  queue_gate gates_[2] = {queue_gate{0}, queue_gate{1}};
  eventcount idle_;
  toy_band<lanes> bands_[Shape.queues];
  front_list fronts_[Shape.queues];
  batch_ring rings_[Shape.drains];
  atomic<std::uint32_t> never_{0};
  unsigned cursors_[Shape.drains] = {};  // each drain's own
  unsigned naps_[Shape.drains] = {};
  // Nobody's memory.
  bool started_[jobs] = {};
  unsigned inside_long_ = 0;
  bool is_napping_[Shape.drains] = {};
};

constexpr shape two_and_two{};
constexpr shape one_long{.long_jobs = 1};
constexpr shape all_long{.long_jobs = 2};
constexpr shape two_queues{.queues = 2, .long_jobs = 1};
constexpr shape batches{.submitters = 1, .jobs_each = 2, .long_jobs = 1};
constexpr shape three_drains{.submitters = 1, .jobs_each = 3, .drains = 3, .long_jobs = 2};
constexpr shape resumed{.submitters = 1, .long_jobs = 2, .front_jobs = 1};
constexpr shape naps{.submitters = 1, .jobs_each = 2, .naps = 1};
constexpr shape naps_beside_a_long_job{.long_jobs = 1, .naps = 1};

// Long interleavings, and many: the slow suite is cut short earlier than elsewhere.
TEST(search_model, two_drains_forget_nothing) {
  const report r = explore<search_scenario<two_and_two>>("search: 2 submitters, 2 drains",
                                                         effort_for_a_large_one());
  EXPECT_FALSE(r.failed) << r;
}
TEST(search_model, a_long_job_holds_nothing_up) {
  const report r =
      explore<search_scenario<one_long>>("search: a long job", effort_for_a_large_one());
  EXPECT_FALSE(r.failed) << r;
}
TEST(search_model, two_long_jobs_run_side_by_side) {
  const report r =
      explore<search_scenario<all_long>>("search: 2 long jobs", effort_for_a_large_one());
  EXPECT_FALSE(r.failed) << r;
}
TEST(search_model, a_long_job_holds_no_other_queue_up) {
  const report r = explore<search_scenario<two_queues>>("search: 2 queues, a long job",
                                                        effort_for_a_large_one());
  EXPECT_FALSE(r.failed) << r;
}
TEST(search_model, a_long_job_holds_its_batch_not_up) {
  const report r = explore<search_scenario<batches>>("search: 1 submitter of 2, the first long",
                                                     effort_for_a_large_one());
  EXPECT_FALSE(r.failed) << r;
}
// At random: with preemptions, two drains that spin may each count as news for the other for ever,
// while the third, which could end that, is not chosen.
TEST(search_model, three_drains_forget_nothing) {
  effort e = default_effort();
  e.preemptions = e.complete_min = 0;
  e.random_runs *= 5;
  const report r = explore<search_scenario<three_drains>>("search: 3 drains, 2 long jobs", e);
  EXPECT_FALSE(r.failed) << r;
}
TEST(search_model, what_was_put_back_hides_nothing) {
  const report r = explore<search_scenario<resumed>>("search: a queue resumed, a job put back",
                                                     effort_for_a_large_one());
  EXPECT_FALSE(r.failed) << r;
}

TEST(search_model, who_naps_comes_back) {
  effort e = default_effort();
  e.complete_min = 0;  // ten million are not enough for one preemption
  const report r = explore<search_scenario<naps>>("search: 2 drains nap", e);
  EXPECT_FALSE(r.failed) << r;
}
TEST(search_model, a_nap_beside_a_long_job_holds_nothing_up) {
  const report r = explore<search_scenario<naps_beside_a_long_job>>("search: a long job and naps",
                                                                    effort_for_a_large_one());
  EXPECT_FALSE(r.failed) << r;
}

TEST(search_model, finds_a_look_before_the_end) {
  const report r = explore<search_scenario<two_and_two, looks_before_the_end>>(
      "search, bug: last look too early", enumeration_only());
  EXPECT_NE(r.failure.find("a job is left"), std::string::npos) << r;
}
TEST(search_model, finds_a_silent_taker) {
  const report r = explore<search_scenario<all_long, taker_is_silent>>("search, bug: silent taker",
                                                                       enumeration_only());
  EXPECT_NE(r.failure.find("a job is left"), std::string::npos) << r;
}
TEST(search_model, finds_a_taker_that_trusts_the_pop) {
  const report r = explore<search_scenario<resumed, taker_trusts_the_pop>>(
      "search, bug: taker trusts the pop", enumeration_only());
  EXPECT_NE(r.failure.find("a job is left"), std::string::npos) << r;
}
TEST(search_model, finds_an_end_by_a_store) {
  const report r = explore<search_scenario<all_long, stored_end>>("search, bug: ends by a store",
                                                                  enumeration_only());
  EXPECT_NE(r.failure.find("a job is left"), std::string::npos) << r;
}
TEST(search_model, finds_an_announced_nap) {
  const report r = explore<search_scenario<naps_beside_a_long_job, naps_announced>>(
      "search, bug: naps announced", enumeration_only());
  EXPECT_NE(r.failure.find("a job is left"), std::string::npos) << r;
}
TEST(search_model, finds_that_all_nap) {
  const report r =
      explore<search_scenario<naps, naps_at_will>>("search, bug: naps at will", enumeration_only());
  EXPECT_NE(r.failure.find("all nap"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::search_model
