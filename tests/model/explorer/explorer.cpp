#include "explorer/explorer.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "explorer/execution.hpp"

namespace pawl::model {
namespace {

bool is_deep() {
  const char* deep = std::getenv("PAWL_MODEL_DEEP");
  return deep != nullptr && *deep == '1';
}

// One for the process: fresh each time, or the one that is asked for.
std::uint64_t process_seed() {
  static const std::uint64_t seed = [] {
    const char* wanted = std::getenv("PAWL_SEED");
    if (wanted != nullptr && *wanted != 0) return std::strtoull(wanted, nullptr, 0);
    std::random_device device;
    return (static_cast<unsigned long long>(device()) << 32) | device();
  }();
  return seed;
}

// The beginning and the end of a trace; the middle of a long one is a loop.
std::string shorten(const std::string& trace) {
  constexpr std::size_t head = 7'000;
  constexpr std::size_t tail = 2'000;
  if (trace.size() <= head + tail) return trace;
  const std::size_t head_end = trace.find('\n', head) + 1;
  const std::size_t tail_begin = trace.find('\n', trace.size() - tail) + 1;
  return trace.substr(0, head_end) + "  ...\n" + trace.substr(tail_begin);
}

// Runs the same choices again and writes the operations down.
void describe_failure(report& r, const scenario_maker& make, const effort& e, unsigned preemptions,
                      choices& c, const std::string& how) {
  r.failed = true;
  c.replay();
  const std::unique_ptr<scenario> s = make();
  execution run(*s, e, preemptions, c, true);
  run.run();
  r.text = r.failure + "\nfound " + how + "\nchoices: " + c.text() + "\n" + shorten(run.trace());
}

// False: a failure was found, or runs_max reached.
bool go_depth_first(report& r, const scenario_maker& make, const effort& e, unsigned preemptions) {
  choices c;
  c.start_depth_first();
  do {
    if (r.depth_first == e.runs_max) return false;
    ++r.depth_first;
    const std::unique_ptr<scenario> s = make();
    r.failure = execution(*s, e, preemptions, c, false).run();
    if (!r.failure.empty()) {
      describe_failure(r, make, e, preemptions, c,
                       "depth first, interleaving " + std::to_string(r.depth_first) + ", with " +
                           std::to_string(preemptions) + " preemptions at most");
      return false;
    }
  } while (c.advance());
  return true;
}

void go_random(report& r, const scenario_maker& make, const effort& e) {
  const unsigned unbounded = ~0u;
  choices c;
  while (r.random < e.random_runs) {
    c.start_random(process_seed() + 0x9e3779b97f4a7c15ull * ++r.random);
    const std::unique_ptr<scenario> s = make();
    r.failure = execution(*s, e, unbounded, c, false).run();
    if (!r.failure.empty()) {
      describe_failure(r, make, e, unbounded, c,
                       "at random, interleaving " + std::to_string(r.random) +
                           ", PAWL_SEED=" + std::to_string(process_seed()));
      return;
    }
  }
}

}  // namespace

effort default_effort() {
  effort e{.preemptions = 2, .runs_max = 400'000, .random_runs = 20'000, .complete_min = 2};
  if (is_deep()) {
    e.preemptions = 3;
    e.random_runs = 50'000;
  }
  return e;
}

effort effort_for_a_large_one() {
  effort e = default_effort();
  e.complete_min = 1;
  return e;
}

effort enumeration_only(unsigned preemptions) {
  return {.preemptions = preemptions, .runs_max = 10'000'000, .random_runs = 0};
}

report explore(const std::string& name, const effort& e, const scenario_maker& make) {
  const auto begin = std::chrono::steady_clock::now();
  report r;
  r.complete = true;
  for (unsigned bound = 0; r.complete && bound <= e.preemptions; ++bound) {
    r.complete = go_depth_first(r, make, e, bound);
    if (r.complete) ++r.complete_bounds;
  }
  if (!r.failed && r.complete_bounds <= e.complete_min && e.random_runs != 0) {
    r.failed = true;
    r.failure = r.text = "too large: not all interleavings were seen with " +
                         std::to_string(e.complete_min) + " preemptions";
  }
  if (!r.failed) go_random(r, make, e);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("[ explored ] %s: %llu interleavings depth first (%u preemptions, %s)", name.c_str(),
              static_cast<unsigned long long>(r.depth_first), e.preemptions,
              r.complete ? "all"
              : r.failed ? "until a failure"
                         : "cut short");
  if (e.random_runs != 0) {
    std::printf(", %llu random (PAWL_SEED=%llu)", static_cast<unsigned long long>(r.random),
                static_cast<unsigned long long>(process_seed()));
  }
  std::printf(", %.2f s\n", took.count());
  return r;
}

std::ostream& operator<<(std::ostream& out, const report& r) {
  return out << (r.failed ? r.text : "nothing failed");
}

}  // namespace pawl::model
