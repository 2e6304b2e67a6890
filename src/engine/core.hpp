// engine/core.hpp -- what all parts of a scheduler share.
//
// Built by engine.cpp, before any thread, and torn down after the last. Nothing here acts; intake,
// runner, drain and blocking_pool do.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "base/eventcount.hpp"
#include "engine/context_office.hpp"
#include "engine/dead_letters.hpp"
#include "engine/end_waiters.hpp"
#include "engine/gate_table.hpp"
#include "engine/kept_results.hpp"
#include "engine/lanes.hpp"
#include "engine/messages.hpp"
#include "engine/quarantine.hpp"
#include "engine/queue_table.hpp"
#include "engine/source_table.hpp"
#include "engine/strict_starts.hpp"
#include "engine/timers.hpp"
#include "engine/unique_keys.hpp"
#include "engine/watchdog.hpp"
#include "job/memory_budget.hpp"
#include "job/payload_arena.hpp"
#include "job/slab.hpp"
#include "pawl/options.hpp"
#include "pawl/registry.hpp"
#include "ready/active_set.hpp"
#include "ready/batch_ring.hpp"
#include "ready/byte_room.hpp"
#include "ready/credits.hpp"

namespace pawl {

class scheduler;
class wal;

// What the log calls queues: its numbers of names begin with 1.
constexpr std::uint32_t number_of_queue(unsigned index) noexcept {
  return index + 1;
}

// The same of sources.
constexpr std::uint32_t number_of_source(unsigned index) noexcept {
  return index + 1;
}

// The settings with every 0 that means "choose" replaced.
struct core_settings {
  options given;
  unsigned drains = 1;
  std::uint32_t slots = 0;
  std::uint32_t magazines = 0;  // beyond those that all slots fill
  unsigned replacements = 0;    // drains that may be started in place of stuck ones
  std::size_t timer_entries = 0;
  std::uint64_t seed = 0;
};

// What a start needs of a kind, side by side; the rest stays with its registry entry.
struct running_kind {
  explicit running_kind(const registry::entry& e) noexcept
      : call(e.call),
        user(e.user),
        fits(e.fits),
        run_timeout_ns(e.options.run_timeout.count() > 0
                           ? static_cast<std::uint64_t>(e.options.run_timeout.count())
                           : UINT64_MAX),
        attempts_max(e.options.max_attempts),
        blocking(e.options.blocking),
        parallel(e.options.parallel),
        has_breaker(e.options.breaker.window != 0),
        looks_for_slow(e.options.breaker.slow.count() != 0) {}
  handler call;
  void* user;
  bool (*fits)(std::span<const std::byte>);
  std::uint64_t run_timeout_ns;  // UINT64_MAX: none
  std::uint8_t attempts_max;
  bool blocking;
  bool parallel;
  // relaxed: from some moment on. A kind that had a breaker once is asked for ever.
  atomic<bool> has_breaker;
  atomic<bool> looks_for_slow;  // its breaker does
};

struct core {
  // `all_kinds`: the first `kinds_known` have handlers.
  core(const core_settings& s, std::vector<registry::entry> all_kinds, std::size_t kinds_known,
       const clock_source& c, bool barrier_works, alarm* timer_alarm)
      : settings(s),
        kinds(std::move(all_kinds)),
        kinds_with_handler(kinds_known),
        running_kinds(kinds.begin(), kinds.end()),
        clock(c),
        opened_wall_ns(c.wall_ns()),
        asymmetric(barrier_works),
        has_histograms(s.given.histograms),
        watches_starts(s.given.histograms || s.given.hooks.on_start != nullptr),
        say(s.given.log, c),
        memory(s.given.memory_bytes_max),
        jobs(s.slots, s.magazines, &memory),
        payloads(s.given.payload_memory_bytes_max, &memory),
        queues(&memory),
        room(s.given.jobs_max),
        bytes(s.given.bytes_max),
        rings(s.drains + s.replacements),
        contexts(jobs, payloads, &memory),
        gates(kinds.size(), &memory),
        lot(s.slots),
        lanes(s.slots, &memory),
        order(s.slots),
        keys(jobs, &memory),
        dead(s.given.dead_in_memory, &memory),
        results(s.given.results_in_memory, &memory),
        due_later(c.boot_ns(), s.timer_entries, timer_alarm, &memory),
        seed(s.seed),
        drains_alive(s.given.executor == executor::external ? 0 : s.drains) {
    for (auto& cell : last_ready_ns) cell.at.store(c.boot_ns(), relaxed);
  }

  const core_settings settings;
  // Those of the registry, and behind them kinds of which the log has jobs and nobody has a handler.
  const std::vector<registry::entry> kinds;
  const std::size_t kinds_with_handler;
  std::vector<running_kind> running_kinds;  // the same, of the same numbers
  const clock_source& clock;
  const std::uint64_t opened_wall_ns;
  const bool asymmetric;                    // see ready/board.hpp
  const bool has_histograms;                // engine/timing.hpp
  const bool watches_starts;                // or there is a hook
  scheduler* owner = nullptr;               // for context::owner(); set before any thread starts
  std::uint16_t tag = 0;                    // queue_ref::scheduler
  wal* log = nullptr;                       // null: there is none; set before there is any context
  std::vector<std::uint32_t> kind_numbers;  // what the log calls kinds
  std::uint64_t key_seed = 0;               // of the hashes of unique keys
  std::uint64_t first_generation = 1;  // smaller ones were given before the scheduler was opened
  std::uint64_t settings_order = 0;    // of what was logged last of scopes; under the lock of verbs

  messages say;
  memory_budget memory;
  const memory_account places_account{&memory, memory_pool::places};
  slab jobs;
  payload_arena payloads;
  queue_table queues;
  active_set active;
  eventcount idle;                // where drains sleep; sleeper i is drain i
  credits room;                   // of the whole scheduler
  byte_room bytes;                // the same; see engine/weighing.hpp
  std::vector<batch_ring> rings;  // ring i belongs to drain i
  context_office contexts;

  gate_table gates;  // of kinds and tenants; a queue has its own
  parking_lot lot;
  lane_table lanes;
  order_marks order;   // of jobs in ordered queues
  permits all_starts;  // the scheduler's start rate
  // When it is asked again, for all queues that it has closed; UINT64_MAX: nobody waits. seq_cst: who closes a queue
  // looks here afterwards, and who fires clears this and looks at the queues afterwards.
  atomic<std::uint64_t> rate_timer_ns{UINT64_MAX};
  struct {
    std::mutex mutex;  // held by who pauses, resumes or holds any scope
    bool is_paused = false;
    bool is_held = false;
    std::uint64_t resume_at_ns = UINT64_MAX;
    std::uint64_t held_until_ns = 0;
  } all;  // the scheduler as a scope
  // What a start, and a submit, has to look at beyond its queue's gate: a combination of gated. Those bits
  // are set before the first limit or closed gate counts, and stay. Above them are counted the changes of
  // gates that a pass must not outlive (ready/start_pass.hpp). seq_cst: the look of a start (board.hpp).
  enum gated : std::uint64_t { starts = 1u << 0, intake = 1u << 1, change = 1u << 2 };
  atomic<std::uint64_t> gating{0};
  void note_change_of_gates() noexcept { gating.fetch_add(change, seq_cst); }  // after it was made
  atomic<bool> takes_jobs{true};  // relaxed: close_intake() applies from some moment on

  end_waiters waiters;
  unique_keys keys;
  dead_letters dead;
  kept_results results;
  source_table sources;
  timers due_later;
  strict_starts strict;
  quarantine suspects;
  watchdog watch;
  const std::uint64_t
      seed;  // of all that is random: mixed with an id it gives a number of that job's

  // seq_cst where a replacement that is about to sleep must not miss that it is one too many
  // (drain::run, settling); elsewhere relaxed: numbers for decisions that may be a moment late.
  atomic<unsigned> overruns{0};  // threads held by handlers that overran
  atomic<unsigned>
      drains_alive;  // with the replacements that run now; external: the loops there are

  // Since when the job that a band served last was ready. relaxed: ageing is a matter of seconds.
  struct alignas(cache_line_bytes) lag_cell {
    atomic<std::uint64_t> at{0};
  };
  std::array<lag_cell, priority_count> last_ready_ns;

  // seq_cst: set before the sleepers are woken; a sleeper looks at it after it announced itself.
  atomic<bool> stopping{false};
};

}  // namespace pawl
