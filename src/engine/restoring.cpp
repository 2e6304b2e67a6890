#include "engine/restoring.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/seeded_bug.hpp"
#include "engine/ending.hpp"
#include "engine/job_log.hpp"
#include "engine/payload_storing.hpp"
#include "engine/placing.hpp"
#include "engine/unique_jobs.hpp"
#include "engine/weighing.hpp"
#include "job/expiry.hpp"
#include "job/extra.hpp"
#include "job/id.hpp"
#include "policy/lane.hpp"
#include "policy/ordering.hpp"
#include "policy/retry.hpp"

namespace pawl {

namespace {

constexpr failure no_memory_to_recover{errc::memory, 0, "recovery"};

job_word make_word(std::uint64_t version, job_state state) noexcept {
  return {(version << 16) | (std::uint64_t{static_cast<std::uint8_t>(state)} << 12)};
}

duration as_duration(std::uint64_t ns) noexcept {
  return duration(static_cast<std::int64_t>(ns));
}

class restorer {
 public:
  restorer(core& c, thread_context& context, const kind_numbers& kinds) noexcept
      : core_(c),
        context_(context),
        kinds_(kinds),
        boot_now_(c.clock.boot_ns()),
        wall_now_(c.clock.wall_ns()) {}

  status put(const durable_job& d);
  // Once all are there.
  void keep_keys(const durable_state& state);
  void enter_lanes();
  void push_places();

 private:
  struct lane_entry {
    std::uint64_t order;
    std::uint32_t slot;
    std::string_view key;
    bool has_place;
  };
  struct held_place {
    std::uint16_t queue;
    std::uint8_t band;
    std::uint64_t place;
  };

  bool fill(slot& job, const durable_job& d) noexcept;
  bool store_extra(slot& job, const durable_job& d) noexcept;
  bool store_errors(job_extra& extra, const durable_job& d) noexcept;
  void note_order(std::uint32_t slot_index, const durable_job& d) noexcept;
  job_state live_state(slot& job, const durable_job& d) noexcept;
  void make_live(std::uint32_t slot_index, slot& job, const durable_job& d);
  void hold_key(slot& job, const durable_job& d, job_word word);
  void make_dead(std::uint32_t slot_index, slot& job, const durable_job& d);

  // On the boot clock: a time of the wall clock that is still to come, else 0.
  [[nodiscard]] std::uint64_t boot_until(std::uint64_t wall_ns) const noexcept {
    return wall_ns > wall_now_ ? boot_now_ + (wall_ns - wall_now_) : 0;
  }
  // What the wall clock said at some time of this boot, or before it.
  [[nodiscard]] std::uint64_t boot_of(std::uint64_t wall_ns) const noexcept {
    const std::uint64_t ago = wall_now_ - std::min(wall_now_, wall_ns);
    return boot_now_ - std::min(boot_now_, ago);
  }

  core& core_;
  thread_context& context_;
  const kind_numbers& kinds_;
  const std::uint64_t boot_now_;
  const std::uint64_t wall_now_;
  std::vector<lane_entry> lanes_;
  std::vector<held_place> places_;
};

bool restorer::store_errors(job_extra& extra, const durable_job& d) noexcept {
  if (d.errors.empty()) return true;
  error_history history;
  for (const durable_error& e : d.errors) {
    history.add(boot_of(e.wall_ns), e.version, e.attempt, e.kind, e.text);
  }
  extra.history = core_.payloads.store_value(history);
  return extra.history != 0;
}

bool restorer::store_extra(slot& job, const durable_job& d) noexcept {
  const bool is_plain = !d.run_timeout_ns && !d.backoff && !d.unique && d.errors.empty();
  if (is_plain && d.crashes == 0) return true;
  job_extra x;
  x.run_timeout_ns = d.run_timeout_ns.value_or(0);
  x.has_backoff = d.backoff.has_value();
  if (d.backoff) x.backoff = *d.backoff;
  x.is_unique = d.unique.has_value();
  if (d.unique) {
    x.key = d.unique->hash;
    x.until = d.unique->until;
  }
  x.crashes = d.crashes;
  if (!store_errors(x, d)) return false;
  job.extra = core_.payloads.store_value(x);
  return job.extra != 0;
}

// Everything but the word and what belongs to a state.
bool restorer::fill(slot& job, const durable_job& d) noexcept {
  job.extra = 0;
  if (!store_payload(core_.payloads, job, d.payload) || !store_extra(job, d)) return false;
  job.generation = id_generation(d.id);
  job.submitted_ns = d.submitted_ns;
  job.due_ns = d.submitted_ns;
  job.start_lsn.store(0, relaxed);
  job.expires = 0;
  if (d.expires_ns) {
    // One that has passed is found so at the start.
    const std::uint64_t span = *d.expires_ns - std::min(*d.expires_ns, d.submitted_ns);
    job.expires = encode_expiry(as_duration(std::max<std::uint64_t>(span, 1)));
  }
  job.kind = kinds_.at(d.kind);
  job.queue = static_cast<std::uint16_t>(d.queue - 1);
  job.band = static_cast<std::uint8_t>(d.priority);
  job.attempt = PAWL_SEEDED(attempt_not_restored) ? std::uint8_t{0} : d.attempt;
  job.attempts_max = d.attempts_max;
  job.pushbacks = d.pushbacks;
  job.cause = static_cast<std::uint8_t>(d.cause);
  // Of which level it was is not on the disk: its queue's, and the stronger one where that has none.
  const std::uint8_t level = core_.queues.at(job.queue)->log_marks();
  job.marks = level != 0 ? level : log_marks_of(durability::durable);
  job.tenant = static_cast<std::uint16_t>(d.tenant.value_or(0));
  return true;
}

void restorer::note_order(std::uint32_t slot_index, const durable_job& d) noexcept {
  const ready_queue& queue = *core_.queues.at(core_.jobs[slot_index].queue);
  if (!queue.is_ordered()) return;
  const auto after_submit = [&d](const std::optional<std::uint64_t>& at) {
    return at ? std::max<std::uint64_t>(*at - std::min(*at, d.submitted_ns), 1) : 0;
  };
  const order_wish wish{d.submitted_ns, after_submit(d.deadline_ns), after_submit(d.expires_ns),
                        d.exact_priority.value_or(0),
                        static_cast<std::uint16_t>(d.tenant.value_or(0))};
  core_.order[slot_index].key.store(order_key(queue.order(), wish), relaxed);
}

// What the job is now: the log counts a job as going on that was running when the process ended.
job_state restorer::live_state(slot& job, const durable_job& d) noexcept {
  if (core_.running_kinds[job.kind].call == nullptr) return job_state::blocked;
  if (!d.due) return job_state::ready;
  job.due_ns = d.due->ns;
  if (d.due->clock == clock_name::boot) {
    return d.due->ns > boot_now_ ? job_state::scheduled : job_state::ready;
  }
  job.put(by_wall_clock);
  core_.due_later.note_wall_clock();
  return d.due->ns > wall_now_ ? job_state::scheduled : job_state::ready;
}

// Of two jobs with one key the newer one has it: the submit of the one that should replace the other is in
// the log, and the end of that one came too late.
void restorer::hold_key(slot& job, const durable_job& d, job_word word) {
  const auto go_live = [&] { job.word.store(word.bits, release); };
  const bool has_let_go = d.unique && d.unique->until == unique_until::started && d.attempt != 0;
  if (!d.unique || has_let_go) return go_live();
  key_request key{.wish = {.key = d.unique->hash,
                           .queue = job.queue,
                           .now_ns = boot_now_,
                           .kept_until_ns = boot_until(d.unique->ttl_wall_ns),
                           .until = d.unique->until,
                           .rule = on_duplicate::replace}};
  key.answer = core_.keys.claim(key.wish, d.id, go_live);
  if (!key.answer.is_taken()) go_live();  // without its key
  if (key.answer.step != key_step::replace) return;
  wait_for_log(context_);
  end_replaced(core_, context_, key);
}

void restorer::make_live(std::uint32_t slot_index, slot& job, const durable_job& d) {
  ready_queue& queue = *core_.queues.at(job.queue);
  note_order(slot_index, d);
  const job_state state = live_state(job, d);
  const job_word word = make_word(d.version, state);
  tally& counts = context_.tallies.of(job.queue, job.kind).counts;
  counts.add(tally::accepted);
  if (state == job_state::scheduled) counts.add(tally::put_off);
  queue.room().take_beyond(1);
  core_.room.take_beyond(1);
  hold_key(job, d, word);
  if (d.lane && state != job_state::blocked) {
    lanes_.push_back({d.lane->order, slot_index, d.lane->key, state == job_state::ready});
  }
  if (state == job_state::ready) {
    places_.push_back({job.queue, job.band, band_entry::make(slot_index, word).bits});
  } else if (state == job_state::scheduled) {
    const std::uint64_t due = job.has(by_wall_clock) ? boot_ns_of(core_, job.due_ns, boot_now_)
                                                     : std::uint64_t{job.due_ns};
    core_.due_later.add(core_, context_,
                        {due, slot_index, static_cast<std::uint32_t>(word.version())});
  }
  if (job.expires != 0) {
    core_.due_later.add(core_, context_,
                        {expiry_ns(job.submitted_ns, job.expires), slot_index | expiry_mark,
                         static_cast<std::uint32_t>(id_generation(d.id))});
  }
  if (queue.counts_bytes()) weigh(core_, slot_index);
}

void restorer::make_dead(std::uint32_t slot_index, slot& job, const durable_job& d) {
  job.word.store(make_word(d.version, job_state::dead).bits, release);
  if (d.lane) lanes_.push_back({d.lane->order, slot_index, d.lane->key, false});
  const auto to_free = core_.dead.keep(slot_index, boot_of(d.state_wall_ns));
  if (!to_free) return;
  std::erase_if(lanes_, [&](const lane_entry& e) { return e.slot == *to_free; });
  release_dead(core_, context_, *to_free);
}

status restorer::put(const durable_job& d) {
  slot& job = core_.jobs[id_slot(d.id)];
  if (!fill(job, d)) return no_memory_to_recover;
  if (d.is_dead) {
    make_dead(id_slot(d.id), job, d);
  } else {
    make_live(id_slot(d.id), job, d);
  }
  return std::monostate{};
}

// Keys that are held by a ttl alone. One that finds no memory is free.
void restorer::keep_keys(const durable_state& state) {
  for (const auto& [hash, key] : state.keys()) {
    if (key.state != key_record::held::until_time) continue;
    static_cast<void>(core_.keys.keep(hash, key.holder, boot_until(key.until_wall_ns)));
  }
}

void restorer::enter_lanes() {
  std::stable_sort(lanes_.begin(), lanes_.end(),
                   [](const lane_entry& a, const lane_entry& b) { return a.order < b.order; });
  if (!lanes_.empty()) core_.lanes.number_from(lanes_.back().order);
  for (const lane_entry& e : lanes_) {
    slot& job = core_.jobs[e.slot];
    const job_word word{job.word.load(acquire)};
    if (!word.is_live() && word.state() != job_state::dead) continue;  // another has its key
    std::uint64_t order = 0;
    // Without memory for it the job goes on outside of its lane, rather than not at all.
    if (core_.lanes.join(core_, context_, e.slot, e.key, e.has_place, order) != reject::none) {
      continue;
    }
    job.put(in_lane);
    if (word.state() != job_state::dead) continue;
    const on_failure rule = core_.queues.at(job.queue)->lanes().on_failure;
    const auto cause = static_cast<dead_cause>(static_cast<std::uint8_t>(job.cause));
    core_.lanes.move(core_, context_, e.slot, place_in_lane(rule, job_state::dead, cause));
  }
}

void restorer::push_places() {
  std::stable_sort(places_.begin(), places_.end(), [](const held_place& a, const held_place& b) {
    return std::pair(a.queue, a.band) < std::pair(b.queue, b.band);
  });
  std::vector<std::uint64_t> run;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    run.push_back(places_[i].place);
    const bool is_last = i + 1 == places_.size() || places_[i + 1].queue != places_[i].queue ||
                         places_[i + 1].band != places_[i].band;
    if (!is_last && run.size() < batch_max) continue;
    push_ready(core_, context_, *core_.queues.at(places_[i].queue), places_[i].band, run);
    run.clear();
  }
}

failure unknown(const char* what) noexcept {
  return {errc::corrupt, 0, what};
}

// Of a job that durable_state::finish() has found whole: are its numbers among ours?
status check(const core& c, const durable_job& d, const kind_numbers& kinds) {
  if (c.queues.at(d.queue - 1) == nullptr) return unknown("recovery: queue");
  if (!kinds.contains(d.kind)) return unknown("recovery: kind");
  const std::uint32_t tenant = d.tenant.value_or(0);
  if (tenant > gate_table::tenants_max || (tenant != 0 && c.gates.of_tenant(tenant) == nullptr)) {
    return unknown("recovery: tenant");
  }
  return std::monostate{};
}

// Those that are too many are forgotten, oldest first.
status restore_results(core& c, thread_context& context, const durable_state& state) {
  for (const job_id id : state.results_by_order()) {
    const durable_result& r = state.results().at(id.value);
    const std::uint32_t block = c.payloads.store(r.value, need::accepted);
    if (block == payload_arena::none) return no_memory_to_recover;
    const auto to_forget =
        c.results.keep({id, r.version, 0, block, log_marks_of(durability::durable)});
    if (to_forget) forget_result(c, context, *to_forget);
  }
  return std::monostate{};
}

}  // namespace

std::uint32_t slots_of(const durable_state& state) noexcept {
  std::uint32_t slots = 0;
  const auto look = [&slots](const durable_job& d) { slots = std::max(slots, id_slot(d.id) + 1); };
  for (const durable_job* d : state.live()) look(*d);
  for (const durable_job* d : state.dead()) look(*d);
  return slots;
}

status restore(core& c, thread_context& context, const durable_state& state,
               const kind_numbers& kinds, std::uint64_t given) {
  const std::vector<const durable_job*>& live = state.live();
  const std::vector<const durable_job*>& dead = state.dead();
  std::unordered_set<std::uint32_t> used;
  for (const auto* jobs : {&live, &dead}) {
    for (const durable_job* d : *jobs) {
      if (const status ok = check(c, *d, kinds); !ok) return ok;
      used.insert(id_slot(d->id));
    }
  }
  const auto is_used = [&used](std::uint32_t slot) { return used.contains(slot); };
  if (!c.jobs.restore(slots_of(state), given, is_used)) return no_memory_to_recover;
  restorer r(c, context, kinds);
  for (const auto* jobs : {&live, &dead}) {
    for (const durable_job* d : *jobs) {
      if (const status ok = r.put(*d); !ok) return ok;
    }
  }
  r.keep_keys(state);
  r.enter_lanes();
  if (const status kept = restore_results(c, context, state); !kept) return kept;
  r.push_places();
  settle_room(c, context);
  return std::monostate{};
}

}  // namespace pawl
