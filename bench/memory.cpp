// bench/memory.cpp -- bytes of RAM a waiting job takes.
//
// A fresh process a round, so that nothing is left over from before: it opens a scheduler that
// starts nothing, submits 10 M jobs of 64 bytes, and divides the growth of its resident memory by
// their number. The first job is before the first look: what exists once is not a job's.
#include <stdio.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "support/args.hpp"
#include "support/check.hpp"
#include "support/machine.hpp"
#include "support/open_engine.hpp"
#include "support/process.hpp"
#include "support/spread.hpp"

namespace {

struct payload {
  std::uint64_t number = 0;
  std::uint64_t filler[7] = {};
};
static_assert(sizeof(payload) == 64);

// The round itself, in its own process: prints one number.
int run_child(std::uint64_t jobs) {
  pawl::registry kinds;
  const pawl::kind_ref kind = kinds.add<payload>(
      "bench.wait/1", [](pawl::context&, const payload&) { return pawl::outcome::done(); });
  pawl::options options;
  options.dispatch = false;
  const auto engine = bench::open_engine(options, kinds);
  const pawl::queue_ref queue = bench::open_queue(*engine, "wait", {.jobs_max = 10'000'000});
  payload one;
  bench::require(bool{engine->submit(queue, kind, one)}, "submit was rejected");
  const std::uint64_t before = bench::resident_bytes();
  for (one.number = 1; one.number < jobs; ++one.number) {
    bench::require(bool{engine->submit(queue, kind, one)}, "submit was rejected");
  }
  const std::uint64_t after = bench::resident_bytes();
  bench::require(engine->read_counters().accepted == jobs, "counters.accepted");
  bench::require(engine->read_counters().started == 0, "a job started though dispatch is off");
  std::printf("%.2f\n", static_cast<double>(after - before) / static_cast<double>(jobs - 1));
  return 0;
}

double run_in_fresh_process(const char* program, std::uint64_t jobs) {
  std::string command;
  command.append("'").append(program).append("' --child ").append(std::to_string(jobs));
  FILE* pipe = popen(command.c_str(), "r");
  bench::require(pipe != nullptr, "the child process could not be started");
  double bytes = 0;
  const bool answered = std::fscanf(pipe, "%lf", &bytes) == 1;
  bench::require(pclose(pipe) == 0 && answered, "the child process failed");
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  if (!args.child.empty()) return run_child(std::strtoull(args.child.c_str(), nullptr, 10));
  const bool figure = args.figure == "bytes_per_job";
  if (!figure && !args.figure.empty()) bench::usage(argv[0]);
  const std::uint64_t jobs = args.toy ? 100'000 : 10'000'000;
  if (!figure) bench::print_machine(args.toy);
  std::vector<double> rounds;
  for (unsigned i = 0; i < args.rounds; ++i) rounds.push_back(run_in_fresh_process(argv[0], jobs));
  const bench::spread s = bench::spread_of(rounds);
  if (figure) {
    std::printf("bytes_per_job %.1f bytes %.1f %.1f\n", s.median, s.min, s.max);
  } else {
    std::printf(
        "bytes a waiting job, 64-byte payload, %llu jobs: %.1f (min %.1f max %.1f mad %.2f)%s\n",
        static_cast<unsigned long long>(jobs), s.median, s.min, s.max, s.mad,
        args.toy ? " (toy)" : "");
  }
  return 0;
}
