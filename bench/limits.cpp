// bench/limits.cpp -- what limits come to that bind all the time, with everybody at them.
//
// Four producers submit bulks of 64 jobs of about two microseconds to eight queues, two drains run them, and a
// limit lets one run at a time: of the queue (there is one then), of the kind, of the tenant, of the lane. What is
// best there is one drain without a limit, whose jobs run one after the other too; each row is the ratio of
// throughput to that, round by round. A rate lets 200,000 start a second, which is less, and its row is the ratio
// to the rate. Checked are the sum of all payloads, that never more than one handler was inside, and that a rate
// with its burst was not exceeded over the whole run.
#include <algorithm>
#include <array>
#include <atomic>
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

enum class bound { none, queue, kind, tenant, lane, queue_rate, kind_rate };

struct row {
  const char* name;
  bound what;
};
constexpr row rows[] = {
    {"none, one drain", bound::none}, {"queue", bound::queue}, {"kind", bound::kind},
    {"tenant", bound::tenant},        {"lane", bound::lane},   {"queue rate", bound::queue_rate},
    {"kind rate", bound::kind_rate}};

constexpr std::uint32_t starts_per_s = 200'000;
constexpr std::uint32_t burst = 1'000;
constexpr pawl::rate_limit rate{starts_per_s, std::chrono::seconds(1), burst};

constexpr bool is_rate(bound b) {
  return b == bound::queue_rate || b == bound::kind_rate;
}

class limited_engine {
 public:
  explicit limited_engine(bound what) : what_(what) {
    pawl::kind_options how;
    if (what == bound::kind) how.limits.concurrency = 1;
    if (what == bound::kind_rate) how.limits.rate = rate;
    pawl::registry kinds;
    kind_ = kinds.add<std::uint64_t>(
        "bench.limited/1",
        [this](pawl::context&, const std::uint64_t& number) { return run_one(number); }, how);
    pawl::options options;
    options.drains = what == bound::none ? 1 : 2;
    engine_ = bench::open_engine(options, kinds);
    pawl::queue_options queue{.when_full = pawl::when_full::block,
                              .block_for = std::chrono::seconds(60)};
    if (what == bound::queue) queue.limits.concurrency = 1;
    if (what == bound::queue_rate) queue.limits.rate = rate;
    const bool is_of_queue =
        what == bound::queue || what == bound::queue_rate || what == bound::lane;
    for (std::size_t i = 0; i < (is_of_queue ? 1u : 8u); ++i) {
      queues_.push_back(bench::open_queue(*engine_, "queue" + std::to_string(i), queue));
    }
    if (what == bound::tenant) {
      const auto made = engine_->tenant("tenant", {.limits = {.concurrency = 1}});
      bench::require(made.has_value(), "tenant");
      tenant_ = *made;
    }
  }

  // Jobs a second; for a rate, divided by it.
  double run(std::uint64_t jobs) {
    sum_ = 0;
    count_ = 0;
    const double seconds = bench::time_end_to_end(
        jobs, 4, [] {}, [this](bench::number_range range) { produce(range); },
        [&] { return count_.load(std::memory_order_acquire) >= jobs; });
    bench::require(count_ == jobs, "limits: number of handlers that ran");
    bench::require(sum_ == bench::sum_to(jobs), "limits: sum");
    bench::require(is_rate(what_) || most_inside_ <= 1, "limits: two handlers were inside");
    const double all = static_cast<double>(jobs);
    if (!is_rate(what_)) return all / seconds;
    bench::require(all <= burst + starts_per_s * seconds,
                   "limits: more starts than the rate allows");
    return all / seconds / starts_per_s;
  }

 private:
  pawl::outcome run_one(std::uint64_t number) {
    const int inside = inside_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (inside > most_inside_.load(std::memory_order_relaxed)) most_inside_ = inside;
    std::uint64_t h = number;
    for (int i = 0; i < 1000; ++i) h = (h ^ (h >> 29)) * 0x9e3779b97f4a7c15u;
    sum_.fetch_add(h == 0 ? 0 : number, std::memory_order_relaxed);
    inside_.fetch_sub(1, std::memory_order_relaxed);
    count_.fetch_add(1, std::memory_order_release);
    return pawl::outcome::done();
  }
  void produce(bench::number_range range) {
    std::array<std::uint64_t, 64> numbers{};
    std::array<pawl::job_spec, 64> specs;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      specs[i] = {std::as_bytes(std::span(&numbers[i], 1)), {.tenant = tenant_}};
      if (what_ == bound::lane) specs[i].options.lane = "one";
    }
    std::size_t turn = range.first;
    for (std::uint64_t first = range.first; first <= range.last; first += specs.size(), ++turn) {
      const std::size_t count = std::min<std::uint64_t>(specs.size(), range.last - first + 1);
      for (std::size_t i = 0; i < count; ++i) numbers[i] = first + i;
      bench::require(bool{engine_->submit_bulk(queues_[turn % queues_.size()], kind_,
                                               std::span(specs).first(count))},
                     "submit_bulk was rejected");
    }
  }

  const bound what_;
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> count_{0};
  std::atomic<int> inside_{0};
  std::atomic<int> most_inside_{0};
  pawl::kind_ref kind_;
  std::vector<pawl::queue_ref> queues_;
  pawl::tenant_ref tenant_;
  std::unique_ptr<pawl::scheduler> engine_;  // last: its handlers use the members above
};

std::vector<bench::spread> measure(const bench::args& args) {
  const std::uint64_t jobs = args.toy ? 5'000 : 200'000;
  std::vector<std::unique_ptr<limited_engine>> engines;
  for (const row& r : rows) engines.push_back(std::make_unique<limited_engine>(r.what));
  const auto rates = bench::run_in_turn(engines, jobs, args.rounds);
  std::vector<bench::spread> all;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    all.push_back(is_rate(rows[i].what) ? bench::spread_of(rates[i])
                                        : bench::ratios_of(rates[i], rates[0]));
  }
  return all;
}

void print_table(const bench::args& args) {
  bench::print_machine(args.toy);
  const std::vector<bench::spread> all = measure(args);
  std::printf("%-16s %8s %8s %8s  of what is best, %u rounds%s\n", "limit", "median", "min", "max",
              args.rounds, args.toy ? " (toy)" : "");
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::printf("%-16s %8.3f %8.3f %8.3f\n", rows[i].name, all[i].median, all[i].min, all[i].max);
  }
}

// The kind's: it is what parks jobs one by one.
void print_figure(const bench::args& args) {
  const std::vector<bench::spread> all = measure(args);
  std::printf("limits_bound %.3f x %.3f %.3f", all[2].median, all[2].min, all[2].max);
  std::printf(" queue %.3f tenant %.3f lane %.3f queue_rate %.3f kind_rate %.3f\n", all[1].median,
              all[3].median, all[4].median, all[5].median, all[6].median);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  if (args.figure.empty()) {
    print_table(args);
  } else if (args.figure == "limits_bound") {
    print_figure(args);
  } else {
    bench::usage(argv[0]);
  }
  return 0;
}
