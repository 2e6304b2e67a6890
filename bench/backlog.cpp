// bench/backlog.cpp -- does a job cost more because millions of others wait behind it?
//
// The job: priority normal, one of a wave of 65,536. A wave is submitted by bulks of 256 while its
// queue is paused, then the queue is resumed and the wave runs on all drains; ns per job is the
// time of both halves over the wave's size. Nothing of the backlog runs before the wave has,
// except what ageing grants it; what runs after it is neither on the clock nor in the sum.
// The backlog: 10 M jobs of priority bulk in the same queue.
//   none   an engine without
//   fresh  submitted one after the other
//   churn  11 M submitted, 6 M of them cancelled in random order, 5 M submitted again: the places
//          that are free, which the wave then takes, lie scattered over all the memory
// A wave of each in turn, so that a noisy second hurts all of them; figures are ratios to none.
#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

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

struct payload {
  std::uint64_t number = 0;
  std::uint64_t filler[3] = {};
};

struct sizes {
  std::uint64_t backlog;
  std::uint64_t holes;  // free places that the churn leaves
  std::uint64_t wave;
  unsigned waves;  // a round
};

sizes sizes_of(const bench::args& args) {
  if (args.toy) return {20'000, 4'000, 2'000, 4};
  return {10'000'000, 1'000'000, 65'536, 16};
}

enum class shape { none, fresh, churn };
constexpr const char* shape_names[] = {"none", "fresh", "churn"};

// An engine with its backlog, paused.
class loaded_engine {
 public:
  loaded_engine(shape wanted, const sizes& size) : wave_(size.wave) {
    pawl::registry kinds;
    kind_ = kinds.add<payload>("bench.wave/1", [this](pawl::context&, const payload& one) {
      sums_.add(one.number);
      return pawl::outcome::done();
    });
    behind_kind_ = kinds.add<payload>(
        "bench.behind/1", [](pawl::context&, const payload&) { return pawl::outcome::done(); });
    pawl::options options;
    options.jobs_max = size.backlog + 2 * size.holes;
    engine_ = bench::open_engine(options, kinds);
    queue_ = bench::open_queue(*engine_, "backlog", {.jobs_max = options.jobs_max});
    bench::require(engine_->pause(queue_).has_value(), "pause");
    if (wanted == shape::fresh) submit(size.backlog, behind_kind_, pawl::priority::bulk);
    if (wanted == shape::churn) churn(size);
  }

  // Nanoseconds a job.
  double run_wave() {
    sums_.reset();
    const std::uint64_t begin = bench::now_ns();
    submit(wave_, kind_, pawl::priority::normal);
    bench::require(engine_->resume(queue_).has_value(), "resume");
    bench::wait_until([&] { return sums_.read().count >= wave_; });
    const std::uint64_t end = bench::now_ns();
    bench::require(engine_->pause(queue_).has_value(), "pause");
    bench::require(sums_.read().count == wave_, "backlog: number of handlers that ran");
    bench::require(sums_.read().sum == bench::sum_to(wave_), "backlog: sum");
    bench::sleep_ns(1'000'000);  // the drains put back what they hold and sleep
    return static_cast<double>(end - begin) / static_cast<double>(wave_);
  }

 private:
  std::vector<pawl::job_id> submit(std::uint64_t jobs, pawl::kind_ref kind,
                                   pawl::priority priority) {
    std::array<payload, 256> payloads{};
    std::array<pawl::job_spec, 256> specs;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      specs[i] = {std::as_bytes(std::span(&payloads[i], 1)), {.priority = priority}};
    }
    std::vector<pawl::job_id> ids(jobs);
    for (std::uint64_t done = 0; done < jobs;) {
      const std::size_t count = std::min<std::uint64_t>(specs.size(), jobs - done);
      for (std::size_t i = 0; i < count; ++i) payloads[i].number = done + i + 1;
      bench::require(bool{engine_->submit_bulk(queue_, kind, std::span(specs).first(count),
                                               std::span(ids).subspan(done, count))},
                     "submit_bulk was rejected");
      done += count;
    }
    return ids;
  }

  void churn(const sizes& size) {
    std::vector<pawl::job_id> ids =
        submit(size.backlog + size.holes, behind_kind_, pawl::priority::bulk);
    std::shuffle(ids.begin(), ids.end(), std::mt19937_64(20'240'531));
    ids.resize(size.backlog / 2 + size.holes);
    for (const pawl::job_id id : ids) {
      bench::require(engine_->cancel(id).has_value(), "cancel of a waiting job");
    }
    bench::require(engine_->read_counters().cancelled == ids.size(), "counters.cancelled");
    submit(size.backlog / 2, behind_kind_, pawl::priority::bulk);
  }

  std::uint64_t wave_;
  bench::sharded_sum sums_;
  pawl::kind_ref kind_;
  pawl::kind_ref behind_kind_;
  pawl::queue_ref queue_;
  std::unique_ptr<pawl::scheduler> engine_;
};

// Per shape: the median wave of each round.
std::vector<std::vector<double>> measure(const std::vector<shape>& shapes,
                                         const bench::args& args) {
  const sizes size = sizes_of(args);
  std::vector<std::unique_ptr<loaded_engine>> engines;
  for (const shape one : shapes) engines.push_back(std::make_unique<loaded_engine>(one, size));
  std::vector<std::vector<double>> rounds(shapes.size());
  for (unsigned round = 0; round <= args.rounds; ++round) {
    std::vector<std::vector<double>> waves(shapes.size());
    for (unsigned wave = 0; wave < size.waves; ++wave) {
      for (std::size_t i = 0; i < engines.size(); ++i) waves[i].push_back(engines[i]->run_wave());
    }
    if (round == 0) continue;  // it touches the memory for the first time
    for (std::size_t i = 0; i < engines.size(); ++i) {
      rounds[i].push_back(bench::median_of(waves[i]));
    }
  }
  return rounds;
}

std::vector<double> ratios(const std::vector<double>& to, const std::vector<double>& from) {
  std::vector<double> all;
  for (std::size_t i = 0; i < to.size(); ++i) all.push_back(to[i] / from[i]);
  return all;
}

void print_figure(const bench::args& args, shape with) {
  const auto rounds = measure({shape::none, with}, args);
  const bench::spread s = bench::spread_of(ratios(rounds[1], rounds[0]));
  std::printf("%s %.3f ratio %.3f %.3f none_ns %.1f behind_ns %.1f\n", args.figure.c_str(),
              s.median, s.min, s.max, bench::median_of(rounds[0]), bench::median_of(rounds[1]));
}

void print_table(const bench::args& args) {
  bench::print_machine(args.toy);
  const std::vector<shape> shapes{shape::none, shape::fresh, shape::churn};
  const auto rounds = measure(shapes, args);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const bench::spread ns = bench::spread_of(rounds[i]);
    const bench::spread ratio = bench::spread_of(ratios(rounds[i], rounds[0]));
    std::printf("%-6s %llu behind  %.1f ns a job (min %.1f max %.1f mad %.2f)  %.3f of none%s\n",
                shape_names[i],
                static_cast<unsigned long long>(i == 0 ? 0 : sizes_of(args).backlog), ns.median,
                ns.min, ns.max, ns.mad, ratio.median, args.toy ? " (toy)" : "");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  bench::ask_for_exact_sleeps();
  if (args.figure.empty()) {
    print_table(args);
  } else if (args.figure == "backlog") {
    print_figure(args, shape::churn);
  } else if (args.figure == "backlog_fresh") {
    print_figure(args, shape::fresh);
  } else {
    bench::usage(argv[0]);
  }
  return 0;
}
