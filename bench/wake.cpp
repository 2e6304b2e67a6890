// bench/wake.cpp -- how long a job waits for a thread, and what the threads cost while none comes.
//
// idle wake   one job after 1.5 ms of quiet: from just before submit() until its handler starts; in
//             turn, round by round, with a bare futex hand-off after the same quiet
// open loop   10 k and 100 k jobs a second at times fixed in advance. "from due": from the time the
//             job should have been submitted, so a producer that is held up cannot hide it; it
//             includes how late the producer's own sleep ended. "from submit": the engine's share
// idle        with nothing to do: wake-ups a second and processor time of all threads
#include <algorithm>
#include <cstdio>
#include <vector>

#include "contenders/bare_futex.hpp"
#include "support/args.hpp"
#include "support/check.hpp"
#include "support/clock.hpp"
#include "support/machine.hpp"
#include "support/open_engine.hpp"
#include "support/process.hpp"
#include "support/producers.hpp"
#include "support/sharded_sum.hpp"
#include "support/spread.hpp"

namespace {

constexpr std::uint64_t quiet_ns = 1'500'000;

struct ping {
  std::uint64_t index;
};

// An engine whose handler notes when it started. One place a job: no two handlers share it.
class stopwatch {
 public:
  explicit stopwatch(std::size_t places) : started_(places) {
    pawl::registry kinds;
    kind_ = kinds.add<ping>("bench.ping/1", [this](pawl::context&, const ping& one) {
      started_[one.index] = bench::now_ns();
      sums_.add(one.index + 1);
      return pawl::outcome::done();
    });
    engine_ = bench::open_engine({}, kinds);
    queue_ = bench::open_queue(*engine_, "ping", {});
  }

  void submit(std::uint64_t index) {
    bench::require(bool{engine_->submit(queue_, kind_, ping{index})}, "submit was rejected");
  }
  // Jobs 0..count-1 have run, each once; then counting begins again.
  void finish(std::uint64_t count) {
    bench::wait_until([&] { return sums_.read().count >= count; });
    bench::require(sums_.read().sum == bench::sum_to(count), "wake: sum");
    sums_.reset();
  }
  [[nodiscard]] std::uint64_t started(std::uint64_t index) const { return started_[index]; }

 private:
  std::vector<std::uint64_t> started_;
  bench::sharded_sum sums_;
  pawl::kind_ref kind_;
  pawl::queue_ref queue_;
  std::unique_ptr<pawl::scheduler> engine_;
};

struct latencies {
  double p50 = 0;
  double p99 = 0;
  double p999 = 0;
};

latencies summarize(std::vector<std::uint64_t> ns) {
  std::sort(ns.begin(), ns.end());
  return {static_cast<double>(bench::quantile(ns, 0.5)),
          static_cast<double>(bench::quantile(ns, 0.99)),
          static_cast<double>(bench::quantile(ns, 0.999))};
}

latencies idle_wake(stopwatch& watch, unsigned samples) {
  std::vector<std::uint64_t> ns;
  for (unsigned i = 0; i < samples; ++i) {
    bench::sleep_ns(quiet_ns);
    const std::uint64_t begin = bench::now_ns();
    watch.submit(0);
    watch.finish(1);
    ns.push_back(watch.started(0) - begin);
  }
  return summarize(std::move(ns));
}

latencies futex_wake(bench::bare_futex& futex, unsigned samples) {
  std::vector<std::uint64_t> ns;
  for (unsigned i = 0; i < samples; ++i) {
    bench::sleep_ns(quiet_ns);
    ns.push_back(futex.hand_over_ns());
  }
  return summarize(std::move(ns));
}

struct wake_rounds {
  std::vector<double> engine_p50, engine_p99, futex_p50, futex_p99, ratio_p50;
};

wake_rounds measure_idle_wake(const bench::args& args) {
  const unsigned samples = args.toy ? 50 : 1'000;
  stopwatch watch(1);
  bench::bare_futex futex;
  wake_rounds all;
  for (unsigned round = 0; round <= args.rounds; ++round) {
    const latencies engine = idle_wake(watch, samples);
    const latencies bare = futex_wake(futex, samples);
    if (round == 0) continue;  // the first touches the code and the memory
    all.engine_p50.push_back(engine.p50);
    all.engine_p99.push_back(engine.p99);
    all.futex_p50.push_back(bare.p50);
    all.futex_p99.push_back(bare.p99);
    all.ratio_p50.push_back(engine.p50 / bare.p50);
  }
  return all;
}

void print_open_loop(unsigned per_s, const bench::args& args) {
  const std::uint64_t jobs = per_s * (args.toy ? 1u : 20u) / 10u;
  const std::uint64_t step = 1'000'000'000u / per_s;
  stopwatch watch(jobs);
  std::vector<double> due50, due99, due999, own50, own99, own999;
  for (unsigned round = 0; round < args.rounds; ++round) {
    std::vector<std::uint64_t> submitted(jobs);
    const std::uint64_t begin = bench::now_ns() + 1'000'000;
    for (std::uint64_t i = 0; i < jobs; ++i) {
      // A producer that is late submits all that is due, without sleeping.
      if (begin + i * step > bench::now_ns()) bench::sleep_until_ns(begin + i * step);
      submitted[i] = bench::now_ns();
      watch.submit(i);
    }
    watch.finish(jobs);
    std::vector<std::uint64_t> from_due, from_submit;
    for (std::uint64_t i = 0; i < jobs; ++i) {
      from_due.push_back(watch.started(i) - (begin + i * step));
      from_submit.push_back(watch.started(i) - submitted[i]);
    }
    const latencies due = summarize(std::move(from_due));
    const latencies own = summarize(std::move(from_submit));
    due50.push_back(due.p50), due99.push_back(due.p99), due999.push_back(due.p999);
    own50.push_back(own.p50), own99.push_back(own.p99), own999.push_back(own.p999);
  }
  const auto us = [](const std::vector<double>& v) { return bench::median_of(v) / 1e3; };
  std::printf(
      "open loop %6u/s  from due p50 %.2f p99 %.2f p99.9 %.2f us  "
      "from submit p50 %.2f p99 %.2f p99.9 %.2f us\n",
      per_s, us(due50), us(due99), us(due999), us(own50), us(own99), us(own999));
}

struct idle_cost {
  double wakeups_per_s = 0;
  double cpu_percent = 0;
};

// The scheduler has run jobs before: an engine that never worked is easily idle.
std::vector<idle_cost> measure_idle(const bench::args& args) {
  stopwatch watch(1);
  watch.submit(0);
  watch.finish(1);
  std::vector<idle_cost> all;
  for (unsigned round = 0; round < args.rounds; ++round) {
    bench::sleep_ns(20'000'000);  // the drains look around before they sleep
    const std::uint64_t sleeps = bench::sleeps_of_other_threads();
    const double cpu = bench::cpu_of_other_threads_ns();
    const std::uint64_t begin = bench::now_ns();
    bench::sleep_ns(args.toy ? 100'000'000u : 3'000'000'000u);
    const double ns = static_cast<double>(bench::now_ns() - begin);
    const double cpu_spent = std::max(0.0, bench::cpu_of_other_threads_ns() - cpu);
    all.push_back({static_cast<double>(bench::sleeps_of_other_threads() - sleeps) / ns * 1e9,
                   cpu_spent / ns * 100});
  }
  return all;
}

void print_table(const bench::args& args) {
  bench::print_machine(args.toy);
  const wake_rounds wake = measure_idle_wake(args);
  const auto row = [&](const char* who, const std::vector<double>& p50,
                       const std::vector<double>& p99) {
    const bench::spread s = bench::spread_of(p50);
    std::printf("idle wake %-11s p50 %.2f us (min %.2f max %.2f mad %.2f)  p99 %.2f us\n", who,
                s.median / 1e3, s.min / 1e3, s.max / 1e3, s.mad / 1e3, bench::median_of(p99) / 1e3);
  };
  row("pawl", wake.engine_p50, wake.engine_p99);
  row("bare futex", wake.futex_p50, wake.futex_p99);
  std::printf("idle wake ratio       %.2f\n", bench::median_of(wake.ratio_p50));
  for (const unsigned per_s : {10'000u, 100'000u}) print_open_loop(per_s, args);
  for (const idle_cost& one : measure_idle(args)) {
    std::printf("idle %.2f wake-ups/s, %.4f %% of a processor\n", one.wakeups_per_s,
                one.cpu_percent);
  }
  if (args.toy) std::printf("(toy)\n");
}

void print_wake_figure(const bench::args& args) {
  const wake_rounds wake = measure_idle_wake(args);
  const bench::spread ratio = bench::spread_of(wake.ratio_p50);
  std::printf(
      "wake_idle %.3f ratio %.3f %.3f vs_bare_futex %.3f engine_p50_ns %.0f "
      "engine_p99_ns %.0f futex_p50_ns %.0f futex_p99_ns %.0f\n",
      ratio.median, ratio.min, ratio.max, ratio.median, bench::median_of(wake.engine_p50),
      bench::median_of(wake.engine_p99), bench::median_of(wake.futex_p50),
      bench::median_of(wake.futex_p99));
}

void print_idle_figure(const bench::args& args) {
  std::vector<double> wakeups, cpu;
  for (const idle_cost& one : measure_idle(args)) {
    wakeups.push_back(one.wakeups_per_s);
    cpu.push_back(one.cpu_percent);
  }
  const bench::spread s = bench::spread_of(wakeups);
  std::printf("idle_wakeups %.2f wakeups/s %.2f %.2f cpu_percent %.4f\n", s.median, s.min, s.max,
              bench::median_of(cpu));
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  bench::ask_for_exact_sleeps();
  if (args.figure.empty()) {
    print_table(args);
  } else if (args.figure == "wake_idle") {
    print_wake_figure(args);
  } else if (args.figure == "idle_wakeups") {
    print_idle_figure(args);
  } else {
    bench::usage(argv[0]);
  }
  return 0;
}
