// engine/read_metrics.cpp -- what the contexts have counted, added up: the members of engine that say
// what has happened.
#include <algorithm>
#include <initializer_list>
#include <map>

#include "engine/engine.hpp"
#include "job/id.hpp"

namespace pawl {

namespace {

constexpr std::uint32_t no_pair = UINT32_MAX;

std::uint64_t difference(std::uint64_t a, std::uint64_t b) noexcept {
  return a > b ? a - b : 0;
}

// Calls f(pair_tally) for all there are.
template <class F>
void for_each_tally(const core& c, F f) {
  c.contexts.for_each([&f](const thread_context& t) { t.tallies.for_each(f); });
}

// Ends first, then starts, then what was accepted: each step makes sure that what it counts is not more
// than what the next one does (tally.hpp). `sum_of` says where a pair belongs.
template <class F>
void add_all(const core& c, F sum_of) {
  for_each_tally(c, [&](const pair_tally& t) { t.counts.add_ends_to(sum_of(t.pair)); });
  for_each_tally(c, [&](const pair_tally& t) { t.counts.add_starts_to(sum_of(t.pair)); });
  for_each_tally(c, [&](const pair_tally& t) { t.counts.add_accepted_to(sum_of(t.pair)); });
}

void add_submitted(counters& sum) noexcept {
  sum.submitted = sum.accepted + sum.deduplicated;
  for (const std::uint64_t n : sum.rejected) sum.submitted += n;
}

struct pair_numbers {
  counted counts;
  job_histograms times;
  std::uint64_t running = 0;
};
using by_pair = std::map<std::uint32_t, pair_numbers>;

// The jobs on the board. One that starts or ends meanwhile may be there or not.
void count_running(const core& c, by_pair& sums) {
  c.contexts.for_each([&](const thread_context& t) {
    const job_id id = t.line.running();
    if (!id) return;
    const slot& job = c.jobs[id_slot(id)];
    const std::uint32_t pair = (std::uint32_t{job.queue} << 16) | job.kind;
    if (t.line.running() == id) ++sums[pair].running;  // so the fields were its
  });
}

void add_times(const core& c, by_pair& sums) {
  if (!c.has_histograms) return;
  for_each_tally(c, [&sums](const pair_tally& t) {
    if (const job_times* const times = t.times.load(acquire); times != nullptr) {
      times->add_to(sums[t.pair].times);
    }
  });
}

void add(counted& sum, const counted& part) noexcept {
  static_cast<counters&>(sum) += part;
  sum.put_off += part.put_off;
  sum.taken_up += part.taken_up;
}

duration oldest_ready(const ready_queue& q, std::uint64_t now_ns) noexcept {
  std::uint64_t longest = 0;
  for (unsigned b = 0; b < priority_count; ++b) {
    const std::uint64_t since = q.served_ns(b);
    if (since != 0 && q.band_has_jobs(b)) longest = std::max(longest, difference(now_ns, since));
  }
  return duration(static_cast<std::int64_t>(longest));
}

bool is_closed_for_any(const queue_gate& gate,
                       std::initializer_list<gate_reason> reasons) noexcept {
  return std::any_of(reasons.begin(), reasons.end(),
                     [&gate](gate_reason r) { return gate.is_closed_for(r); });
}

queue_metrics describe(const core& c, const ready_queue& q, const pair_numbers& of,
                       std::uint64_t now_ns) {
  queue_metrics m;
  m.name = q.name();
  m.queue = {static_cast<std::uint16_t>(q.index()), c.tag};
  m.counts = of.counts;
  m.times = of.times;
  m.running = of.running;
  m.scheduled = difference(of.counts.put_off, of.counts.taken_up);
  const std::uint64_t alive =
      difference(of.counts.accepted + of.counts.requeued, of.counts.ended());
  m.waiting = difference(alive, m.scheduled + m.running);
  m.oldest_ready = oldest_ready(q, now_ns);
  m.jobs_max = q.room().bound();
  m.concurrency_max = q.limits().limit();
  const std::uint64_t interval_ns = q.limits().interval_ns();
  if (interval_ns != 0) m.starts_per_s_max = 1e9 / static_cast<double>(interval_ns);
  m.paused = is_closed_for_any(q.gate(), {gate_reason::paused, gate_reason::all_paused});
  m.held = is_closed_for_any(q.gate(), {gate_reason::held, gate_reason::all_held});
  m.takes_jobs = q.takes_jobs();
  m.is_at_limit = is_closed_for_any(
      q.gate(), {gate_reason::at_limit, gate_reason::at_rate, gate_reason::all_at_rate});
  return m;
}

}  // namespace

counters engine::read_counters() const noexcept {
  counted sum;
  add_all(core_, [&sum](std::uint32_t) -> counted& { return sum; });
  add_submitted(sum);
  return sum;
}

metrics engine::read_metrics() const {
  metrics m;
  by_pair sums;
  const std::uint64_t now = core_.clock.boot_ns();
  m.taken = duration(static_cast<std::int64_t>(now));
  add_all(core_, [&sums](std::uint32_t pair) -> counted& { return sums[pair].counts; });
  count_running(core_, sums);
  add_times(core_, sums);

  for (auto& [pair, numbers] : sums) {
    add_submitted(numbers.counts);
    m.total += numbers.counts;
  }
  m.unassigned = sums[no_pair].counts;
  sums.erase(no_pair);
  std::vector<pair_numbers> by_queue;
  std::vector<pair_numbers> by_kind(core_.kinds.size());
  for (const auto& [pair, numbers] : sums) {
    const unsigned queue = pair >> 16;
    const unsigned kind = pair & 0xffff;
    if (by_queue.size() <= queue) by_queue.resize(queue + 1);
    for (pair_numbers* const sum : {&by_queue[queue], &by_kind[kind]}) {
      add(sum->counts, numbers.counts);
      sum->times += numbers.times;
      sum->running += numbers.running;
    }
    m.pairs.push_back({{static_cast<std::uint16_t>(queue), core_.tag},
                       {static_cast<std::uint16_t>(kind)},
                       numbers.counts,
                       numbers.times});
  }
  core_.queues.for_each([&](const ready_queue& q) {
    by_queue.resize(std::max<std::size_t>(by_queue.size(), q.index() + 1));
    m.queues.push_back(describe(core_, q, by_queue[q.index()], now));
  });
  for (std::size_t i = 0; i < core_.kinds.size(); ++i) {
    const auto number = static_cast<std::uint16_t>(i);
    m.kinds.push_back({core_.kinds[i].name,
                       {number},
                       by_kind[i].counts,
                       by_kind[i].times,
                       by_kind[i].running,
                       core_.gates.of_kind(number).waiting()});
  }
  m.health = health();
  return m;
}

void engine::count_rejected(thread_context& context, queue_ref queue, kind_ref kind, reject r,
                            std::size_t count) noexcept {
  const bool is_pair = queue.scheduler == core_.tag && core_.queues.at(queue.index) != nullptr &&
                       kind.index < core_.kinds.size();
  tally& counts =
      is_pair ? context.tallies.of(queue.index, kind.index).counts : context.tallies.rest();
  counts.add(r, count);
}

}  // namespace pawl
