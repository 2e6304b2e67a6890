// bench/submit_to_run.cpp -- throughput from the first submit until the last handler ran.
//
// Rows: single and bulk submits; 1, 2 and 64 producers; behind them 0, 1 M and 10 M waiting jobs.
// The contenders run the same payloads with the same number of workers, in turn with the engine, so
// that a noisy minute hurts all of them; ratios are of medians. They know no priorities, so rows
// with a backlog are the engine's alone. What the engine's rows check: contenders/pawl_engine.hpp.
#include <cstdio>
#include <string>
#include <vector>

#include "contenders/contender.hpp"
#include "contenders/pawl_engine.hpp"
#include "support/args.hpp"
#include "support/machine.hpp"
#include "support/reference.hpp"
#include "support/spread.hpp"

namespace {

using bench::contender;
using bench::spread;
using bench::workload;

constexpr std::size_t bulk_size = 256;

struct sizes {
  std::uint64_t engine_jobs;     // a round
  std::uint64_t backlog_jobs;    // a round with a backlog, which drains eat into in the meantime
  std::uint64_t contender_jobs;  // a round; most contenders are several times slower
  std::vector<std::uint64_t> backlogs;
};

sizes sizes_of(const bench::args& args) {
  if (args.toy) return {20'000, 10'000, 10'000, {0, 10'000, 50'000}};
  return {4'000'000, 1'000'000, 1'000'000, {0, 1'000'000, 10'000'000}};
}

struct outcome {
  std::string name;
  spread jobs_per_s;
  double reference = 0;  // 0: none
  [[nodiscard]] bool reproduced() const {
    return reference == 0 || jobs_per_s.median >= bench::reproduced_from * reference;
  }
};

// One round of each in turn, `rounds` times, after one that is thrown away: it touches the memory.
std::vector<outcome> alternate(const std::vector<contender*>& who, const sizes& size,
                               std::uint64_t backlog, workload work, unsigned rounds) {
  const std::uint64_t fast_jobs = backlog == 0 ? size.engine_jobs : size.backlog_jobs;
  std::vector<std::vector<double>> rates(who.size());
  for (unsigned round = 0; round <= rounds; ++round) {
    for (std::size_t i = 0; i < who.size(); ++i) {
      work.jobs = who[i]->has_bulk() ? fast_jobs : size.contender_jobs;
      const double seconds = who[i]->run(work);
      if (round > 0) rates[i].push_back(static_cast<double>(work.jobs) / seconds);
    }
  }
  std::vector<outcome> outcomes;
  for (std::size_t i = 0; i < who.size(); ++i) {
    const bool bulk = work.bulk > 1 && who[i]->has_bulk();
    outcomes.push_back({who[i]->name(), bench::spread_of(rates[i]),
                        bench::reference_jobs_per_s(who[i]->name(), bulk, work.producers)});
  }
  return outcomes;
}

void print_row(const outcome& one, const workload& work, std::uint64_t backlog, double vs_engine) {
  std::printf("%-15s %-6s %9u %10llu %8.2f %8.2f %8.2f %7.2f", one.name.c_str(),
              work.bulk > 1 ? "bulk" : "single", work.producers,
              static_cast<unsigned long long>(backlog), one.jobs_per_s.median / 1e6,
              one.jobs_per_s.min / 1e6, one.jobs_per_s.max / 1e6, one.jobs_per_s.mad / 1e6);
  if (vs_engine > 0) std::printf("  pawl is %.2fx", vs_engine);
  if (!one.reproduced()) {
    std::printf("  not reproduced (%.2f of its reference)", one.jobs_per_s.median / one.reference);
  }
}

void print_table(const bench::args& args) {
  bench::print_machine(args.toy);
  const sizes size = sizes_of(args);
  std::printf(
      "payload 32 bytes; bulk: 256 a call (raw_moodycamel 64); queue blocks at 1,000,000 jobs "
      "above "
      "the backlog\n%-15s %-6s %9s %10s %8s %8s %8s %7s  million jobs/s, %u rounds%s\n",
      "who", "submit", "producers", "backlog", "median", "min", "max", "mad", args.rounds,
      args.toy ? " (toy)" : "");
  const auto raw = bench::make_raw_moodycamel();
  const auto tbb = bench::make_tbb_enqueue();
  const auto asio = bench::make_asio();
  const auto plain = bench::make_mutex_deque();
  for (const std::uint64_t backlog : size.backlogs) {
    bench::pawl_engine engine(backlog);
    std::vector<contender*> who{&engine};
    if (backlog == 0) who.insert(who.end(), {raw.get(), tbb.get(), asio.get(), plain.get()});
    for (const std::size_t bulk : {std::size_t{1}, bulk_size}) {
      for (const unsigned producers : {1u, 2u, 64u}) {
        const workload work{producers, 0, bulk};
        const std::vector<outcome> all = alternate(who, size, backlog, work, args.rounds);
        for (const outcome& one : all) {
          const bool ours = &one == &all.front();
          print_row(one, work, backlog,
                    ours ? 0 : all.front().jobs_per_s.median / one.jobs_per_s.median);
          if (ours && backlog != 0) {
            std::printf("  and %llu of the backlog in the last round",
                        static_cast<unsigned long long>(engine.backlog_ran()));
          }
          std::printf("\n");
          std::fflush(stdout);
        }
      }
    }
  }
}

// One line: the engine with one producer, and its ratio to each contender.
void print_figure(const bench::args& args) {
  const bool bulk = args.figure == "memory_bulk";
  bench::pawl_engine engine;
  const auto tbb = bench::make_tbb_enqueue();
  const auto raw = bench::make_raw_moodycamel();
  const auto asio = bench::make_asio();
  const std::vector<outcome> all =
      alternate({&engine, tbb.get(), raw.get(), asio.get()}, sizes_of(args), 0,
                {1, 0, bulk ? bulk_size : 1}, args.rounds);
  const spread& ours = all.front().jobs_per_s;
  std::printf("%s %.0f jobs/s %.0f %.0f", args.figure.c_str(), ours.median, ours.min, ours.max);
  for (std::size_t i = 1; i < all.size(); ++i) {
    std::printf(" vs_%s %.3f", all[i].name.c_str(), ours.median / all[i].jobs_per_s.median);
  }
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (!all[i].reproduced()) std::printf(" not_reproduced %s", all[i].name.c_str());
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  if (args.figure.empty()) {
    print_table(args);
  } else if (args.figure == "memory_bulk" || args.figure == "memory_single") {
    print_figure(args);
  } else {
    bench::usage(argv[0]);
  }
  return 0;
}
