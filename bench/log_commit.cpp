// bench/log_commit.cpp -- jobs whose accept and completion are written to a disk.
//
// durable      from the first submit until the last completion is durable; 1, 64, 4,096 and 65,536 jobs
//              outstanding a producer, 64 bytes each. "until durable": from a submit until its job is
// relaxed      the same without waiting: until the last job has completed
// durable_one  one job at a time, from submit() until wait_durable() returns; in turn, round by round,
//              with bare durable writes of 4 KB into the same directory. The figure is the ratio of
//              medians of a round, ours to the bare one's, by the faster of two ways to write it; vs_
//              the stores it is theirs to ours
//
// The stores do what a job queue on top of one must: they commit a batch of accepts, then one of
// completions; a batch is as many jobs as may be outstanding. They find nothing to run, know no states
// and schedule nothing, which flatters them. Relaxed they sync nothing.
//
// With --toy segments are small, and the directory is opened again after each row: no job may be left
// in it.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "contenders/bare_write.hpp"
#include "contenders/commit_contender.hpp"
#include "contenders/logged_engine.hpp"
#include "support/args.hpp"
#include "support/disk_directory.hpp"
#include "support/machine.hpp"
#include "support/reference.hpp"
#include "support/spread.hpp"

namespace {

using bench::commit_contender;
using bench::commit_costs;
using bench::commit_level;
using bench::commit_work;
using bench::spread;

constexpr std::uint64_t many_outstanding = 4'096;

// A round: the engine's, and a store's, which is several times slower.
struct round_jobs {
  std::uint64_t engine;
  std::uint64_t store;
};

round_jobs jobs_of(std::uint64_t outstanding, bool toy) {
  if (outstanding == 1) return toy ? round_jobs{8, 4} : round_jobs{1'000, 500};
  if (outstanding < 1'000) return toy ? round_jobs{400, 200} : round_jobs{50'000, 25'000};
  return toy ? round_jobs{20'000, 10'000} : round_jobs{1'000'000, 200'000};
}

// What a contender came to, by round.
struct outcome {
  std::string name;
  std::vector<double> jobs_per_s, p50_us, p99_us, p999_us, bytes_per_job, jobs_per_sync;

  void add(commit_costs costs, std::uint64_t jobs) {
    const auto all = static_cast<double>(jobs);
    jobs_per_s.push_back(all / costs.seconds);
    bytes_per_job.push_back(static_cast<double>(costs.written_bytes) / all);
    jobs_per_sync.push_back(costs.syncs == 0 ? 0 : all / static_cast<double>(costs.syncs));
    std::vector<std::uint64_t>& ns = costs.latencies_ns;
    std::sort(ns.begin(), ns.end());
    const auto us = [&](double q) { return static_cast<double>(bench::quantile(ns, q)) / 1e3; };
    p50_us.push_back(us(0.5));
    p99_us.push_back(us(0.99));
    p999_us.push_back(us(0.999));
  }
  [[nodiscard]] double rate() const { return bench::median_of(jobs_per_s); }
  // There is a reference only for large batches that are synced.
  [[nodiscard]] bool is_reproduced() const {
    return rate() >= bench::reproduced_from * bench::reference_commit_jobs_per_s(name);
  }
};

// All contenders, in empty directories; and what is left of them afterwards is nothing.
class field {
 public:
  field(const bench::disk_directory& disk, commit_level level, const bench::args& args)
      : disk_(disk),
        toy_(args.toy),
        engine_(std::make_unique<bench::logged_engine>(
            bench::logged_engine::setup{disk.make("pawl"), level, args.device, args.toy})) {
    stores_.push_back(bench::make_rocksdb(disk.make("rocksdb"), level));
    stores_.push_back(bench::make_sqlite(disk.make("sqlite"), level));
    stores_.push_back(bench::make_lmdb(disk.make("lmdb"), level));
  }
  ~field() {
    if (toy_) engine_->check_reopened();
    engine_.reset();
    stores_.clear();
    disk_.clear();
  }
  field(const field&) = delete;
  field& operator=(const field&) = delete;

  [[nodiscard]] bench::logged_engine& engine() { return *engine_; }
  [[nodiscard]] const std::vector<std::unique_ptr<commit_contender>>& stores() { return stores_; }

  // One round of each in turn, after one that is thrown away: it makes the files. The engine is first.
  std::vector<outcome> alternate(unsigned producers, std::uint64_t outstanding, unsigned rounds) {
    std::vector<commit_contender*> who{engine_.get()};
    for (const auto& store : stores_) who.push_back(store.get());
    std::vector<outcome> all(who.size());
    const round_jobs jobs = jobs_of(outstanding, toy_);
    for (unsigned round = 0; round <= rounds; ++round) {
      for (std::size_t i = 0; i < who.size(); ++i) {
        const commit_work work{producers, i == 0 ? jobs.engine : jobs.store, outstanding};
        commit_costs costs = who[i]->run(work);
        all[i].name = who[i]->name();
        if (round > 0) all[i].add(std::move(costs), work.jobs);
      }
    }
    return all;
  }

 private:
  const bench::disk_directory& disk_;
  const bool toy_;
  std::unique_ptr<bench::logged_engine> engine_;
  std::vector<std::unique_ptr<commit_contender>> stores_;
};

const char* device_of(field& all) {
  return all.engine().has_uring() ? "io_uring" : "pwrite";
}

// For who reads a figure.
void say_where(const bench::disk_directory& disk, field& all) {
  std::fprintf(stderr, "directory: %s, log by %s\n", disk.file_system().c_str(), device_of(all));
}

void print_row(const outcome& one, const outcome& ours, commit_level level, const commit_work& work,
               const char* device) {
  const spread rate = bench::spread_of(one.jobs_per_s);
  const bool is_synced = level == commit_level::synced;
  std::printf("%-8s %-7s %9u %11llu %9.1f %9.1f %9.1f %8.1f", one.name.c_str(),
              is_synced ? "durable" : "relaxed", work.producers,
              static_cast<unsigned long long>(work.outstanding), rate.median / 1e3, rate.min / 1e3,
              rate.max / 1e3, rate.mad / 1e3);
  if (is_synced) {
    std::printf(" %8.0f %8.0f %8.0f", bench::median_of(one.p50_us), bench::median_of(one.p99_us),
                bench::median_of(one.p999_us));
  }
  if (&one == &ours) {
    std::printf("  %s, %.1f bytes a job, %.1f jobs a sync", device,
                bench::median_of(one.bytes_per_job), bench::median_of(one.jobs_per_sync));
  } else {
    std::printf("  pawl is %.2fx", ours.rate() / one.rate());
  }
  if (is_synced && work.outstanding >= 1'000 && !one.is_reproduced()) {
    std::printf("  not reproduced (%.2f of its reference)",
                one.rate() / bench::reference_commit_jobs_per_s(one.name));
  }
  std::printf("\n");
  std::fflush(stdout);
}

void print_rows(const bench::disk_directory& disk, commit_level level, const commit_work& work,
                const bench::args& args) {
  field all(disk, level, args);
  const std::vector<outcome> outcomes =
      all.alternate(work.producers, work.outstanding, args.rounds);
  for (const outcome& one : outcomes) print_row(one, outcomes.front(), level, work, device_of(all));
}

// By round: medians and tails, in nanoseconds.
struct latencies {
  std::vector<double> p50, p99;
  void add(std::vector<std::uint64_t> ns) {
    std::sort(ns.begin(), ns.end());
    p50.push_back(static_cast<double>(bench::quantile(ns, 0.5)));
    p99.push_back(static_cast<double>(bench::quantile(ns, 0.99)));
  }
};

struct singles {
  latencies engine, dsync, fdatasync;
  std::vector<latencies> stores;

  [[nodiscard]] spread ratio() const {
    std::vector<double> bare;
    for (std::size_t i = 0; i < dsync.p50.size(); ++i) {
      bare.push_back(std::min(dsync.p50[i], fdatasync.p50[i]));
    }
    return bench::ratios_of(engine.p50, bare);
  }
};

// One round: in turn also within it, a few at a time, as what else the machine does comes in bursts.
class singles_round {
 public:
  singles_round(field& all, bench::bare_write& dsync, bench::bare_write& fdatasync, bool toy)
      : stores_(all.stores().size()) {
    const unsigned turns = toy ? 1 : 20;
    const std::uint64_t jobs = toy ? 8 : 10;
    for (unsigned turn = 0; turn < turns; ++turn) {
      append(engine_, all.engine().run_singly(jobs));
      append(dsync_, dsync.run(jobs));
      append(fdatasync_, fdatasync.run(jobs));
      for (std::size_t i = 0; i < stores_.size(); ++i) {
        append(stores_[i], all.stores()[i]->run({1, jobs / 2, 1}).latencies_ns);
      }
    }
  }
  void add_to(singles& all) {
    all.engine.add(std::move(engine_));
    all.dsync.add(std::move(dsync_));
    all.fdatasync.add(std::move(fdatasync_));
    for (std::size_t i = 0; i < stores_.size(); ++i) all.stores[i].add(std::move(stores_[i]));
  }

 private:
  using nanoseconds = std::vector<std::uint64_t>;
  static void append(nanoseconds& to, const nanoseconds& more) {
    to.insert(to.end(), more.begin(), more.end());
  }
  nanoseconds engine_, dsync_, fdatasync_;
  std::vector<nanoseconds> stores_;
};

singles measure_singles(const bench::disk_directory& disk, field& all, const bench::args& args) {
  const std::string directory = disk.make("bare");
  bench::bare_write dsync(directory, bench::bare_write::way::dsync);
  bench::bare_write fdatasync(directory, bench::bare_write::way::fdatasync);
  singles seen;
  seen.stores.resize(all.stores().size());
  for (unsigned round = 0; round <= args.rounds; ++round) {
    singles_round now(all, dsync, fdatasync, args.toy);
    if (round > 0) now.add_to(seen);  // the first makes the files
  }
  return seen;
}

void print_singles(const bench::disk_directory& disk, const bench::args& args) {
  field all(disk, commit_level::synced, args);
  const singles seen = measure_singles(disk, all, args);
  const auto print = [](const char* who, const latencies& l) {
    const spread s = bench::spread_of(l.p50);
    std::printf("one at a time %-21s p50 %.1f us (min %.1f max %.1f)  p99 %.1f us\n", who,
                s.median / 1e3, s.min / 1e3, s.max / 1e3, bench::median_of(l.p99) / 1e3);
  };
  print("pawl", seen.engine);
  print("bare write, O_DSYNC", seen.dsync);
  print("bare write, fdatasync", seen.fdatasync);
  for (std::size_t i = 0; i < seen.stores.size(); ++i) {
    print(all.stores()[i]->name(), seen.stores[i]);
  }
  const spread ratio = seen.ratio();
  std::printf("one at a time, pawl to the faster bare write: %.2f (min %.2f max %.2f)\n",
              ratio.median, ratio.min, ratio.max);
}

void print_table(const bench::disk_directory& disk, const bench::args& args) {
  bench::print_machine(args.toy);
  std::printf("directory: %s\n", disk.file_system().c_str());
  std::printf(
      "payload 64 bytes; relaxed waits for nothing: the stores' batch is in that column\n"
      "%-8s %-7s %9s %11s %9s %9s %9s %8s %8s %8s %8s  thousand jobs/s and us until durable, "
      "%u rounds%s\n",
      "who", "level", "producers", "outstanding", "median", "min", "max", "mad", "p50", "p99",
      "p99.9", args.rounds, args.toy ? " (toy)" : "");
  for (const std::uint64_t outstanding :
       {std::uint64_t{1}, std::uint64_t{64}, many_outstanding, std::uint64_t{65'536}}) {
    for (const unsigned producers : {1u, 2u}) {
      print_rows(disk, commit_level::synced, {producers, 0, outstanding}, args);
    }
  }
  for (const unsigned producers : {1u, 2u}) {
    print_rows(disk, commit_level::relaxed, {producers, 0, many_outstanding}, args);
  }
  print_singles(disk, args);
}

// The engine with one producer, and its ratio to each store.
void print_rate_figure(const bench::disk_directory& disk, commit_level level,
                       const bench::args& args) {
  field all(disk, level, args);
  say_where(disk, all);
  const std::vector<outcome> seen = all.alternate(1, many_outstanding, args.rounds);
  const outcome& ours = seen.front();
  const spread rate = bench::spread_of(ours.jobs_per_s);
  std::printf("%s %.0f jobs/s %.0f %.0f", args.figure.c_str(), rate.median, rate.min, rate.max);
  for (std::size_t i = 1; i < seen.size(); ++i) {
    std::printf(" vs_%s %.3f", seen[i].name.c_str(), ours.rate() / seen[i].rate());
  }
  std::printf(" bytes_per_job %.1f jobs_per_sync %.1f", bench::median_of(ours.bytes_per_job),
              bench::median_of(ours.jobs_per_sync));
  if (level == commit_level::synced) {
    std::printf(" p50_us %.0f p99_us %.0f p999_us %.0f", bench::median_of(ours.p50_us),
                bench::median_of(ours.p99_us), bench::median_of(ours.p999_us));
    for (std::size_t i = 1; i < seen.size(); ++i) {
      if (!seen[i].is_reproduced()) std::printf(" not_reproduced %s", seen[i].name.c_str());
    }
  }
  std::printf("\n");
}

void print_single_figure(const bench::disk_directory& disk, const bench::args& args) {
  field all(disk, commit_level::synced, args);
  say_where(disk, all);
  const singles seen = measure_singles(disk, all, args);
  const double ours = bench::median_of(seen.engine.p50);
  const spread ratio = seen.ratio();
  std::printf("durable_one %.3f ratio %.3f %.3f vs_bare_write %.3f", ratio.median, ratio.min,
              ratio.max, ratio.median);
  for (std::size_t i = 0; i < seen.stores.size(); ++i) {
    std::printf(" vs_%s %.3f", all.stores()[i]->name(),
                bench::median_of(seen.stores[i].p50) / ours);
  }
  std::printf(" engine_p50_ns %.0f engine_p99_ns %.0f dsync_p50_ns %.0f fdatasync_p50_ns %.0f\n",
              ours, bench::median_of(seen.engine.p99), bench::median_of(seen.dsync.p50),
              bench::median_of(seen.fdatasync.p50));
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  const bench::disk_directory disk(args.directory);
  if (args.figure.empty()) {
    print_table(disk, args);
  } else if (args.figure == "durable") {
    print_rate_figure(disk, commit_level::synced, args);
  } else if (args.figure == "relaxed") {
    print_rate_figure(disk, commit_level::relaxed, args);
  } else if (args.figure == "durable_one") {
    print_single_figure(disk, args);
  } else {
    bench::usage(argv[0]);
  }
  return 0;
}
