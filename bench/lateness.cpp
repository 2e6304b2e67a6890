// bench/lateness.cpp -- how late jobs start that were put off: open loop, so that a late one does not
// put off the next.
//
// One thread submits jobs with `after`, each due 20 ms ahead, at a fixed pace; two drains and the
// timer thread do the rest. Lateness is the handler's first instruction minus the due time, by a
// clock read before the submit; a negative one would be a job that started early, and ends the bench.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "support/args.hpp"
#include "support/check.hpp"
#include "support/clock.hpp"
#include "support/machine.hpp"
#include "support/open_engine.hpp"
#include "support/spread.hpp"

namespace {

constexpr std::uint64_t ahead_ns = 20'000'000;

class late_jobs {
 public:
  explicit late_jobs(std::size_t jobs) : due_(jobs), started_(jobs) {
    pawl::registry kinds;
    kind_ = kinds.add<std::uint64_t>("bench.late/1",
                                     [this](pawl::context&, const std::uint64_t& number) {
                                       started_[number] = bench::now_ns();
                                       left_.fetch_sub(1, std::memory_order_release);
                                       return pawl::outcome::done();
                                     });
    engine_ = bench::open_engine({}, kinds);
    queue_ = bench::open_queue(*engine_, "late", {});
  }

  // Each job's lateness, sorted.
  std::vector<std::uint64_t> run(unsigned per_s) {
    const std::uint64_t step = 1'000'000'000u / per_s;
    left_ = due_.size();
    const std::uint64_t begin = bench::now_ns() + 1'000'000;
    for (std::uint64_t i = 0; i < due_.size(); ++i) {
      const std::uint64_t wanted = begin + i * step;
      if (wanted > bench::now_ns()) bench::sleep_until_ns(wanted);
      due_[i] = bench::now_ns() + ahead_ns;
      const auto answer =
          engine_->submit(queue_, kind_, i, {.after = pawl::duration(std::int64_t{ahead_ns})});
      bench::require(bool{answer}, "submit was rejected");
    }
    while (left_.load(std::memory_order_acquire) != 0) bench::sleep_ns(1'000'000);
    std::vector<std::uint64_t> late;
    for (std::size_t i = 0; i < due_.size(); ++i) {
      bench::require(started_[i] >= due_[i], "a job started before it was due");
      late.push_back(started_[i] - due_[i]);
    }
    std::sort(late.begin(), late.end());
    return late;
  }

 private:
  std::vector<std::uint64_t> due_;
  std::vector<std::uint64_t> started_;
  std::atomic<std::size_t> left_{0};
  pawl::kind_ref kind_;
  pawl::queue_ref queue_;
  std::unique_ptr<pawl::scheduler> engine_;
};

// How many fall into each power of two of microseconds.
void print_histogram(const std::vector<std::uint64_t>& sorted_ns) {
  std::uint64_t bound = 1'000;
  for (auto at = sorted_ns.begin(); at != sorted_ns.end(); bound *= 2) {
    const auto next = std::lower_bound(at, sorted_ns.end(), bound);
    if (next == at) continue;
    std::printf("  below %8.0f us  %8.4f %%\n", static_cast<double>(bound) / 1e3,
                100.0 * static_cast<double>(next - sorted_ns.begin()) /
                    static_cast<double>(sorted_ns.size()));
    at = next;
  }
}

void print_rate(unsigned per_s, const bench::args& args) {
  late_jobs jobs(per_s * (args.toy ? 1u : 20u) / 10u);
  std::vector<double> p50, p99, p999;
  std::vector<std::uint64_t> all;
  for (unsigned round = 0; round < args.rounds; ++round) {
    const std::vector<std::uint64_t> late = jobs.run(per_s);
    p50.push_back(static_cast<double>(bench::quantile(late, 0.5)));
    p99.push_back(static_cast<double>(bench::quantile(late, 0.99)));
    p999.push_back(static_cast<double>(bench::quantile(late, 0.999)));
    all.insert(all.end(), late.begin(), late.end());
  }
  const auto us = [](const std::vector<double>& v) { return bench::median_of(v) / 1e3; };
  std::sort(all.begin(), all.end());
  std::printf("%6u timers/s  late p50 %.1f p99 %.1f p99.9 %.1f max %.1f us\n", per_s, us(p50),
              us(p99), us(p999), static_cast<double>(all.back()) / 1e3);
  print_histogram(all);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  if (!args.figure.empty()) bench::usage(argv[0]);
  bench::print_machine(args.toy);
  for (const unsigned per_s : {1'000u, 10'000u, 100'000u}) print_rate(per_s, args);
  return 0;
}
