#include "tally.hpp"

#include <algorithm>

namespace pawl_tool {

namespace {

using std::memory_order_relaxed;

std::uint64_t nanoseconds_of(std::chrono::nanoseconds time) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
}

}  // namespace

tally::tally() : shards_(std::make_unique<std::array<shard, shard_count>>()) {}

tally::shard& tally::mine() noexcept {
  static std::atomic<std::size_t> threads_seen{0};
  thread_local const std::size_t index =
      threads_seen.fetch_add(1, memory_order_relaxed) % shard_count;
  return (*shards_)[index];
}

void tally::started(unsigned attempt, std::chrono::nanoseconds waited) noexcept {
  shard& s = mine();
  s.started.fetch_add(1, memory_order_relaxed);
  if (attempt == 1) {
    s.waited.add(nanoseconds_of(waited));
  } else {
    s.restarted.fetch_add(1);
  }
}

void tally::attempt_ended(pawl::job_state now, bool timed_out,
                          std::chrono::nanoseconds ran) noexcept {
  shard& s = mine();
  s.ran.add(nanoseconds_of(ran));
  if (timed_out) s.timed_out.fetch_add(1, memory_order_relaxed);
  if (now == pawl::job_state::completed) {
    s.completed.fetch_add(1);
  } else if (now == pawl::job_state::dead) {
    s.dead.fetch_add(1);
  } else {
    s.retried.fetch_add(1);
  }
}

void tally::interrupted() noexcept {
  mine().interrupted.fetch_add(1);
}

void tally::known(std::uint64_t completed, std::uint64_t dead, std::uint64_t failed) noexcept {
  known_completed_.store(completed);
  known_dead_.store(dead);
  known_failed_.store(failed);
}

void tally::refused() noexcept {
  mine().refused.fetch_add(1);
}

void tally::released(std::uint64_t jobs, std::uint64_t line_bytes) noexcept {
  shard& s = mine();
  s.released_bytes.fetch_add(line_bytes, memory_order_relaxed);
  s.released_jobs.fetch_add(jobs);
}

totals tally::read() const noexcept {
  totals sum;
  for (const shard& s : *shards_) {
    sum.released_jobs += s.released_jobs.load();
    sum.released_bytes += s.released_bytes.load(memory_order_relaxed);
    sum.completed += s.completed.load();
    sum.dead += s.dead.load();
    sum.refused += s.refused.load();
    sum.started += s.started.load(memory_order_relaxed);
    sum.restarted += s.restarted.load();
    sum.retried += s.retried.load();
    sum.timed_out += s.timed_out.load(memory_order_relaxed);
    sum.interrupted += s.interrupted.load();
  }
  sum.known_completed = known_completed_.load();
  sum.known_dead = known_dead_.load();
  sum.known_failed = known_failed_.load();
  sum.ended = sum.completed + sum.dead + sum.known_completed + sum.known_dead;
  return sum;
}

void tally::read_times(histogram& waited, histogram& ran) const noexcept {
  for (const shard& s : *shards_) {
    waited.add_all(s.waited);
    ran.add_all(s.ran);
  }
}

}  // namespace pawl_tool
