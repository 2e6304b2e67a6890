#include "persistence/job_cells.hpp"

#include <algorithm>
#include <limits>

#include "base/seeded_bug.hpp"

namespace pawl {
namespace {

// Of a job that is ready: there is nothing to convert.
constexpr clock_time at_once{};

bool is_at_once(const clock_time& t) noexcept {
  return t.clock == clock_name::boot && t.ns == 0;
}

clock_time due_now(const clock_time& t, const boot_moment& written, const boot_moment& now) {
  if (t.clock == clock_name::wall || is_at_once(t)) return t;
  return {clock_name::boot, boot_time_now(t.ns, written, now)};
}

std::optional<std::uint64_t> time_now(const std::optional<std::uint64_t>& ns,
                                      const boot_moment& written, const boot_moment& now) {
  if (!ns) return std::nullopt;
  return boot_time_now(*ns, written, now);
}

}  // namespace

std::uint64_t boot_time_now(std::uint64_t ns, const boot_moment& written,
                            const boot_moment& now) noexcept {
  if (written.boot_id == now.boot_id) return ns;
  // How much later on this boot's clock the same wall time is: a difference that has a sign.
  const std::uint64_t shift = (written.wall_ns - now.wall_ns) - (written.boot_ns - now.boot_ns);
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  if (shift <= most / 2) return std::max<std::uint64_t>(ns > most - shift ? most : ns + shift, 1);
  const std::uint64_t back = 0 - shift;
  return ns > back ? ns - back : 1;
}

void job_cells::note(std::uint64_t version) noexcept {
  version_ = std::max(version_, version);
}

void job_cells::say_state(const state_cell& s) {
  note(s.version);
  const bool is_news = state_.what == form::unknown || state_.version < s.version;
  if (!is_news && !(PAWL_SEEDED(double_terminal) && s.what == form::died)) return;
  state_ = s;
  forget_crashes();
  if (s.what != form::gone) return;
  job_ = {};
  submit_version_.reset();
}

void job_cells::forget_crashes() {
  std::erase_if(crashes_, [this](std::uint64_t v) { return v <= state_.version; });
}

void job_cells::submit(const job_submit& s, const boot_moment& written, const boot_moment& now) {
  say_state({.what = form::submitted, .version = s.version});
  if (is_gone()) return;
  queue_.say(s.version, s.common.queue);
  priority_.say(s.version, s.common.priority);
  const submit_extras& e = s.extras;
  due_.say(s.version, due_now(e.due.value_or(at_once), written, now));
  if (!submit_version_) job_.order = s.order;
  if (submit_version_ && *submit_version_ >= s.version) return;
  submit_version_ = s.version;
  job_.kind = s.common.kind;
  job_.attempts_max = s.common.attempts_max;
  job_.codec = s.common.codec;
  job_.payload_version = s.common.payload_version;
  job_.submitted_ns = boot_time_now(s.common.submitted_ns, written, now);
  job_.expires_ns = time_now(e.expires_ns, written, now);
  job_.run_timeout_ns = e.run_timeout_ns;
  job_.backoff = e.backoff;
  job_.unique = e.unique;
  job_.tenant = e.tenant;
  job_.lane.reset();
  if (e.lane) job_.lane = durable_lane{std::string(e.lane->key), e.lane->order};
  job_.deadline_ns = time_now(e.deadline_ns, written, now);
  job_.exact_priority = e.exact_priority;
  job_.parent = e.parent;
  job_.tag = e.tag;
  job_.trace = e.trace;
  job_.payload.assign(s.payload.begin(), s.payload.end());
}

void job_cells::again(const again_record& r, const boot_moment& written, const boot_moment& now) {
  const attempt_state& f = r.facts;
  say_state({.what = form::again,
             .version = f.version,
             .attempt = f.attempt,
             .pushbacks = f.pushbacks,
             .crashes = f.crashes,
             .wall_ns = f.wall_ns});
  if (is_gone()) return;
  due_.say(f.version, due_now(r.due, written, now));
  add_errors(f.errors);
}

void job_cells::died(const died_record& r) {
  const attempt_state& f = r.facts;
  say_state({.what = form::died,
             .version = f.version,
             .cause = r.cause,
             .attempt = f.attempt,
             .pushbacks = f.pushbacks,
             .crashes = f.crashes,
             .wall_ns = f.wall_ns});
  if (!is_gone()) add_errors(f.errors);
}

void job_cells::requeued(const requeued_record& r) {
  say_state({.what = form::requeued, .version = r.version});
  if (is_gone()) return;
  was_requeued_ = true;
  priority_.say(r.version, r.priority);
  due_.say(r.version, at_once);
}

void job_cells::change(const change_record& r, const boot_moment& written, const boot_moment& now) {
  note(r.version);
  if (is_gone()) return;
  if (r.due) due_.say(r.version, due_now(*r.due, written, now));
  if (r.priority) priority_.say(r.version, *r.priority);
  if (r.queue) queue_.say(r.version, *r.queue);
}

void job_cells::crashed(std::uint64_t version, bool alone) {
  note(version);
  if (!alone || is_gone()) return;
  if (state_.what != form::unknown && version <= state_.version) return;
  const auto at = std::lower_bound(crashes_.begin(), crashes_.end(), version);
  if (at != crashes_.end() && *at == version) return;
  crashes_.insert(at, version);
  if (crashes_.size() > crashes_kept_max) crashes_.erase(crashes_.begin());
}

std::uint8_t job_cells::crashes() const noexcept {
  return static_cast<std::uint8_t>(
      std::min<std::size_t>(state_.crashes + crashes_.size(), UINT8_MAX));
}

// What the log says of the job later than that version: so it was over.
bool job_cells::blame(const crash_note& note, std::uint8_t crashes_max, std::uint64_t wall_ns) {
  if (is_gone() || is_dead() || note.version <= version_) return false;
  crashed(note.version, note.alone);
  if (!note.alone || crashes_max == 0 || crashes() < crashes_max) return true;
  say_state({.what = form::died,
             .version = note.version + 1,
             .cause = dead_cause::crashed,
             .attempt = state_.attempt,
             .pushbacks = state_.pushbacks,
             .crashes = crashes(),
             .wall_ns = wall_ns});
  return true;
}

void job_cells::gone(std::uint64_t version) {
  say_state({.what = form::gone, .version = version});
}

void job_cells::add_errors(const item_list<attempt_error>& errors) {
  std::vector<durable_error>& kept = job_.errors;
  for (const attempt_error& e : errors) {
    const auto at = std::lower_bound(
        kept.begin(), kept.end(), e.version,
        [](const durable_error& k, std::uint64_t version) { return k.version < version; });
    if (at != kept.end() && at->version == e.version) continue;
    kept.insert(at, {e.version, e.wall_ns, e.attempt, e.kind, std::string(e.text)});
    if (kept.size() > attempt_error::kept_max) kept.erase(kept.begin());
  }
}

const durable_job& job_cells::finish() {
  job_.id = id_;
  job_.version = std::max<std::uint64_t>(version_, 1);
  job_.is_dead = is_dead();
  job_.cause = state_.cause;
  job_.queue = queue_.value;
  job_.priority = priority_.value;
  job_.due.reset();
  if (!job_.is_dead && !is_at_once(due_.value)) job_.due = due_.value;
  if (was_requeued_) job_.expires_ns.reset();
  job_.attempt = state_.attempt;
  job_.pushbacks = state_.pushbacks;
  job_.crashes = crashes();
  job_.state_wall_ns = state_.wall_ns;
  return job_;
}

}  // namespace pawl
