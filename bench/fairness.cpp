// bench/fairness.cpp -- what a thousand queues get of the time when one more floods them; and a thousand
// tenants of one queue (queue_order::tenants).
//
// Queues of weights 1 to 10 and one priority hold jobs in proportion to their weights; a flooder of weight 1
// holds as many as half of them together. Then the same with tenants in the place of queues. All is submitted while everything is paused, the flood first. When half of
// the jobs of the thousand have run, everything is paused again. A queue's error is how far its starts are
// from its weight's share of all starts. Handlers take 2 us, so a visit of a queue of weight 1 is ten jobs. One
// that is off its processor is charged for it: the largest errors are of queues that met another thread.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "support/args.hpp"
#include "support/check.hpp"
#include "support/clock.hpp"
#include "support/machine.hpp"
#include "support/open_engine.hpp"
#include "support/producers.hpp"
#include "support/spread.hpp"

namespace {

struct sizes {
  unsigned queues;
  unsigned jobs_a_weight;
};
sizes sizes_of(const bench::args& args) {
  return args.toy ? sizes{20, 40} : sizes{1'000, 400};
}

enum class member : std::uint8_t { queue, tenant };

struct payload {
  std::uint64_t of = 0;  // the number of its queue or tenant; the flooder's is that of queues
};
constexpr std::uint64_t handler_ns = 2'000;

constexpr unsigned weight_of(unsigned queue) noexcept {
  return 1 + queue % 10;
}

// How far from its share each of the thousand was, and the flooder; 0.1: a tenth.
struct shares {
  std::vector<double> errors;  // sorted
  double flooder = 0;          // what it got, in shares
  double jobs_per_s = 0;
};

class crowd {
 public:
  crowd(const sizes& size, member of)
      : size_(size), started_(std::make_unique<std::atomic<std::uint64_t>[]>(size.queues + 1)) {
    pawl::registry kinds;
    kind_ = kinds.add<payload>("bench.fair/1", [this](pawl::context&, const payload& one) {
      started_[one.of].fetch_add(1, std::memory_order_relaxed);
      const std::uint64_t until = bench::now_ns() + handler_ns;
      while (bench::now_ns() < until) {
      }
      return pawl::outcome::done();
    });
    pawl::options options;
    options.drains = 2;
    engine_ = bench::open_engine(options, kinds);
    for (unsigned i = 0; i <= size.queues; ++i) {
      const bool floods = i == size.queues;
      add(of, "m" + std::to_string(i), floods ? 1 : weight_of(i));
      if (!floods) weights_ += weight_of(i);
    }
  }

  shares run() {
    for (unsigned i = 0; i <= size_.queues; ++i) started_[i].store(0, std::memory_order_relaxed);
    bench::require(engine_->pause(pawl::scope::all()).has_value(), "pause");
    const std::uint64_t jobs = std::uint64_t{weights_} * size_.jobs_a_weight;
    submit(size_.queues, jobs / 2);
    for (unsigned i = 0; i < size_.queues; ++i) {
      submit(i, std::uint64_t{weight_of(i)} * size_.jobs_a_weight);
    }
    const std::uint64_t begin = bench::now_ns();
    bench::require(engine_->resume(pawl::scope::all()).has_value(), "resume");
    bench::wait_until([&] { return started_of_all() >= jobs / 2; });
    bench::require(engine_->pause(pawl::scope::all()).has_value(), "pause");
    const std::uint64_t end = bench::now_ns();
    shares s = judge();
    s.jobs_per_s = static_cast<double>(started_of_all() + started_[size_.queues].load()) /
                   (static_cast<double>(end - begin) * 1e-9);
    bench::require(engine_->resume(pawl::scope::all()).has_value(), "resume");
    bench::wait_until(
        [&] { return started_of_all() == jobs && started_[size_.queues].load() == jobs / 2; });
    return s;
  }

 private:
  void add(member of, const std::string& name, unsigned weight) {
    const bool is_queue = of == member::queue;
    tenants_.emplace_back();
    if (is_queue || queues_.empty()) {
      queues_.push_back(bench::open_queue(
          *engine_, name,
          {.jobs_max = 10'000'000,
           .weight = is_queue ? weight : 1,
           .order = is_queue ? pawl::queue_order::fifo : pawl::queue_order::tenants}));
    } else {
      queues_.push_back(queues_.front());
    }
    if (is_queue) return;
    const auto made = engine_->tenant(name, {.weight = weight});
    bench::require(made.has_value(), "tenant");
    tenants_.back() = *made;
  }

  void submit(unsigned who, std::uint64_t jobs) {
    const payload one{who};
    std::array<pawl::job_spec, 256> specs;
    specs.fill({std::as_bytes(std::span(&one, 1)), {.tenant = tenants_[who]}});
    while (jobs > 0) {
      const std::size_t count = std::min<std::uint64_t>(specs.size(), jobs);
      bench::require(bool{engine_->submit_bulk(queues_[who], kind_, std::span(specs).first(count))},
                     "submit_bulk was rejected");
      jobs -= count;
    }
  }

  [[nodiscard]] std::uint64_t started_of_all() const {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < size_.queues; ++i) sum += started_[i].load(std::memory_order_relaxed);
    return sum;
  }

  [[nodiscard]] shares judge() const {
    const double flood = static_cast<double>(started_[size_.queues].load());
    const double share = (static_cast<double>(started_of_all()) + flood) / (weights_ + 1.0);
    shares s;
    for (unsigned i = 0; i < size_.queues; ++i) {
      const double got = static_cast<double>(started_[i].load()) / weight_of(i);
      s.errors.push_back(std::fabs(got / share - 1));
    }
    std::sort(s.errors.begin(), s.errors.end());
    s.flooder = flood / share;
    return s;
  }

  const sizes size_;
  unsigned weights_ = 0;
  std::unique_ptr<std::atomic<std::uint64_t>[]> started_;
  std::vector<pawl::queue_ref> queues_;    // by member; of tenants it is one and the same
  std::vector<pawl::tenant_ref> tenants_;  // by member; of queues it is none
  pawl::kind_ref kind_;
  std::unique_ptr<pawl::scheduler> engine_;  // last: its handlers use the members above
};

struct row {
  bench::spread p50, p99, most, flooder, rate;
};
row measure(const bench::args& args, member of) {
  crowd c(sizes_of(args), of);
  std::array<std::vector<double>, 5> all;
  for (unsigned round = 0; round < args.rounds; ++round) {
    const shares s = c.run();
    all[0].push_back(bench::quantile(s.errors, 0.5));
    all[1].push_back(bench::quantile(s.errors, 0.99));
    all[2].push_back(s.errors.back());
    all[3].push_back(s.flooder);
    all[4].push_back(s.jobs_per_s);
  }
  return {bench::spread_of(all[0]), bench::spread_of(all[1]), bench::spread_of(all[2]),
          bench::spread_of(all[3]), bench::spread_of(all[4])};
}

void print_table(const bench::args& args) {
  bench::print_machine(args.toy);
  std::printf("%-8s %9s %9s %9s %9s %9s  medians of %u rounds%s\n", "of", "err p50", "err p99",
              "err max", "flooder", "million/s", args.rounds, args.toy ? " (toy)" : "");
  for (const member of : {member::queue, member::tenant}) {
    const row r = measure(args, of);
    std::printf("%-8s %9.4f %9.4f %9.4f %9.3f %9.2f\n", of == member::queue ? "queues" : "tenants",
                r.p50.median, r.p99.median, r.most.median, r.flooder.median, r.rate.median / 1e6);
  }
}

void print_figure(const bench::args& args, const char* name, member of) {
  const row r = measure(args, of);
  std::printf("%s %.4f error_p50 %.4f %.4f error_p99 %.4f error_max %.4f flooder %.3f\n", name,
              r.p50.median, r.p50.min, r.p50.max, r.p99.median, r.most.median, r.flooder.median);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  if (args.figure.empty()) {
    print_table(args);
  } else if (args.figure == "fair_share") {
    print_figure(args, "fair_share", member::queue);
  } else if (args.figure == "fair_tenants") {
    print_figure(args, "fair_tenants", member::tenant);
  } else {
    bench::usage(argv[0]);
  }
  return 0;
}
