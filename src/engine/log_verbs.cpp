// engine/log_verbs.cpp -- the log of an engine: taken over at the beginning, asked about, closed. Members of
// engine.
#include <algorithm>
#include <variant>

#include "engine/ending.hpp"
#include "engine/engine.hpp"
#include "engine/job_log.hpp"
#include "engine/log_appender.hpp"
#include "engine/placing.hpp"
#include "engine/queue_log.hpp"
#include "engine/restoring.hpp"

namespace pawl {

namespace {

// Of those jobs that are ready.
std::vector<std::uint64_t> places_of(const core& c, const std::vector<job_id>& jobs) {
  std::vector<std::uint64_t> places;
  for (const job_id id : jobs) {
    const job_word word{c.jobs[id_slot(id)].word.load(acquire)};
    if (word.state() != job_state::ready) continue;
    places.push_back(band_entry::make(id_slot(id), word).bits);
  }
  return places;
}

std::uint64_t largest_order(const durable_state& state) {
  std::uint64_t largest = 0;
  for (const auto& [key, s] : state.settings()) largest = std::max(largest, s.order);
  return largest;
}

}  // namespace

// Before any context: those that come get their way into it.
void engine::build_log() {
  core_.key_seed = core_.seed;
  if (log_ == nullptr) {
    for (std::uint32_t i = 0; i < core_.kinds.size(); ++i) core_.kind_numbers.push_back(i + 1);
    return;
  }
  core_.kind_numbers = log_->kind_numbers;
  core_.key_seed = byte_reader(log_->disk.directory_id).u64();
  wal_ = std::make_unique<wal>(
      wal::parts{.writer = *log_->disk.writer,
                 .clock = core_.clock,
                 .boot_id = log_->boot_id,
                 .next_lsn = log_->disk.next_lsn,
                 .floor = log_->disk.floor,
                 .epoch = log_->disk.report.epoch,
                 .rule = {},
                 .bytes_max = core_.settings.given.log_bytes_max,
                 .on_durable = [this](std::uint64_t lsn) { note_durable(lsn); },
                 .on_floor = [this](std::uint64_t) { set_ceiling(); },
                 .on_state = [this](log_state state) { note_log_state(state); },
                 .live_jobs = [this] { return logged_jobs(); },
                 .say = &core_.say});
  if (!is(executor::stepped)) {
    spares_ = std::make_unique<spare_keeper>(*log_->disk.device.device,
                                             core_.settings.given.segment_bytes, log_->disk.spares);
    log_->disk.writer->use_spares(spares_.get());
  }
  core_.log = wal_.get();
  core_.contexts.use_log(wal_.get(), &log_->disk.board,
                         core_.settings.drains + core_.settings.replacements);
  set_ceiling();
}

// Of a slot's last generation: the next one is asked about.
void engine::set_ceiling() noexcept {
  core_.jobs.set_ceiling(wal_->soft_ceiling() - 1);
}

// What the log held comes to life, before the first thread that could touch it. The log's own thread runs: what
// is found out of date is logged at once.
status engine::take_over_log() {
  if (log_ == nullptr) return std::monostate{};
  if (!is(executor::stepped)) {
    if (const status started = wal_->start(); !started) return started;
  }
  const durable_state& state = *log_->disk.state;
  queues_named_ = static_cast<std::uint32_t>(state.names(name_record::of::queue).size());
  tenants_named_ = static_cast<std::uint32_t>(state.names(name_record::of::tenant).size());
  core_.settings_order = largest_order(state);
  core_.first_generation = log_->disk.first_generation;
  for (const auto& [number, text] : state.names(name_record::of::queue)) {
    const result<queue_ref> q = queue(*timer_context_, text, queue_options_in(state, number));
    if (!q) return q.error();
    if (number_of_queue(q->index) != number) {
      return failure{errc::corrupt, 0, "recovery: numbers of queues"};
    }
  }
  for (const auto& [number, text] : state.names(name_record::of::tenant)) {
    const result<tenant_ref> t = tenant(*timer_context_, text, tenant_options_in(state, number));
    if (!t) return t.error();
    if (t->index != number) return failure{errc::corrupt, 0, "recovery: numbers of tenants"};
  }
  if (const status sources = restore_sources(state); !sources) return sources;
  for (const auto& [key, s] : state.settings()) restore_setting(key, s.value);
  const status restored = restore(core_, *timer_context_, state, log_->kinds_by_number,
                                  log_->disk.first_generation - 1);
  if (core_.settings.given.dispatch) {
    core_.suspects.begin(places_of(core_, log_->disk.suspects),
                         detail::nanoseconds(core_.settings.given.quarantine));
  }
  log_->disk.state.reset();  // it is in the slots now
  return restored;
}

void engine::wait_for_settings_room(thread_context& context) noexcept {
  if (context.log != nullptr) context.log->wait_for_room(settings_room + outcome_room);
}

// Under changing_: nobody else knows the number of a new one yet.
void engine::say_tenant(thread_context& context, unsigned number, std::string_view name,
                        const tenant_options& wanted) noexcept {
  constexpr auto part = scope::part::tenant;
  if (number > tenants_named_) {
    log_name(context, name_record::of::tenant, number, name);
    tenants_named_ = number;
  }
  const std::uint64_t order = ++core_.settings_order;
  log_setting(context, part, number, {}, order, setting_of(wanted.limits));
  log_setting(context, part, number, {}, order, share_setting{wanted.weight});
}

// A change of a scope, and the same in the log; in that order, and in the order of the changes.
template <class Change>
result<ticket> engine::change_and_say(thread_context& context, scope of, const setting_value& value,
                                      Change change) noexcept {
  if (wal_ == nullptr) return change();
  wait_for_settings_room(context);
  const std::lock_guard saying(saying_);
  result<ticket> done = change();
  if (!done) return done;
  std::uint64_t order = 0;
  {
    const std::lock_guard lock(changing_);
    order = ++core_.settings_order;
  }
  const bool is_of_queue = of.of() == scope::part::queue || of.of() == scope::part::lane;
  const std::uint32_t number = is_of_queue                    ? number_of_queue(of.queue().index)
                               : of.of() == scope::part::kind ? core_.kind_numbers[of.kind().index]
                               : of.of() == scope::part::tenant ? of.tenant().index
                                                                : 0u;
  const std::string_view lane = of.of() == scope::part::lane ? of.lane().key : std::string_view();
  done->lsn = log_setting(context, of.of(), number, lane, order, value);
  return done;
}

result<ticket> engine::pause(thread_context& context, scope of, duration resume_after) noexcept {
  const std::uint64_t until =
      resume_after.count() <= 0
          ? 0
          : core_.clock.wall_ns() + static_cast<std::uint64_t>(resume_after.count());
  return change_and_say(context, of, paused_setting{true, until},
                        [&] { return apply_pause(context, of, resume_after); });
}

result<ticket> engine::resume(thread_context& context, scope of) noexcept {
  return change_and_say(context, of, paused_setting{false, 0},
                        [&] { return apply_resume(context, of); });
}

result<ticket> engine::set_intake(thread_context& context, scope of, bool is_open) noexcept {
  return change_and_say(context, of, intake_setting{!is_open},
                        [&] { return apply_intake(context, of, is_open); });
}

// What was paused or closed when the process ended is so still. Of what is not there any more nothing is done.
void engine::restore_setting(const setting_key& key, const setting_value& value) {
  const auto* const paused = std::get_if<paused_setting>(&value);
  const auto* const intake = std::get_if<intake_setting>(&value);
  const bool is_paused = paused != nullptr && paused->paused;
  const bool is_closed = intake != nullptr && intake->closed;
  if (!is_paused && !is_closed) return;
  const queue_ref queue{static_cast<std::uint16_t>(key.number - 1), core_.tag};
  scope of = scope::all();
  if (key.part == scope::part::queue) of = queue;
  if (key.part == scope::part::lane) of = lane_ref{queue, key.lane};
  if (key.part == scope::part::tenant) {
    of = tenant_ref{static_cast<std::uint16_t>(key.number), core_.tag};
  }
  if (key.part == scope::part::kind) {
    const auto kind = log_->kinds_by_number.find(key.number);
    if (kind == log_->kinds_by_number.end()) return;
    of = kind_ref{kind->second};
  }
  if (is_closed) static_cast<void>(apply_intake(*timer_context_, of, false));
  if (!is_paused) return;
  const std::uint64_t now = core_.clock.wall_ns();
  if (paused->until_wall_ns != 0 && paused->until_wall_ns <= now) return;
  const std::uint64_t left = paused->until_wall_ns == 0 ? 0 : paused->until_wall_ns - now;
  static_cast<void>(apply_pause(*timer_context_, of, duration(static_cast<std::int64_t>(left))));
}

// On the log's thread.
void engine::note_durable(std::uint64_t lsn) noexcept {
  if (core_.strict.is_used()) push_held(core_, lsn);
  const durable_hook& hook = core_.settings.given.durable;
  if (hook.on_durable != nullptr) hook.on_durable(hook.user, lsn);
}

// On the log's thread.
void engine::note_log_state(log_state state) noexcept {
  if (state == log_state::closed) return;
  core_.queues.for_each([&](ready_queue& q) {
    if (state == log_state::ok) {
      if (q.gate().open(gate_reason::log, core_.active)) core_.idle.notify();
    } else if (q.log_marks() != 0) {
      q.gate().close(gate_reason::log);
    }
  });
}

// Those alive in queues that are logged, and what threads have set aside there; not those that have a durability of
// their own in another queue.
std::uint64_t engine::logged_jobs() const noexcept {
  std::uint64_t jobs = 0;
  core_.queues.for_each([&](const ready_queue& q) {
    if (q.log_marks() != 0) jobs += q.room().in_use();
  });
  return jobs;
}

void engine::describe_log(log_health& h) const {
  const opened_log& disk = log_->disk;
  const wal::figures seen = wal_->read();
  h.state = wal_->state();
  h.io_uring = disk.device.has_uring;
  h.io_uring_errno = disk.device.uring_errno;
  h.epoch = disk.report.epoch;
  h.lsn = wal_->now_lsn();
  h.durable_lsn = wal_->durable_lsn();
  h.written_bytes = seen.bytes;
  h.syncs = seen.syncs;
  h.bytes_max = core_.settings.given.log_bytes_max;
  h.refusal = wal_->refusal();
  h.recovered_jobs = disk.report.jobs;
  h.suspects = disk.suspects.size();
  h.quarantine = core_.suspects.is_on();
  h.held_starts = core_.strict.count();
  h.recovered_dead = disk.report.dead;
  h.dropped_bytes = disk.report.dropped_bytes;
  h.was_closed = disk.report.how == opened_record::before::closed;
  const std::optional<log_fault> fault = wal_->fault();
  if (!fault) return;
  h.sys_errno = fault->cause.sys_errno;
  h.where = std::string(fault->cause.where) + ", segment " + std::to_string(fault->segment) +
            " at " + std::to_string(fault->offset);
}

status engine::close_log() noexcept {
  if (wal_ == nullptr || wal_->state() == log_state::closed) return std::monostate{};
  const status closed = wal_->close(core_.jobs.largest_generation() + 1);
  spares_.reset();  // nobody writes any more
  return closed;
}

std::uint64_t engine::durable_lsn() const noexcept {
  return wal_ == nullptr ? 0 : wal_->durable_lsn();
}

status engine::wait_durable(std::uint64_t lsn, duration limit) noexcept {
  if (lsn <= durable_lsn()) return std::monostate{};
  if (wal_ == nullptr) return failure{errc::invalid, 0, "ticket"};  // of another scheduler
  while (is(executor::stepped) && wal_->step() && wal_->durable_lsn() < lsn) {
  }
  return wal_->wait_durable(lsn, limit);
}

}  // namespace pawl
