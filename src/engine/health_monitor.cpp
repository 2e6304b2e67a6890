#include "engine/health_monitor.hpp"

#include <algorithm>
#include <set>

#include "engine/wal.hpp"

namespace pawl {

namespace {

// The queues whose jobs wait in a drain's batch, behind the one that it runs.
std::set<unsigned> queues_in_batches(const core& c) {
  std::set<unsigned> queues;
  for (const batch_ring& ring : c.rings) {
    std::uint64_t place = 0;
    if (ring.look_at_last(place)) queues.insert(c.jobs[band_entry{place}.slot()].queue);
  }
  return queues;
}

queue_sight see(const core& c, const ready_queue& q, const tally_sums& of, bool is_in_a_batch,
                std::uint64_t now_ns) noexcept {
  queue_sight s;
  s.jobs = q.room().in_use();
  s.jobs_max = q.room().bound();
  s.bytes = q.bytes().in_use();
  s.bytes_max = q.bytes().bound();
  s.started = of.counts.started;
  s.ended.good = of.counts.completed;
  s.ended.failed = of.counts.retried;
  for (const dead_cause cause : {dead_cause::exhausted, dead_cause::handler, dead_cause::crashed,
                                 dead_cause::timeout, dead_cause::decode}) {
    s.ended.failed += of.counts.dead[static_cast<std::size_t>(cause)];
  }
  const std::uint64_t since = oldest_ready_ns(q);
  if (since != 0 && since < now_ns) s.oldest_ready_ns = now_ns - since;
  s.has_ready = of.waiting() != 0 && (is_in_a_batch || has_ready(q));
  s.is_closed = !q.gate().is_open() || q.limits().is_full();
  s.has_limit = q.limits().has_limit() || q.limits().has_rate() || c.all_starts.has_rate();
  s.is_paused = q.gate().is_closed_for(gate_reason::paused) ||
                q.gate().is_closed_for(gate_reason::all_paused);
  return s;
}

scheduler_sight see_scheduler(const core& c, std::uint64_t now_ns) noexcept {
  scheduler_sight s;
  s.jobs = c.room.in_use();
  s.jobs_max = c.room.bound();
  s.bytes = c.bytes.in_use();
  s.bytes_max = c.bytes.bound();
  s.overruns = c.overruns.load(relaxed);
  const std::uint64_t next = c.due_later.next_ns();  // 0: somebody is about to look
  const bool is_fired = c.settings.given.dispatch && !c.stopping.load(relaxed);
  if (is_fired && next != 0 && next < now_ns) s.timers_late_ns = now_ns - next;
  s.dead = c.dead.size();
  s.dead_max = c.settings.given.dead_in_memory;
  s.payload_bytes = c.payloads.memory_bytes();
  s.payload_bytes_max = c.settings.given.payload_memory_bytes_max;
  const lane_metrics lanes = c.lanes.sum();
  s.lanes_stopped = lanes.stopped;
  s.breakers_open = lanes.breakers_open;
  for (std::size_t i = 0; i < c.kinds.size(); ++i) {
    const breaker* const of = c.gates.of_kind(static_cast<unsigned>(i)).trips();
    if (of != nullptr && !of->is_closed()) ++s.breakers_open;
  }
  const memory_report memory = describe_memory(c);
  s.memory_bytes_max = memory.bytes_max;
  s.memory_bytes = memory.bytes_max - std::min(memory.bytes_max, memory.free_bytes);
  s.log_stopped = c.log != nullptr && c.log->refusal() != reject::none;
  return s;
}

}  // namespace

std::vector<condition> health_monitor::look(const core& c, const std::vector<tally_sums>& queues,
                                            std::uint64_t without_handler) {
  const std::lock_guard lock(looking_);
  const std::uint64_t now = c.clock.boot_ns();
  const std::set<unsigned> in_batches = queues_in_batches(c);
  std::vector<condition> found;
  const auto judge = [&](alarm_state& alarm, issue what, std::optional<double> value,
                         queue_ref queue) {
    alarm = step_alarm(rule_of(c.settings.given.health, what), alarm, value, now);
    if (!alarm.is_raised) return;
    found.push_back({what, severity_of(what), queue, value.value_or(0),
                     duration(static_cast<std::int64_t>(alarm.raised_ns))});
  };
  c.queues.for_each([&](const ready_queue& q) {
    if (queues_.size() <= q.index()) queues_.resize(q.index() + 1);
    queue_memory& memory = queues_[q.index()];
    const tally_sums none;
    const tally_sums& of = q.index() < queues.size() ? queues[q.index()] : none;
    const queue_values values =
        look_at_queue(memory, see(c, q, of, in_batches.contains(q.index()), now), now);
    for (std::size_t i = 0; i < values.size(); ++i) {
      judge(memory.alarms[i], static_cast<issue>(i), values[i],
            queue_ref{static_cast<std::uint16_t>(q.index()), c.tag});
    }
  });
  scheduler_sight all = see_scheduler(c, now);
  all.without_handler = without_handler;
  const scheduler_values values = look_at_scheduler(all);
  for (std::size_t i = 0; i < values.size(); ++i) {
    judge(alarms_[i], static_cast<issue>(queue_issue_count + i), values[i], {});
  }
  return found;
}

}  // namespace pawl
