// bench/lanes.cpp -- what a lane costs a job, and whether a million of them come and go.
//
// One thread submits two million jobs one by one, keys taken in turn; each handler adds its number to a
// sum and looks whether it comes after the last of its lane. Rows: no lane, 1, a thousand and a million of
// them; in turn, on schedulers of their own, so that a noisy second hurts all. Figures are ratios of
// throughput, round by round. Memory: while the queue is paused a fresh process submits jobs of as many
// keys; what it has more than before without lanes is theirs, and when all have run it is to be gone. What
// jobs themselves take (slots, links) was touched before by as many of one lane.
#include <stdio.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "support/args.hpp"
#include "support/check.hpp"
#include "support/in_turn.hpp"
#include "support/machine.hpp"
#include "support/open_engine.hpp"
#include "support/process.hpp"
#include "support/producers.hpp"
#include "support/sharded_sum.hpp"
#include "support/spread.hpp"

namespace {

struct payload {
  std::uint64_t number = 0;  // from 1
};

class laned_engine {
 public:
  laned_engine(std::uint64_t lanes, std::uint64_t jobs)
      : lanes_(lanes), last_(std::make_unique<std::atomic<std::uint64_t>[]>(lanes + 1)) {
    pawl::registry kinds;
    kind_ = kinds.add<payload>("bench.lane/1", [this](pawl::context&, const payload& one) {
      if (lanes_ != 0) {
        auto& last = last_[one.number % lanes_];
        bench::require(last.load(std::memory_order_relaxed) < one.number, "out of order");
        last.store(one.number, std::memory_order_relaxed);
      }
      sums_.add(one.number);
      return pawl::outcome::done();
    });
    pawl::options options;
    options.jobs_max = jobs;
    engine_ = bench::open_engine(options, kinds);
    queue_ = bench::open_queue(*engine_, "laned", {.jobs_max = jobs});
    for (std::uint64_t i = 0; i < lanes; ++i) keys_.push_back("lane " + std::to_string(i));
  }

  // Jobs a second.
  double run(std::uint64_t jobs) {
    sums_.reset();
    for (std::uint64_t i = 0; i < lanes_; ++i) last_[i].store(0, std::memory_order_relaxed);
    const double seconds = bench::time_end_to_end(
        jobs, 1, [] {}, [this](bench::number_range range) { produce(range); },
        [&] { return sums_.read().count >= jobs; });
    bench::require(sums_.read().sum == bench::sum_to(jobs), "lanes: sum");
    return static_cast<double>(jobs) / seconds;
  }

  void pause() { bench::require(engine_->pause(queue_).has_value(), "pause"); }
  void resume() { bench::require(engine_->resume(queue_).has_value(), "resume"); }
  [[nodiscard]] std::uint64_t lanes_now() const { return engine_->read_metrics().lanes.lanes; }
  void submit(std::uint64_t number, bool all_in_one) {
    pawl::job_options how;
    if (lanes_ != 0) how.lane = keys_[all_in_one ? 0 : number % lanes_];
    bench::require(bool{engine_->submit(queue_, kind_, payload{number}, how)}, "submit");
  }
  void wait_for(std::uint64_t jobs) {
    bench::wait_until([&] { return sums_.read().count >= jobs && lanes_now() == 0; });
  }

 private:
  void produce(bench::number_range range) {
    for (std::uint64_t n = range.first; n <= range.last; ++n) submit(n, false);
  }

  const std::uint64_t lanes_;
  std::vector<std::string> keys_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> last_;
  bench::sharded_sum sums_;
  pawl::kind_ref kind_;
  pawl::queue_ref queue_;
  std::unique_ptr<pawl::scheduler> engine_;  // last: its handlers use the members above
};

// By row: jobs a second by round.
std::vector<std::vector<double>> measure(const std::vector<std::uint64_t>& lanes,
                                         const bench::args& args) {
  const std::uint64_t jobs = args.toy ? 20'000 : 2'000'000;
  std::vector<std::unique_ptr<laned_engine>> engines;
  for (const std::uint64_t n : lanes) engines.push_back(std::make_unique<laned_engine>(n, jobs));
  return bench::run_in_turn(engines, jobs, args.rounds);
}

// In its own process: prints bytes a lane while all wait, and what is left of each when all have run.
int run_child(std::uint64_t lanes) {
  laned_engine e(lanes, lanes + 1'000);
  std::uint64_t ran = 0;
  const auto round = [&](bool all_in_one) {
    e.pause();
    for (std::uint64_t i = 1; i <= lanes; ++i) e.submit(ran + i, all_in_one);
    const std::uint64_t most = bench::resident_bytes();
    bench::require(e.lanes_now() == (all_in_one ? 1 : lanes), "lanes there are");
    e.resume();
    ran += lanes;
    e.wait_for(ran);
    return most;
  };
  round(true);
  const std::uint64_t before = bench::resident_bytes();
  const std::uint64_t most = round(false);
  const std::uint64_t after = bench::resident_bytes();
  const auto of_each = [lanes](std::uint64_t now, std::uint64_t then) {
    return (static_cast<double>(now) - static_cast<double>(then)) / static_cast<double>(lanes);
  };
  std::printf("%.2f %.2f\n", of_each(most, before), of_each(after, before));
  return 0;
}

struct bytes_a_lane {
  double waiting = 0;
  double left = 0;
};
bytes_a_lane run_in_fresh_process(const char* program, std::uint64_t lanes) {
  std::string command;
  command.append("'").append(program).append("' --child ").append(std::to_string(lanes));
  FILE* pipe = popen(command.c_str(), "r");
  bench::require(pipe != nullptr, "the child process could not be started");
  bytes_a_lane bytes;
  const bool answered = std::fscanf(pipe, "%lf %lf", &bytes.waiting, &bytes.left) == 2;
  bench::require(pclose(pipe) == 0 && answered, "the child process failed");
  return bytes;
}

void print_table(const char* program, const bench::args& args) {
  bench::print_machine(args.toy);
  const std::uint64_t many = args.toy ? 1'000 : 1'000'000;
  const std::vector<std::uint64_t> lanes{0, 1, many / 1'000, many};
  const auto rates = measure(lanes, args);
  std::printf("%-10s %9s %8s %8s %8s  of the throughput without lanes, %u rounds%s\n", "lanes",
              "million/s", "median", "min", "max", args.rounds, args.toy ? " (toy)" : "");
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const bench::spread r = bench::ratios_of(rates[i], rates[0]);
    std::printf("%-10llu %9.2f %8.3f %8.3f %8.3f\n", static_cast<unsigned long long>(lanes[i]),
                bench::median_of(rates[i]) / 1e6, r.median, r.min, r.max);
  }
  for (const std::uint64_t n : {many, many * 10}) {
    const bytes_a_lane bytes = run_in_fresh_process(program, n);
    std::printf("%llu lanes: %.1f bytes each while they wait, %.1f left of each afterwards\n",
                static_cast<unsigned long long>(n), bytes.waiting, bytes.left);
  }
}

void print_figure(const char* program, const bench::args& args) {
  const std::uint64_t many = 1'000'000;
  const auto rates = measure({0, 1, many}, args);
  const bench::spread r = bench::ratios_of(rates[2], rates[0]);
  const bytes_a_lane bytes = run_in_fresh_process(program, many);
  std::printf("lanes %.3f x %.3f %.3f one_lane %.3f bytes_a_lane %.1f left_of_each %.1f\n",
              r.median, r.min, r.max, bench::ratios_of(rates[1], rates[0]).median, bytes.waiting,
              bytes.left);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  if (!args.child.empty()) return run_child(std::strtoull(args.child.c_str(), nullptr, 10));
  if (args.figure.empty()) {
    print_table(argv[0], args);
  } else if (args.figure == "lanes") {
    print_figure(argv[0], args);
  } else {
    bench::usage(argv[0]);
  }
  return 0;
}
