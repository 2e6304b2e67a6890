#include "engine/job_making.hpp"

#include <algorithm>

#include "engine/intake_doors.hpp"
#include "engine/job_log.hpp"
#include "engine/option_checks.hpp"
#include "engine/ordered_intake.hpp"
#include "job/expiry.hpp"
#include "job/extra.hpp"
#include "policy/retry.hpp"

namespace pawl {

namespace {

// What the job wants beyond what its kind says. False: no memory.
bool store_extra(core& c, slot& job, const job_options& how, const key_request* key) noexcept {
  if (how.run_timeout.count() == 0 && how.backoff == nullptr && key == nullptr) return true;
  job_extra x;
  x.run_timeout_ns = detail::nanoseconds(how.run_timeout);
  if (how.backoff != nullptr) {
    x.has_backoff = true;
    x.backoff = *how.backoff;
  }
  if (key != nullptr) {
    x.is_unique = true;
    x.key = key->wish.key;
    x.until = key->wish.until;
  }
  const std::uint32_t reference = c.payloads.store_value(x);
  job.extra = reference;
  return reference != 0;
}

// When it is due, in boot time; the slot has it in the job's own clock. The clock is read again: the
// stamp of a submit may be some microseconds old, and nothing may be early.
std::uint64_t set_due(const core& c, slot& job, const job_options& how) noexcept {
  const std::uint64_t now = c.clock.boot_ns();
  if (how.after.count() > 0) {
    job.due_ns = now + detail::nanoseconds(how.after);
    return job.due_ns;
  }
  const std::int64_t at = std::chrono::duration_cast<duration>(how.at.time_since_epoch()).count();
  job.due_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(at, 0));
  job.put(by_wall_clock);
  return boot_ns_of(c, job.due_ns, now);
}

}  // namespace

bool make_special(const admission& a, std::uint32_t slot_index, const job_options& how,
                  newcomer& made, key_request* key) noexcept {
  slot& job = a.c.jobs[slot_index];
  const auto drop = [&] {
    if (job.has(in_lane)) a.c.lanes.move(a.c, a.context, slot_index, lane_place::out);
    if (job.extra != 0) a.c.payloads.release(job.extra);
    if (payload_arena::is_reference(job.payload)) a.c.payloads.release(job.payload);
    return false;
  };
  if (!store_extra(a.c, job, how, key)) return drop();
  if (a.queue.is_ordered()) note_order(a, slot_index, how);
  job.expires = encode_expiry(how.expires);
  made.expiry_ns = expiry_ns(a.now_ns, job.expires);
  made.is_ready = !is_later(how);
  const std::uint64_t due = made.is_ready ? 0 : set_due(a.c, job, how);
  if (job.has(by_wall_clock)) a.c.due_later.note_wall_clock();
  std::uint64_t lane_order = 0;
  if (!how.lane.empty()) {
    made.reason = a.c.lanes.join(a.c, a.context, slot_index, how.lane, made.is_ready, lane_order);
    if (made.reason != reject::none) return drop();
    job.put(in_lane);
    made.reason = reject::memory;
  }
  job_word word;
  const auto go_live = [&] {
    if (!made.is_ready || key != nullptr) a.counts().add(tally::accepted);
    if (!made.is_ready) a.counts().add(tally::put_off);
    word = made.is_ready ? transition_to_ready(job.word) : transition_to_scheduled(job.word);
    // Here, before somebody who knows its key may replace it, and the slot be another's.
    if (a.log_marks != 0) {
      made.lsn =
          log_special(a, slot_index, word, how, key == nullptr ? nullptr : &key->wish, lane_order);
    } else if (how.cursor != nullptr) {
      move_cursor(a.c, *how.cursor);
    }
  };
  if (key == nullptr) {
    go_live();
  } else {
    key->answer = a.c.keys.claim(key->wish, made.id, go_live);
    if (!key->answer.is_taken()) return drop();
  }
  order_second_look(a.c, a.queue);
  if (a.queue.counts_bytes()) weigh(a.c, slot_index);
  if (made.is_ready) {
    made.place = band_entry::make(slot_index, word);
  } else {
    a.c.due_later.add(a.c, a.context,
                      {due, slot_index, static_cast<std::uint32_t>(word.version())});
  }
  return true;
}

}  // namespace pawl
