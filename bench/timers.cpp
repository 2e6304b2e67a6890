// bench/timers.cpp -- what a timer costs: schedule, restart, cancel, fire.
//
// One thread; random delays, uniform over 10 s; 10 M timers outstanding for the wheel and the plain
// heap, 1 M for the wheel and the libraries: they are compared at 1 M. The libraries live by the real
// clock, so their delays are uniform over 0.25 s, and they fire when all are due.
//
// The wheel and the heap pay for what the engine will do with an entry: the word of its slot decides
// whether it is stale, a cache miss a timer. For the libraries firing is a call that adds a number.
// Each row checks how many timers fired and the sum of their numbers; cancelled ones must not.
//
// --figure timer: nanoseconds of schedule and fire together, at 10 M, nothing restarted or cancelled;
// vs_heap at 10 M, the other ratios at 1 M.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "contenders/timer_contender.hpp"
#include "contenders/timer_slots.hpp"
#include "support/args.hpp"
#include "support/check.hpp"
#include "support/machine.hpp"
#include "support/reference.hpp"
#include "support/spread.hpp"

namespace {

using bench::timer_contender;
using bench::timer_costs;

constexpr std::uint64_t spread_ns = 10'000'000'000;
constexpr std::uint64_t real_spread_ns = 250'000'000;
constexpr double bytes_max = 20;
// Rounds of what is several times slower than the wheel: the figure has less than a minute.
constexpr unsigned slow_rounds = 3;

struct sizes {
  std::uint32_t many;  // outstanding
  std::uint32_t some;
};

sizes sizes_of(const bench::args& args) {
  if (args.toy) return {20'000, 5'000};
  return {10'000'000, 1'000'000};
}

// Delays, and an eighth each of the timers to restart and to cancel.
class drawn_work {
 public:
  drawn_work(std::uint32_t timers, std::uint64_t spread, bool touches) : spread_(spread) {
    std::mt19937_64 random(20'240'607);
    delays_.resize(timers);
    for (std::uint64_t& one : delays_) one = random() % spread;
    if (!touches) return;
    order_.resize(timers);
    std::iota(order_.begin(), order_.end(), 0u);
    std::shuffle(order_.begin(), order_.end(), random);
    order_.resize(timers / 4);
  }
  [[nodiscard]] bench::timer_work view() const {
    const std::span<const std::uint32_t> touched(order_);
    return {delays_, spread_, touched.first(touched.size() / 2),
            touched.subspan(touched.size() / 2)};
  }

 private:
  std::uint64_t spread_;
  std::vector<std::uint64_t> delays_;
  std::vector<std::uint32_t> order_;
};

// A contender at one number of timers.
struct row {
  timer_contender* who;
  const drawn_work* work;
  unsigned rounds;
  std::vector<timer_costs> costs = {};

  [[nodiscard]] std::size_t timers() const { return work->view().delays_ns.size(); }
  template <class Cost>
  [[nodiscard]] std::vector<double> all(Cost cost) const {
    std::vector<double> values;
    for (const timer_costs& one : costs) values.push_back(cost(one));
    return values;
  }
  [[nodiscard]] std::vector<double> sums() const {
    return all([](const timer_costs& one) { return one.schedule_ns + one.fire_ns; });
  }
  [[nodiscard]] bool is_reproduced() const {
    const double known = bench::reference_timer_ns(who->name());
    return known == 0 || bench::median_of(sums()) <= known / bench::reproduced_from;
  }
};

// In turn, so that a noisy second hurts all of them. The wheel's rounds go on to the end.
void measure(std::vector<row>& rows) {
  for (bool more = true; more;) {
    more = false;
    for (row& one : rows) {
      if (one.costs.size() == one.rounds) continue;
      one.costs.push_back(one.who->run(one.work->view()));
      more = true;
    }
  }
  for (const row& one : rows) {
    if (one.costs.front().longest_step_us == 0) continue;
    const bool is_large =
        one.timers() >= 1'000'000;  // below, unused parts of chunks count for more
    for (const timer_costs& cost : one.costs) {
      bench::require(!is_large || cost.bytes <= bytes_max, "bytes a timer in the wheel");
    }
  }
}

// Everybody, the wheel first at both sizes.
class field {
 public:
  field(const bench::args& args, bool touches)
      : many_(sizes_of(args).many, spread_ns, touches),
        some_(sizes_of(args).some, spread_ns, touches),
        real_(sizes_of(args).some, args.toy ? 20'000'000 : real_spread_ns, touches),
        slots_(sizes_of(args).many) {
    const unsigned slow = std::min(args.rounds, slow_rounds);
    rows = {{wheel_.get(), &many_, args.rounds}, {wheel_.get(), &some_, args.rounds},
            {heap_.get(), &many_, slow},         {libuv_.get(), &real_, slow},
            {libevent_.get(), &real_, slow},     {asio_.get(), &real_, slow}};
    measure(rows);
  }

  std::vector<row> rows;

 private:
  drawn_work many_;
  drawn_work some_;
  drawn_work real_;
  bench::timer_slots slots_;
  std::unique_ptr<timer_contender> wheel_ = bench::make_wheel(slots_);
  std::unique_ptr<timer_contender> heap_ = bench::make_heap(slots_);
  std::unique_ptr<timer_contender> libuv_ = bench::make_libuv();
  std::unique_ptr<timer_contender> libevent_ = bench::make_libevent();
  std::unique_ptr<timer_contender> asio_ = bench::make_asio_timer();
};

// The wheel's row with as many timers.
const row& like_for_like(const std::vector<row>& rows, const row& other) {
  return rows[0].timers() == other.timers() ? rows[0] : rows[1];
}

void print_figure(const bench::args& args) {
  const field all(args, false);
  const bench::spread ours = bench::spread_of(all.rows[0].sums());
  std::printf("timer %.1f ns %.1f %.1f", ours.median, ours.min, ours.max);
  for (std::size_t i = 2; i < all.rows.size(); ++i) {
    std::printf(" vs_%s %.2f", all.rows[i].who->name(),
                bench::median_of(all.rows[i].sums()) /
                    bench::median_of(like_for_like(all.rows, all.rows[i]).sums()));
  }
  std::printf(" bytes_per_entry %.2f",
              bench::median_of(all.rows[0].all([](const timer_costs& c) { return c.bytes; })));
  for (const row& one : all.rows) {
    if (!one.is_reproduced()) std::printf(" not_reproduced %s", one.who->name());
  }
  std::printf("\n");
}

void print_row(const row& one, const row& ours) {
  const bench::spread sum = bench::spread_of(one.sums());
  const auto median = [&](auto cost) { return bench::median_of(one.all(cost)); };
  std::printf("%-9s %10zu %9.1f %9.1f %9.1f %9.1f %10.1f %8.1f %8.1f %7.1f", one.who->name(),
              one.timers(), median([](const timer_costs& c) { return c.schedule_ns; }),
              median([](const timer_costs& c) { return c.restart_ns; }),
              median([](const timer_costs& c) { return c.cancel_ns; }),
              median([](const timer_costs& c) { return c.fire_ns; }), sum.median, sum.min, sum.max,
              median([](const timer_costs& c) { return c.bytes; }));
  if (&one == &ours) {
    std::printf("  longest step %.0f us",
                median([](const timer_costs& c) { return c.longest_step_us; }));
  } else {
    std::printf("  pawl is %.2fx", sum.median / bench::median_of(ours.sums()));
  }
  if (!one.is_reproduced()) std::printf("  not reproduced");
  std::printf("\n");
}

void print_table(const bench::args& args) {
  bench::print_machine(args.toy);
  std::printf("%-9s %10s %9s %9s %9s %9s %10s %8s %8s %7s  ns a timer, medians of %u rounds%s\n",
              "who", "timers", "schedule", "restart", "cancel", "fire", "sched+fire", "min", "max",
              "bytes", args.rounds, args.toy ? " (toy)" : "");
  const field all(args, true);
  for (const row& one : all.rows) print_row(one, like_for_like(all.rows, one));
}

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  if (args.figure.empty()) {
    print_table(args);
  } else if (args.figure == "timer") {
    print_figure(args);
  } else {
    bench::usage(argv[0]);
  }
  return 0;
}
