// bench/ordered.cpp -- what the order of a queue costs.
//
// The job: an empty handler, by bulks of 256 from one producer, two drains. `flow`: from the first submit
// until the last handler ran, so that few jobs wait at a time. `in` and `out`: all jobs are submitted while
// the queue is paused, then it is resumed, so that the heap is as deep as there are jobs. In turn with a
// queue that is first in, first out, so that a noisy second hurts all of them. Figures are ratios of
// throughput to that one, round by round. A third of what a round submits is checked for its order: a
// queue with one drain, emptied at the end.
#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

#include "support/args.hpp"
#include "support/check.hpp"
#include "support/clock.hpp"
#include "support/machine.hpp"
#include "support/open_engine.hpp"
#include "support/producers.hpp"
#include "support/sharded_sum.hpp"
#include "support/spread.hpp"

namespace {

struct payload {
  std::uint64_t number = 0;
  std::uint64_t filler[3] = {};
};

struct row {
  const char* name;
  pawl::queue_order order;
  std::uint64_t keys;  // so many different ones
};
constexpr row rows[] = {
    {"fifo", pawl::queue_order::fifo, 1},
    {"deadline", pawl::queue_order::deadline, 1u << 30},
    {"number_of_10", pawl::queue_order::exact_priority, 10},
    {"number_of_many", pawl::queue_order::exact_priority, 1u << 30},
};

// What has no pattern that a heap could like.
std::uint64_t key_of(std::uint64_t number, std::uint64_t keys) {
  std::uint64_t x = number * 0x9e3779b97f4a7c15u;
  x ^= x >> 31;
  x *= 0xbf58476d1ce4e5b9u;
  return (x ^ (x >> 29)) % keys;
}

pawl::job_options options_of(const row& r, std::uint64_t number) {
  const auto key = static_cast<std::int64_t>(key_of(number, r.keys));
  pawl::job_options how;
  if (r.order == pawl::queue_order::deadline)
    how.deadline = std::chrono::hours(1) + pawl::duration(key);
  if (r.order == pawl::queue_order::exact_priority) how.exact_priority = key;
  return how;
}

class ordered_engine {
 public:
  ordered_engine(const row& r, unsigned drains) : row_(r) {
    pawl::registry kinds;
    kind_ = kinds.add<payload>("bench.ordered/1", [this](pawl::context&, const payload& one) {
      if (watches_) numbers_.push_back(one.number);
      sums_.add(one.number);
      return pawl::outcome::done();
    });
    pawl::options options;
    options.drains = drains;
    engine_ = bench::open_engine(options, kinds);
    queue_ = bench::open_queue(*engine_, "ordered",
                               {.jobs_max = 10'000'000,
                                .when_full = pawl::when_full::block,
                                .block_for = std::chrono::seconds(60),
                                .order = r.order});
  }

  // Jobs a second.
  double flow(std::uint64_t jobs) {
    sums_.reset();
    const double seconds = bench::time_end_to_end(
        jobs, 1, [] {}, [this](bench::number_range range) { produce(range); },
        [&] { return sums_.read().count >= jobs; });
    expect(jobs);
    return static_cast<double>(jobs) / seconds;
  }

  struct rates {
    double in;
    double out;
  };
  rates store_and_run(std::uint64_t jobs) {
    sums_.reset();
    bench::require(engine_->pause(queue_).has_value(), "pause");
    const std::uint64_t begin = bench::now_ns();
    produce({1, jobs});
    const std::uint64_t stored = bench::now_ns();
    bench::require(engine_->resume(queue_).has_value(), "resume");
    bench::wait_until([&] { return sums_.read().count >= jobs; });
    const std::uint64_t end = bench::now_ns();
    expect(jobs);
    const auto a_second = [jobs](std::uint64_t ns) {
      return static_cast<double>(jobs) * 1e9 / static_cast<double>(std::max<std::uint64_t>(ns, 1));
    };
    return {a_second(stored - begin), a_second(end - stored)};
  }

  // With one drain. Deadlines count from the submit, so those of one bulk are compared.
  void check_order(std::uint64_t jobs) {
    watches_ = true;
    numbers_.reserve(jobs);
    store_and_run(jobs);
    const bool by_bulk = row_.order == pawl::queue_order::deadline;
    std::vector<std::array<std::uint64_t, 2>> last(by_bulk ? jobs / 256 + 1 : 1);
    for (const std::uint64_t n : numbers_) {
      const std::array<std::uint64_t, 2> now{key_of(n, row_.keys), n};
      std::array<std::uint64_t, 2>& before = last[by_bulk ? (n - 1) / 256 : 0];
      bench::require(before < now, "ordered: the order of the handlers");
      before = now;
    }
  }

 private:
  void expect(std::uint64_t jobs) {
    bench::require(sums_.read().count == jobs, "ordered: number of handlers that ran");
    bench::require(sums_.read().sum == bench::sum_to(jobs), "ordered: sum");
  }

  void produce(bench::number_range range) {
    std::array<payload, 256> payloads{};
    std::array<pawl::job_spec, 256> specs;
    for (std::uint64_t first = range.first; first <= range.last; first += specs.size()) {
      const std::size_t count = std::min<std::uint64_t>(specs.size(), range.last - first + 1);
      for (std::size_t i = 0; i < count; ++i) {
        payloads[i].number = first + i;
        specs[i] = {std::as_bytes(std::span(&payloads[i], 1)), options_of(row_, first + i)};
      }
      bench::require(bool{engine_->submit_bulk(queue_, kind_, std::span(specs).first(count))},
                     "submit_bulk was rejected");
    }
  }

  const row row_;
  bench::sharded_sum sums_;
  bool watches_ = false;                // the order, with one drain
  std::vector<std::uint64_t> numbers_;  // the drain's; read when the sums are right
  pawl::kind_ref kind_;
  pawl::queue_ref queue_;
  std::unique_ptr<pawl::scheduler> engine_;  // last: its handlers use the members above
};

struct samples {
  std::vector<double> flow;
  std::vector<double> in;
  std::vector<double> out;
};

// By row: jobs a second by round. A first round is thrown away: it touches the memory.
std::vector<samples> measure(const bench::args& args) {
  const std::uint64_t jobs = args.toy ? 20'000 : 1'000'000;
  std::vector<std::unique_ptr<ordered_engine>> engines;
  for (const row& r : rows) {
    ordered_engine(r, 1).check_order(jobs / 3);
    engines.push_back(std::make_unique<ordered_engine>(r, 2));
  }
  std::vector<samples> all(std::size(rows));
  for (unsigned round = 0; round <= args.rounds; ++round) {
    for (std::size_t i = 0; i < engines.size(); ++i) {
      const double flow = engines[i]->flow(jobs);
      const ordered_engine::rates stored = engines[i]->store_and_run(jobs);
      if (round == 0) continue;
      all[i].flow.push_back(flow);
      all[i].in.push_back(stored.in);
      all[i].out.push_back(stored.out);
    }
  }
  return all;
}

void print_table(const bench::args& args) {
  bench::print_machine(args.toy);
  const std::vector<samples> all = measure(args);
  std::printf("%-15s %-5s %9s %8s %8s %8s  of the throughput of fifo, %u rounds%s\n", "order",
              "phase", "million/s", "median", "min", "max", args.rounds, args.toy ? " (toy)" : "");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto line = [&](const char* phase, const std::vector<double> samples::*of) {
      const bench::spread r = bench::ratios_of(all[i].*of, all[0].*of);
      std::printf("%-15s %-5s %9.2f %8.3f %8.3f %8.3f\n", rows[i].name, phase,
                  bench::median_of(all[i].*of) / 1e6, r.median, r.min, r.max);
    };
    line("flow", &samples::flow);
    line("in", &samples::in);
    line("out", &samples::out);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  if (!args.figure.empty()) bench::usage(argv[0]);
  print_table(args);
  return 0;
}
