// engine/read_metrics.cpp -- the members of engine that say what has happened.
#include <algorithm>
#include <initializer_list>

#include "engine/engine.hpp"
#include "engine/picture.hpp"

namespace pawl {

namespace {

bool is_closed_for_any(const queue_gate& gate,
                       std::initializer_list<gate_reason> reasons) noexcept {
  return std::any_of(reasons.begin(), reasons.end(),
                     [&gate](gate_reason r) { return gate.is_closed_for(r); });
}

queue_metrics describe(const core& c, const ready_queue& q, tally_sums of, std::uint64_t now_ns) {
  queue_metrics m;
  m.name = q.name();
  m.queue = {static_cast<std::uint16_t>(q.index()), c.tag};
  m.counts = of.counts;
  m.waiting = of.waiting();
  m.scheduled = of.scheduled();
  m.running = of.running;
  m.times = std::move(of.times);
  if (const std::uint64_t since = oldest_ready_ns(q); since != 0 && since < now_ns) {
    m.oldest_ready = duration(static_cast<std::int64_t>(now_ns - since));
  }
  m.jobs_max = q.room().bound();
  m.bytes = q.bytes().in_use();
  m.bytes_max = q.bytes().bound();
  m.concurrency_max = q.limits().limit();
  const std::uint64_t interval_ns = q.limits().interval_ns();
  if (interval_ns != 0) m.starts_per_s_max = 1e9 / static_cast<double>(interval_ns);
  m.paused = is_closed_for_any(q.gate(), {gate_reason::paused, gate_reason::all_paused});
  m.held = is_closed_for_any(q.gate(), {gate_reason::held, gate_reason::all_held});
  m.takes_jobs = q.takes_jobs();
  m.is_at_limit = q.limits().is_full() ||
                  is_closed_for_any(q.gate(), {gate_reason::at_limit, gate_reason::at_rate,
                                               gate_reason::all_at_rate});
  return m;
}

}  // namespace

counters engine::read_counters() const noexcept {
  return read_total(core_);
}

metrics engine::read_metrics() const {
  metrics m;
  const std::uint64_t now = core_.clock.boot_ns();
  m.taken = duration(static_cast<std::int64_t>(now));
  m.opened = std::chrono::system_clock::time_point(
      duration(static_cast<std::int64_t>(core_.opened_wall_ns)));
  sums_by_pair pairs = read_tallies(core_, true);
  std::vector<tally_sums> queues = sum_by_queue(pairs);
  std::vector<tally_sums> kinds = sum_by_kind(pairs, core_.kinds.size());
  m.lanes = core_.lanes.sum();
  m.health = describe_health(queues, jobs_without_handler(core_, pairs));
  core_.queues.for_each([&](const ready_queue& q) {
    m.queues.push_back(describe(
        core_, q, q.index() < queues.size() ? std::move(queues[q.index()]) : tally_sums{}, now));
  });
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const auto number = static_cast<std::uint16_t>(i);
    m.kinds.push_back({core_.kinds[i].name,
                       {number},
                       kinds[i].counts,
                       std::move(kinds[i].times),
                       kinds[i].running,
                       core_.gates.of_kind(number).waiting()});
    if (const breaker* const b = core_.gates.of_kind(number).trips()) {
      m.kinds.back().breaker = b->state(now);
      m.kinds.back().breaker_opened = b->opened();
      m.kinds.back().breaker_half_opened = b->half_opened();
      m.kinds.back().breaker_closed = b->closed();
    }
  }
  for (auto& [pair, sum] : pairs) {
    m.total += sum.counts;
    if (pair == no_pair) {
      m.unassigned = sum.counts;
      continue;
    }
    m.pairs.push_back({{static_cast<std::uint16_t>(pair >> 16), core_.tag},
                       {static_cast<std::uint16_t>(pair & 0xffff)},
                       sum.counts,
                       std::move(sum.times)});
  }
  return m;
}

health_report engine::health() const {
  sums_by_pair pairs = read_tallies(core_, false);
  return describe_health(sum_by_queue(pairs), jobs_without_handler(core_, pairs));
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
