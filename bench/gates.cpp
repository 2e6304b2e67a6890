// bench/gates.cpp -- what limits cost a job that none of them holds back.
//
// The job: an empty handler, by bulks of 256 from one producer; from the first submit until the last handler
// ran. Every gate is on and far away: a concurrency of 64 for two drains, rates of a start a nanosecond with
// a burst of a million, a breaker that hears no failure. One row for each, and one for all of them and the
// histograms; in turn with an engine without any, so that a noisy second hurts all of them. Figures are
// ratios of throughput, round by round.
#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "support/args.hpp"
#include "support/check.hpp"
#include "support/in_turn.hpp"
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

enum gate : unsigned {
  queue_limit = 1u << 0,
  kind_limit = 1u << 1,
  tenant_limit = 1u << 2,
  queue_rate = 1u << 3,
  kind_rate = 1u << 4,
  tenant_rate = 1u << 5,
  start_rate = 1u << 6,
  a_breaker = 1u << 7,
  histograms = 1u << 8,
  all = (1u << 9) - 1,
};

struct row {
  const char* name;
  unsigned gates;
  bool in_figure = false;
};
constexpr row rows[] = {
    {"none", 0, true},
    {"queue_limit", queue_limit},
    {"kind_limit", kind_limit},
    {"tenant_limit", tenant_limit},
    {"all_limits", queue_limit | kind_limit | tenant_limit, true},
    {"queue_rate", queue_rate},
    {"kind_rate", kind_rate},
    {"tenant_rate", tenant_rate},
    {"start_rate", start_rate},
    {"all_rates", queue_rate | kind_rate | tenant_rate | start_rate, true},
    {"breaker", a_breaker, true},
    {"histograms", histograms, true},
    {"all", all, true},
};

constexpr pawl::rate_limit far_rate{1'000'000'000, std::chrono::seconds(1), 1'000'000};

pawl::limits limits_of(unsigned gates, gate limit, gate rate) {
  pawl::limits l;
  if ((gates & limit) != 0) l.concurrency = 64;
  if ((gates & rate) != 0) l.rate = far_rate;
  return l;
}

class gated_engine {
 public:
  explicit gated_engine(unsigned gates) {
    pawl::kind_options how;
    how.limits = limits_of(gates, kind_limit, kind_rate);
    if ((gates & a_breaker) != 0) how.breaker.window = 100;
    pawl::registry kinds;
    kind_ = kinds.add<payload>(
        "bench.gated/1",
        [this](pawl::context&, const payload& one) {
          sums_.add(one.number);
          return pawl::outcome::done();
        },
        how);
    pawl::options options;
    options.drains = 2;
    options.histograms = (gates & histograms) != 0;
    if ((gates & start_rate) != 0) options.start_rate = far_rate;
    engine_ = bench::open_engine(options, kinds);
    pawl::queue_options queue{.when_full = pawl::when_full::block,
                              .block_for = std::chrono::seconds(60)};
    queue.limits = limits_of(gates, queue_limit, queue_rate);
    queue_ = bench::open_queue(*engine_, "gated", queue);
    if ((gates & (tenant_limit | tenant_rate)) != 0) {
      const auto made =
          engine_->tenant("tenant", {.limits = limits_of(gates, tenant_limit, tenant_rate)});
      bench::require(made.has_value(), "tenant");
      tenant_ = *made;
    }
  }

  // Jobs a second.
  double run(std::uint64_t jobs) {
    sums_.reset();
    const double seconds = bench::time_end_to_end(
        jobs, 1, [] {}, [this](bench::number_range range) { produce(range); },
        [&] { return sums_.read().count >= jobs; });
    bench::require(sums_.read().count == jobs, "gates: number of handlers that ran");
    bench::require(sums_.read().sum == bench::sum_to(jobs), "gates: sum");
    return static_cast<double>(jobs) / seconds;
  }

 private:
  void produce(bench::number_range range) {
    std::array<payload, 256> payloads{};
    std::array<pawl::job_spec, 256> specs;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      specs[i] = {std::as_bytes(std::span(&payloads[i], 1)), {.tenant = tenant_}};
    }
    for (std::uint64_t first = range.first; first <= range.last; first += specs.size()) {
      const std::size_t count = std::min<std::uint64_t>(specs.size(), range.last - first + 1);
      for (std::size_t i = 0; i < count; ++i) payloads[i].number = first + i;
      bench::require(bool{engine_->submit_bulk(queue_, kind_, std::span(specs).first(count))},
                     "submit_bulk was rejected");
    }
  }

  bench::sharded_sum sums_;
  pawl::kind_ref kind_;
  pawl::queue_ref queue_;
  pawl::tenant_ref tenant_;
  std::unique_ptr<pawl::scheduler> engine_;  // last: its handlers use the members above
};

// By row: jobs a second by round.
std::vector<std::vector<double>> measure(const std::vector<row>& which, const bench::args& args) {
  const std::uint64_t jobs = args.toy ? 20'000 : 2'000'000;
  std::vector<std::unique_ptr<gated_engine>> engines;
  for (const row& r : which) engines.push_back(std::make_unique<gated_engine>(r.gates));
  return bench::run_in_turn(engines, jobs, args.rounds);
}

void print_table(const bench::args& args) {
  bench::print_machine(args.toy);
  const std::vector<row> which(std::begin(rows), std::end(rows));
  const auto rates = measure(which, args);
  std::printf("%-14s %8s %8s %8s %8s  of the throughput without gates, %u rounds%s\n", "gates",
              "million/s", "median", "min", "max", args.rounds, args.toy ? " (toy)" : "");
  for (std::size_t i = 0; i < which.size(); ++i) {
    const bench::spread r = bench::ratios_of(rates[i], rates[0]);
    std::printf("%-14s %9.2f %8.3f %8.3f %8.3f\n", which[i].name, bench::median_of(rates[i]) / 1e6,
                r.median, r.min, r.max);
  }
}

void print_figure(const bench::args& args) {
  std::vector<row> which;
  std::copy_if(std::begin(rows), std::end(rows), std::back_inserter(which),
               [](const row& r) { return r.in_figure; });
  const auto rates = measure(which, args);
  const bench::spread r = bench::ratios_of(rates.back(), rates[0]);
  std::printf("gates_on %.3f x %.3f %.3f", r.median, r.min, r.max);
  for (std::size_t i = 1; i + 1 < which.size(); ++i) {
    std::printf(" %s %.3f", which[i].name, bench::ratios_of(rates[i], rates[0]).median);
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  if (args.figure.empty()) {
    print_table(args);
  } else if (args.figure == "gates_on") {
    print_figure(args);
  } else {
    bench::usage(argv[0]);
  }
  return 0;
}
