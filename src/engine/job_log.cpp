#include "engine/job_log.hpp"

#include <algorithm>
#include <array>

#include "base/seeded_bug.hpp"
#include "engine/log_appender.hpp"
#include "engine/option_checks.hpp"
#include "engine/wal.hpp"
#include "job/expiry.hpp"
#include "job/extra.hpp"
#include "job/id.hpp"
#include "persistence/record_name.hpp"
#include "persistence/record_submit.hpp"
#include "persistence/record_verb.hpp"
#include "policy/retry.hpp"

namespace pawl {

namespace {

// Of one record: its head and everything but lists and texts.
constexpr std::size_t submit_room = 400;
constexpr std::size_t job_room = 128;  // of a job among others
constexpr std::size_t cursor_room = 32;

std::size_t cursor_bytes(const source_cursor* at) noexcept {
  return at == nullptr ? 0 : cursor_room + at->position.size();
}

// One group. There is room: who makes a change has asked for it before.
template <class... Records>
std::uint64_t say(thread_context& context, std::uint8_t marks, const Records&... group) noexcept {
  const std::size_t bytes = (encoded_bytes(group) + ...);
  byte_writer w(context.log->room(bytes));
  std::size_t left = sizeof...(group);
  (encode(group, --left != 0 ? more::yes : more::no, w), ...);
  return context.log->publish(bytes, level_of(marks));
}

// What an attempt came to, of which nobody has a ticket: it goes with the next cut that somebody waits for, or in a
// moment. So a job whose submitter waits for it does not find the disk busy with the end of the one before it.
constexpr std::uint8_t in_a_moment(std::uint8_t marks) noexcept {
  return marks & static_cast<std::uint8_t>(~durably);
}

// The same with where a source stands; see engine/source_table.hpp.
template <class... Records>
std::uint64_t say_at(core& c, thread_context& context, std::uint8_t marks, const source_cursor& at,
                     const Records&... group) noexcept {
  source_table::source& of = *c.sources.find(at.source.index);
  const std::lock_guard lock(of.mutex);
  of.move_to(at.position);
  const cursor_record x{number_of_source(at.source.index), ++of.order, of.position()};
  if constexpr (sizeof...(group) != 0) {
    if (PAWL_SEEDED(cursor_outside_group)) {
      say(context, marks, group...);
      return of.lsn = say(context, marks, x);
    }
  }
  of.lsn = say(context, marks, x, group...);
  return of.lsn;
}

// Before its place is pushed. Somebody may have cancelled it and used its slot again: that one waits for no less
// than its own. relaxed: who looks at it has the place, which is handed on after this.
void note_start(slot& job, std::uint64_t lsn) noexcept {
  if (!job.has(strictly)) [[likely]]
    return;
  std::uint64_t known = job.start_lsn.load(relaxed);
  while (known < lsn && !job.start_lsn.compare_exchange_weak(known, lsn, relaxed)) {
  }
}

submit_common common_of(const admission& a, const slot& job) noexcept {
  return {.queue = number_of_queue(job.queue),
          .kind = a.c.kind_numbers[job.kind],
          .priority = static_cast<priority>(static_cast<std::uint8_t>(job.band)),
          .attempts_max = job.attempts_max,
          .submitted_ns = job.submitted_ns};
}

submitted_job submitted(const core& c, std::uint32_t slot_index, job_word word) noexcept {
  const slot& job = c.jobs[slot_index];
  const std::uint32_t payload = job.payload;
  return {.id = make_id(slot_index, job.generation),
          .version = word.version(),
          .payload = payload_arena::is_reference(payload) ? c.payloads.bytes(payload)
                                                          : byte_span(job.body, payload)};
}

std::uint64_t wall_of(const core& c, std::uint64_t boot_ns) noexcept {
  return c.clock.wall_ns() + (boot_ns - c.clock.boot_ns());
}

submit_extras extras_of(const core& c, const slot& job, const job_options& how, const key_wish* key,
                        std::uint64_t lane_order) noexcept {
  submit_extras x;
  if (is_later(how)) {
    x.due = clock_time{job.has(by_wall_clock) ? clock_name::wall : clock_name::boot, job.due_ns};
  }
  if (job.expires != 0) x.expires_ns = expiry_ns(job.submitted_ns, job.expires);
  if (how.run_timeout.count() != 0) x.run_timeout_ns = detail::nanoseconds(how.run_timeout);
  if (how.backoff != nullptr) x.backoff = *how.backoff;
  if (key != nullptr) {
    x.unique = submit_unique{key->key, how.unique->scope, how.unique->until,
                             key->kept_until_ns == 0 ? 0 : wall_of(c, key->kept_until_ns)};
  }
  if (job.tenant != 0) x.tenant = job.tenant;
  if (!how.lane.empty()) x.lane = submit_lane{how.lane, lane_order};
  if (how.deadline.count() != 0) {
    x.deadline_ns = job.submitted_ns + detail::nanoseconds(how.deadline);
  }
  if (how.exact_priority != 0) x.exact_priority = how.exact_priority;
  return x;
}

bool go_together(const slot& a, const slot& b) noexcept {
  return a.attempts_max == b.attempts_max && a.tenant == b.tenant;
}

// Those that have all in common but their payloads, and fit into a record.
std::uint64_t log_run(const admission& a, std::span<const submitted_job> jobs,
                      const source_cursor* at) noexcept {
  const slot& first = a.c.jobs[id_slot(jobs.front().id)];
  submit_record x{.common = common_of(a, first), .extras = {}, .jobs = jobs};
  if (first.tenant != 0) x.extras.tenant = first.tenant;
  if (at != nullptr) [[unlikely]]
    return say_at(a.c, a.context, first.marks, *at, x);
  return say(a.context, first.marks, x);
}

attempt_state facts_of(const core& c, job_id id, std::uint64_t version, unsigned attempt,
                       unsigned pushbacks, std::uint8_t crashes,
                       std::span<const attempt_error> errors) noexcept {
  return {.id = id,
          .version = version,
          .attempt = static_cast<std::uint8_t>(attempt),
          .pushbacks = static_cast<std::uint8_t>(pushbacks),
          .crashes = crashes,
          .wall_ns = c.clock.wall_ns(),
          .errors = errors};
}

attempt_error error_of(const core& c, const error_entry& e) noexcept {
  return {.version = e.version,
          .wall_ns = wall_of(c, e.at_ns),
          .attempt = e.attempt,
          .kind = e.kind,
          .text = {e.text, e.text_bytes}};
}

// The last error of a job, if it belongs to this very end.
const error_entry* error_at(const core& c, const slot& job, std::uint64_t version) noexcept {
  if (job.extra == 0) return nullptr;
  const std::uint32_t history = c.payloads.value<const job_extra>(job.extra).history;
  if (history == 0) return nullptr;
  const error_entry* const e = c.payloads.value<const error_history>(history).last();
  return e != nullptr && e->version == version ? e : nullptr;
}

void log_death(core& c, thread_context& context, job_id id, const slot& job, job_word word,
               dead_cause cause) noexcept {
  std::array<attempt_error, 1> errors;
  const error_entry* const e = error_at(c, job, word.version());
  if (e != nullptr) errors[0] = error_of(c, *e);
  const died_record x{
      .facts = facts_of(c, id, word.version(), job.attempt, job.pushbacks, crashes_of(c, job),
                        std::span(errors).first(e == nullptr ? 0 : 1)),
      .cause = cause};
  say(context, in_a_moment(job.marks), x);
}

}  // namespace

std::uint8_t crashes_of(const core& c, const slot& job) noexcept {
  return job.extra == 0 ? std::uint8_t{0} : c.payloads.value<const job_extra>(job.extra).crashes;
}

std::size_t submit_bytes(const job_options& how, std::size_t payload_bytes) noexcept {
  return submit_room + how.lane.size() + payload_bytes + cursor_bytes(how.cursor);
}

std::size_t bulk_bytes(const job_options& how, std::size_t payload_bytes) noexcept {
  return job_room + payload_bytes + cursor_bytes(how.cursor);
}

reject log_refusal(core& c, thread_context& context, std::size_t bytes) noexcept {
  if (const reject r = c.log->refusal(); r != reject::none) return r;
  return context.log->has_room(bytes + 2 * outcome_room) ? reject::none : reject::log_full;
}

void wait_for_log(thread_context& context, std::size_t result_bytes) noexcept {
  if (context.log != nullptr) context.log->wait_for_room(2 * outcome_room + result_bytes);
}

bool has_log_room(thread_context& context) noexcept {
  return context.log == nullptr || context.log->has_room(2 * outcome_room);
}

std::uint64_t log_plain(const admission& a, std::span<const std::uint64_t> places,
                        const source_cursor* at) noexcept {
  std::array<submitted_job, batch_max> jobs;
  std::uint64_t lsn = 0;
  while (!places.empty()) {
    const slot& first = a.c.jobs[band_entry{places.front()}.slot()];
    std::size_t count = 0;
    while (count < places.size()) {
      const std::uint32_t slot_index = band_entry{places[count]}.slot();
      const slot& job = a.c.jobs[slot_index];
      if (!go_together(first, job)) break;
      jobs[count++] = submitted(a.c, slot_index, job_word{job.word.load(relaxed)});
    }
    lsn = log_run(a, std::span(jobs).first(count), count == places.size() ? at : nullptr);
    if ((a.log_marks & strictly) != 0) {
      for (const std::uint64_t place : places.first(count)) {
        note_start(a.c.jobs[band_entry{place}.slot()], lsn);
      }
    }
    places = places.subspan(count);
  }
  return lsn;
}

std::uint64_t log_special(const admission& a, std::uint32_t slot_index, job_word word,
                          const job_options& how, const key_wish* key,
                          std::uint64_t lane_order) noexcept {
  slot& job = a.c.jobs[slot_index];
  const std::array one{submitted(a.c, slot_index, word)};
  const submit_record x{.common = common_of(a, job),
                        .extras = extras_of(a.c, job, how, key, lane_order),
                        .jobs = one};
  const std::uint64_t lsn = how.cursor != nullptr
                                ? say_at(a.c, a.context, job.marks, *how.cursor, x)
                                : say(a.context, job.marks, x);
  note_start(job, lsn);
  return lsn;
}

std::uint64_t log_cursor(core& c, thread_context& context, const source_cursor& at) noexcept {
  return say_at(c, context, log_marks_of(durability::durable), at);
}

void log_end(core& c, thread_context& context, std::uint32_t slot_index, const slot& job,
             job_word word, dead_cause cause) noexcept {
  const job_id id = make_id(slot_index, job.generation);
  if (word.state() == job_state::dead) return log_death(c, context, id, job, word, cause);
  const std::array one{ended_job{id, word.version()}};
  const auto how = word.state() == job_state::completed   ? ended_record::way::completed
                   : word.state() == job_state::cancelled ? ended_record::way::cancelled
                                                          : ended_record::way::expired;
  const bool has_ticket = how == ended_record::way::cancelled;
  say(context, has_ticket ? job.marks : in_a_moment(job.marks), ended_record{how, one});
}

void log_again(core& c, thread_context& context, const coming_again& again,
               std::uint64_t version) noexcept {
  std::array<attempt_error, 1> errors;
  const bool has_error = again.error.version != 0;
  if (has_error) errors[0] = error_of(c, again.error);
  const again_record x{.facts = facts_of(c, again.id, version, again.attempt, again.pushbacks,
                                         again.crashes, std::span(errors).first(has_error ? 1 : 0)),
                       .cause = again.cause,
                       .due = {clock_name::boot, again.due_ns}};
  say(context, in_a_moment(again.marks), x);
}

std::uint64_t log_requeued(thread_context& context, job_id id, slot& job,
                           std::uint64_t version) noexcept {
  const requeued_record x{.id = id,
                          .version = version,
                          .priority = static_cast<priority>(static_cast<std::uint8_t>(job.band))};
  const std::uint64_t lsn = say(context, job.marks, x);
  note_start(job, lsn);
  return lsn;
}

std::uint64_t log_completed(thread_context& context, const kept_results::entry& kept,
                            std::span<const std::byte> value) noexcept {
  const std::array one{ended_job{kept.id, kept.version}};
  if (PAWL_SEEDED(result_outside_group)) {
    say(context, in_a_moment(kept.marks), result_record{kept.id, kept.version, value});
    return say(context, in_a_moment(kept.marks), ended_record{ended_record::way::completed, one});
  }
  return say(context, in_a_moment(kept.marks), result_record{kept.id, kept.version, value},
             ended_record{ended_record::way::completed, one});
}

void log_forgotten(thread_context& context, const kept_results::entry& old) noexcept {
  const std::array one{purged_job{old.id, old.version}};
  say(context, old.marks, purged_record{one});
}

void log_purged(const core& c, thread_context& context, std::uint32_t slot_index) noexcept {
  const slot& job = c.jobs[slot_index];
  const job_word word{
      job.word.load(relaxed)};  // relaxed: the letter, and with it the slot, is ours
  const std::array one{purged_job{make_id(slot_index, job.generation), word.version() + 1}};
  say(context, job.marks, purged_record{one});
}

}  // namespace pawl
