#include "engine/settings.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "job/payload_arena.hpp"
#include "persistence/segment_header.hpp"
#include "policy/health.hpp"
#include "policy/log_bound.hpp"

namespace pawl {

namespace {

constexpr std::uint64_t jobs_max_limit = 100'000'000;
constexpr std::uint32_t dead_limit = 10'000'000;
constexpr unsigned blocking_limit = 4096;
constexpr duration longest_duration = std::chrono::hours(24 * 365);

failure out_of_range(std::string_view option) {
  return {errc::invalid, 0, option};
}

bool is_duration(duration d) {
  return d >= duration(0) && d <= longest_duration;
}

bool check_rate(const rate_limit& r) {
  if (r.starts == 0) return true;
  return r.per > duration(0) && r.per <= std::chrono::hours(24) && r.burst != 0 &&
         static_cast<std::uint64_t>(r.per.count()) >= r.starts;
}

// A job has an entry for its due time and one for its expiry; as many may be stale before a turn takes them
// out, and as many again while it does.
std::size_t timer_entries_for(std::uint32_t slots) noexcept {
  return std::size_t{slots} * 6 + (1u << 20);
}

}  // namespace

machine this_machine() noexcept {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  machine m;
  m.processors = std::max(1u, std::thread::hardware_concurrency());
  if (pages > 0 && page_bytes > 0) {
    m.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
  }
  if (::getrandom(&m.random, sizeof m.random, GRND_NONBLOCK) != sizeof m.random) {
    m.random =
        static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  return m;
}

result<core_settings> settle(const options& wanted, const machine& m) noexcept {
  if (!check_rules(wanted.health)) return out_of_range("options.health");
  if (wanted.drains > eventcount::sleepers_max) return out_of_range("options.drains");
  if (static_cast<unsigned>(wanted.executor) > static_cast<unsigned>(executor::stepped)) {
    return out_of_range("options.executor");
  }
  if (!wanted.directory.empty() && !is_segment_length(wanted.segment_bytes)) {
    return out_of_range("options.segment_bytes");
  }
  if (!wanted.directory.empty() && !is_log_bound(wanted.log_bytes_max, wanted.segment_bytes)) {
    return out_of_range("options.log_bytes_max");
  }
  if (wanted.jobs_max == 0 || wanted.jobs_max > jobs_max_limit) {
    return out_of_range("options.jobs_max");
  }
  if (wanted.payload_bytes_max > payload_arena::payload_bytes_max) {
    return out_of_range("options.payload_bytes_max");
  }
  if (wanted.dead_in_memory > dead_limit) return out_of_range("options.dead_in_memory");
  if (wanted.blocking_threads_max == 0 || wanted.blocking_threads_max > blocking_limit) {
    return out_of_range("options.blocking_threads_max");
  }
  if (!is_duration(wanted.blocking_idle)) return out_of_range("options.blocking_idle");
  if (!is_duration(wanted.spin)) return out_of_range("options.spin");
  if (!is_duration(wanted.ageing)) return out_of_range("options.ageing");
  if (!is_duration(wanted.grace)) return out_of_range("options.grace");
  if (!is_duration(wanted.quarantine)) return out_of_range("options.quarantine");
  if (static_cast<unsigned>(wanted.on_overrun) > static_cast<unsigned>(on_overrun::dead)) {
    return out_of_range("options.on_overrun");
  }
  if (wanted.replacements_max > eventcount::sleepers_max) {
    return out_of_range("options.replacements_max");
  }
  if (!is_duration(wanted.stop_deadline)) return out_of_range("options.stop_deadline");
  if (!check_rate(wanted.start_rate)) return out_of_range("options.start_rate");

  core_settings s;
  s.given = wanted;
  s.drains = wanted.drains != 0 ? wanted.drains : std::min(m.processors, eventcount::sleepers_max);
  // A loop that is held by a handler holds the host's thread: nobody is put in its place.
  const bool may_replace = wanted.executor != executor::external;
  s.replacements =
      may_replace ? std::min(wanted.replacements_max, eventcount::sleepers_max - s.drains) : 0;
  s.seed = wanted.seed != 0 ? wanted.seed : m.random;
  const std::uint64_t quarter = m.memory_bytes != 0 ? m.memory_bytes / 4 : std::uint64_t{1} << 30;
  s.given.jobs_max = std::clamp<std::uint64_t>(wanted.jobs_max, 1,
                                               std::max<std::uint64_t>(quarter / slot_bytes, 1));
  if (wanted.payload_memory_bytes_max == 0) s.given.payload_memory_bytes_max = quarter;
  // Beside the jobs alive: the dead that are kept, and free slots lying in two magazines of each
  // context there may be.
  const std::uint32_t contexts = context_office::application_contexts_max + 3 + s.drains +
                                 s.replacements + wanted.blocking_threads_max;
  s.magazines = 2 * contexts;
  s.slots = static_cast<std::uint32_t>(s.given.jobs_max + wanted.dead_in_memory +
                                       contexts * (std::uint64_t{2} * magazine_slots + 1));
  s.timer_entries = timer_entries_for(s.slots);
  return s;
}

void make_room_for(core_settings& s, std::uint32_t used) noexcept {
  // All but those of the jobs may lie in magazines, or be kept.
  const std::uint64_t others = s.slots - std::min<std::uint64_t>(s.slots, s.given.jobs_max);
  const std::uint64_t wanted = std::max<std::uint64_t>(s.slots, std::uint64_t{used} + others);
  s.slots = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, slots_max));
  s.timer_entries = timer_entries_for(s.slots);
}

// A step of slots with what is counted beside it, one of magazines, of timers, and of five sizes of payloads;
// and what contexts begin with, for as many as there may be.
std::uint64_t memory_bytes_min(const core_settings& s) noexcept {
  constexpr std::uint64_t steps = 18u << 20;
  constexpr std::uint64_t context = 24u << 10;
  return steps + s.magazines / 2 * context;
}

namespace {

status check_kind(const kind_options& k) noexcept {
  if (k.max_attempts == 0) return out_of_range("kind_options.max_attempts");
  if (!is_duration(k.run_timeout)) return out_of_range("kind_options.run_timeout");
  if (const status ok = check_backoff(k.backoff); !ok) return ok.error();
  if (!check_limits(k.limits)) return out_of_range("kind_options.limits");
  if (!check_breaker(k.breaker)) return out_of_range("kind_options.breaker");
  for (const retry_rule& r : k.rules) {
    if (r.kind != 0 && r.attempts_max == 0) return out_of_range("kind_options.rules");
  }
  return std::monostate{};
}

}  // namespace

bool check_breaker(const breaker_rule& r) noexcept {
  if (r.window == 0) return true;
  return r.window <= 30'000 && r.attempts_min >= 1 && r.attempts_min <= r.window &&
         r.failed_percent >= 1 && r.failed_percent <= 100 && r.slow_percent >= 1 &&
         r.slow_percent <= 100 && is_duration(r.slow) && r.open_for > duration(0) &&
         r.open_for <= std::chrono::hours(24) && r.trials >= 1;
}

status check_backoff(const backoff& b) noexcept {
  const bool in_range =
      static_cast<unsigned>(b.form) <= static_cast<unsigned>(backoff::shape::table) &&
      static_cast<unsigned>(b.jitter) <= static_cast<unsigned>(jitter::decorrelated) &&
      b.factor >= 1 && b.factor <= 1000 && is_duration(b.base) && is_duration(b.cap) &&
      b.table_count <= backoff::table_max &&
      (b.form != backoff::shape::table || b.table_count > 0) &&
      std::all_of(b.delays.begin(), b.delays.end(), is_duration);
  if (!in_range) return out_of_range("backoff");
  return std::monostate{};
}

status check_kinds(const registry& kinds) noexcept {
  if (!kinds.valid()) return failure{errc::invalid, 0, "registry.add"};
  for (const registry::entry& e : kinds.entries()) {
    if (const status ok = check_kind(e.options); !ok) return ok.error();
  }
  return std::monostate{};
}

status check_options(const queue_options& wanted) noexcept {
  if (wanted.jobs_max == 0 || wanted.jobs_max > jobs_max_limit) {
    return out_of_range("queue_options.jobs_max");
  }
  if (wanted.weight == 0 || wanted.weight > 1000) return out_of_range("queue_options.weight");
  if (!is_duration(wanted.block_for)) return out_of_range("queue_options.block_for");
  if (static_cast<unsigned>(wanted.when_full) > static_cast<unsigned>(when_full::shed)) {
    return out_of_range("queue_options.when_full");
  }
  if (!check_limits(wanted.limits)) return out_of_range("queue_options.limits");
  if (wanted.lanes.concurrency == 0 || !check_rate(wanted.lanes.rate) ||
      !check_breaker(wanted.lanes.breaker) ||
      static_cast<unsigned>(wanted.lanes.on_failure) > static_cast<unsigned>(on_failure::skip)) {
    return out_of_range("queue_options.lanes");
  }
  if (static_cast<unsigned>(wanted.order) > static_cast<unsigned>(queue_order::tenants)) {
    return out_of_range("queue_options.order");
  }
  if (wanted.durability > durability::durable) return out_of_range("queue_options.durability");
  // A heap knows its first, not its last.
  if (wanted.order != queue_order::fifo && wanted.when_full == when_full::shed) {
    return out_of_range("queue_options.when_full");
  }
  return std::monostate{};
}

status check_queue(std::string_view name, const queue_options& wanted) noexcept {
  if (const status ok = check_name(name, "queue.name"); !ok) return ok.error();
  return check_options(wanted);
}

status check_name(std::string_view name, std::string_view what) noexcept {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (name.empty() || name.size() > 128 || !std::all_of(name.begin(), name.end(), allowed)) {
    return out_of_range(what);
  }
  return std::monostate{};
}

status check_span(duration span, std::string_view what) noexcept {
  if (!is_duration(span)) return out_of_range(what);
  return std::monostate{};
}

status check_limits(const limits& wanted) noexcept {
  if (!check_rate(wanted.rate)) return out_of_range("limits.rate");
  return std::monostate{};
}

}  // namespace pawl
