// bench/submit_call.cpp -- what one submit() costs the thread that calls it.
//
// Time stamp counter before and after each call, the median of an empty pair subtracted. One
// producer calls as fast as it can. "running": the drains work at the same time, so the calls
// contain cache misses, wake-ups and, with fewer processors than threads, the kernel's time slices.
// "paused": the queue is paused, so the drains sleep: the call alone.
#include <algorithm>
#include <cstdio>
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

struct call_rounds {
  std::vector<double> p50, p99, p999;
};

std::uint64_t empty_pair_ticks() {
  std::vector<std::uint64_t> ticks(10'001);
  for (std::uint64_t& one : ticks) {
    const std::uint64_t begin = bench::read_tsc();
    one = bench::read_tsc() - begin;
  }
  std::sort(ticks.begin(), ticks.end());
  return bench::quantile(ticks, 0.5);
}

call_rounds measure(const bench::args& args, bool paused) {
  const std::uint64_t calls = args.toy ? 10'000 : 900'000;  // below the queue's default bound
  const double ns_per_tick = bench::measure_tsc_ns_per_tick();
  const std::uint64_t empty = empty_pair_ticks();
  bench::sharded_sum sums;
  pawl::registry kinds;
  const pawl::kind_ref kind =
      kinds.add<payload>("bench.call/1", [&sums](pawl::context&, const payload& one) {
        sums.add(one.number);
        return pawl::outcome::done();
      });
  const auto engine = bench::open_engine({}, kinds);
  const pawl::queue_ref queue = bench::open_queue(*engine, "call", {});
  call_rounds all;
  std::vector<std::uint64_t> ticks(calls);
  for (unsigned round = 0; round <= args.rounds; ++round) {
    if (paused) bench::require(engine->pause(queue).has_value(), "pause");
    payload one;
    for (std::uint64_t i = 0; i < calls; ++i) {
      one.number = i + 1;
      const std::uint64_t begin = bench::read_tsc();
      const pawl::submit_answer answer = engine->submit(queue, kind, one);
      const std::uint64_t end = bench::read_tsc();
      bench::require(bool{answer}, "submit was rejected");
      const std::uint64_t spent = end - begin;
      ticks[i] = spent > empty ? spent - empty : 0;
    }
    if (paused) bench::require(engine->resume(queue).has_value(), "resume");
    bench::wait_until([&] { return sums.read().count == calls; });
    bench::require(sums.read().sum == bench::sum_to(calls), "submit_call: sum");
    sums.reset();
    bench::sleep_ns(5'000'000);  // the last jobs' places come back
    if (round == 0) continue;    // it touches the memory for the first time
    std::vector<std::uint64_t> sorted = ticks;
    std::sort(sorted.begin(), sorted.end());
    all.p50.push_back(static_cast<double>(bench::quantile(sorted, 0.5)) * ns_per_tick);
    all.p99.push_back(static_cast<double>(bench::quantile(sorted, 0.99)) * ns_per_tick);
    all.p999.push_back(static_cast<double>(bench::quantile(sorted, 0.999)) * ns_per_tick);
  }
  return all;
}

void print_row(const char* what, const call_rounds& all, bool toy) {
  const bench::spread p50 = bench::spread_of(all.p50);
  const bench::spread p999 = bench::spread_of(all.p999);
  std::printf(
      "submit() %-8s p50 %.0f ns (min %.0f max %.0f)  p99 %.0f  p99.9 %.0f (min %.0f max "
      "%.0f)%s\n",
      what, p50.median, p50.min, p50.max, bench::median_of(all.p99), p999.median, p999.min,
      p999.max, toy ? " (toy)" : "");
}

void print_figure(const char* name, const std::vector<double>& rounds) {
  const bench::spread s = bench::spread_of(rounds);
  std::printf("%s %.0f ns %.0f %.0f\n", name, s.median, s.min, s.max);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  if (args.figure == "submit_p50") {
    print_figure("submit_p50", measure(args, false).p50);
  } else if (args.figure == "submit_p999") {
    print_figure("submit_p999", measure(args, false).p999);
  } else if (args.figure.empty()) {
    bench::print_machine(args.toy);
    print_row("running", measure(args, false), args.toy);
    print_row("paused", measure(args, true), args.toy);
  } else {
    bench::usage(argv[0]);
  }
  return 0;
}
