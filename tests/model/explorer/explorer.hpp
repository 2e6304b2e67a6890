// explorer/explorer.hpp -- runs a scenario in all interleavings within a bound, then at random.
//
// A scenario is a small program of two to five threads over shared state. It is built anew for each
// interleaving and must be deterministic apart from what the explorer decides:
//   which thread makes the next operation that others could notice    (execution.cpp)
//   when a buffered store becomes visible to the others               (memory.cpp)
//   model::choose(), for freedom that the scenario itself has
// Depth first, with no preemption, then with one, and so on up to the bound: the first failure
// found is one with the fewest preemptions. A preemption is a switch away from a thread that could
// go on; a switch from a thread that sleeps, pauses or has ended is free, and so is the time at
// which a buffered store becomes visible: every such time is explored.
//
// PAWL_SEED     seed of the random part; a fresh one each run without it
// PAWL_MODEL_DEEP=1   one preemption more, and more random interleavings
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "explorer/clock.hpp"
#include "explorer/shared.hpp"

namespace pawl::model {

class scenario {
 public:
  scenario() = default;
  scenario(const scenario&) = delete;
  scenario& operator=(const scenario&) = delete;
  virtual ~scenario() = default;

  [[nodiscard]] virtual unsigned thread_count() const = 0;
  virtual void run(unsigned thread) = 0;
  // True: the end may find this thread asleep in futex_wait.
  [[nodiscard]] virtual bool may_sleep(unsigned) const { return false; }
  // Called when every thread has ended or may sleep and does; sees all that they wrote.
  virtual void at_rest() {}
};

struct effort {
  unsigned preemptions;    // the bound of the depth-first part
  std::uint64_t runs_max;  // of the depth-first part
  std::uint64_t random_runs;
  unsigned operations_max = 2000;  // of one interleaving: more is a thread that goes round for ever
  bool spurious_wakes = false;     // futex_wait may once return for no reason
  // Up to so many preemptions the depth-first part must have seen all, or the scenario has grown beyond what is
  // explored, which is a failure.
  unsigned complete_min = 0;
};

// 2 preemptions in the quick suite, 3 in the slow one; all with 2.
effort default_effort();
// For a scenario that is too large for that: all with 1.
effort effort_for_a_large_one();
// For a seeded bug: by enumeration only.
effort enumeration_only(unsigned preemptions = 2);

struct report {
  bool failed = false;
  bool complete = false;         // the depth-first part saw all interleavings within its bound
  unsigned complete_bounds = 0;  // and all with fewer preemptions than this
  std::uint64_t depth_first = 0;
  std::uint64_t random = 0;
  std::string failure;  // what did not hold
  std::string text;     // how it came to that: how to see it again, and every operation
};
std::ostream& operator<<(std::ostream& out, const report& r);

using scenario_maker = std::function<std::unique_ptr<scenario>()>;
// Prints one line: how many interleavings were run, and how long it took.
report explore(const std::string& name, const effort& e, const scenario_maker& make);

template <class Scenario>
report explore(const std::string& name, const effort& e = default_effort()) {
  return explore(name, e, [] { return std::make_unique<Scenario>(); });
}

}  // namespace pawl::model
