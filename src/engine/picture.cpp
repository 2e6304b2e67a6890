#include "engine/picture.hpp"

#include <algorithm>

#include "job/id.hpp"

namespace pawl {

namespace {

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

// The jobs on the board. One that starts or ends meanwhile may be there or not.
void count_running(const core& c, sums_by_pair& pairs) {
  c.contexts.for_each([&](const thread_context& t) {
    const job_id id = t.line.running();
    if (!id) return;
    const slot& job = c.jobs[id_slot(id)];
    const std::uint32_t pair = (std::uint32_t{job.queue} << 16) | job.kind;
    if (t.line.running() == id) ++pairs[pair].running;  // so the fields were its
  });
}

void add(tally_sums& to, const tally_sums& part) {
  static_cast<counters&>(to.counts) += part.counts;
  to.counts.put_off += part.counts.put_off;
  to.counts.taken_up += part.counts.taken_up;
  to.times += part.times;
  to.running += part.running;
}

}  // namespace

std::uint64_t tally_sums::alive() const noexcept {
  return difference(counts.accepted + counts.requeued, counts.ended());
}
std::uint64_t tally_sums::scheduled() const noexcept {
  return difference(counts.put_off, counts.taken_up);
}
std::uint64_t tally_sums::waiting() const noexcept {
  return difference(alive(), scheduled() + running);
}

sums_by_pair read_tallies(const core& c, bool with_times) {
  sums_by_pair pairs;
  add_all(c, [&pairs](std::uint32_t pair) -> counted& { return pairs[pair].counts; });
  count_running(c, pairs);
  for (auto& [pair, sum] : pairs) add_submitted(sum.counts);
  if (!with_times || !c.has_histograms) return pairs;
  for_each_tally(c, [&pairs](const pair_tally& t) {
    if (const job_times* const times = t.times.load(acquire); times != nullptr) {
      times->add_to(pairs[t.pair].times);
    }
  });
  return pairs;
}

counted read_total(const core& c) noexcept {
  counted sum;
  add_all(c, [&sum](std::uint32_t) -> counted& { return sum; });
  add_submitted(sum);
  return sum;
}

std::vector<tally_sums> sum_by_queue(const sums_by_pair& pairs) {
  std::vector<tally_sums> queues;
  for (const auto& [pair, sum] : pairs) {
    if (pair == no_pair) continue;
    const std::size_t queue = pair >> 16;
    if (queues.size() <= queue) queues.resize(queue + 1);
    add(queues[queue], sum);
  }
  return queues;
}

std::uint64_t jobs_without_handler(const core& c, const sums_by_pair& pairs) noexcept {
  std::uint64_t jobs = 0;
  for (const auto& [pair, sum] : pairs) {
    if (pair != no_pair && c.running_kinds[pair & 0xffff].call == nullptr) jobs += sum.alive();
  }
  return jobs;
}

std::vector<tally_sums> sum_by_kind(const sums_by_pair& pairs, std::size_t kinds) {
  std::vector<tally_sums> by_kind(kinds);
  for (const auto& [pair, sum] : pairs) {
    if (pair != no_pair) add(by_kind[pair & 0xffff], sum);
  }
  return by_kind;
}

memory_report describe_memory(const core& c) noexcept {
  memory_report r = c.memory.look();
  const slab::extent slots = c.jobs.look();
  const std::uint64_t in_use = c.room.in_use() + c.dead.size();
  r.free_bytes = (slots.slots - std::min(slots.slots, in_use)) * slots.bytes_each;
  const std::uint64_t used = r.bytes + r.set_aside_bytes;
  if (r.bytes_max > used) {
    const std::uint64_t step = region::step_bytes / sizeof(slot) * slots.bytes_each;
    r.free_bytes += (r.bytes_max - used) / step * step;
  }
  r.letters_purged = c.dead.purged();
  return r;
}

std::uint64_t oldest_ready_ns(const ready_queue& q) noexcept {
  std::uint64_t oldest = 0;
  for (unsigned b = 0; b < priority_count; ++b) {
    const std::uint64_t since = q.served_ns(b);
    if (since == 0 || !q.band_has_jobs(b)) continue;
    oldest = oldest == 0 ? since : std::min(oldest, since);
  }
  return oldest;
}

bool has_ready(const ready_queue& q) noexcept {
  for (unsigned b = 0; b < priority_count; ++b) {
    if (q.band_has_jobs(b)) return true;
  }
  return false;
}

}  // namespace pawl
