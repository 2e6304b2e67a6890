// engine/job_making.hpp -- a free slot becomes a job.
#pragma once

#include <cstdint>
#include <span>

#include "engine/admission.hpp"
#include "engine/payload_storing.hpp"
#include "engine/unique_jobs.hpp"
#include "job/id.hpp"

namespace pawl {

// A job that is accepted. With a place it is ready, and the place is yet to be pushed.
struct newcomer {
  job_id id;
  band_entry place;
  bool is_ready = true;
  std::uint64_t expiry_ns = UINT64_MAX;
  std::uint64_t lsn = 0;           // what it was logged as; 0: it is not
  reject reason = reject::memory;  // if it is not accepted
};

inline std::uint8_t attempts_max_of(const admission& a, const job_options& how) noexcept {
  return how.max_attempts != 0 ? how.max_attempts : a.attempts_max;
}

// The fields of a job in a free slot, apart from its options. False: no memory for the payload.
inline bool fill_slot(const admission& a, slot& job, std::span<const std::byte> payload,
                      const job_options& how, unsigned band) noexcept {
  if (!store_payload(a.c.payloads, job, payload)) return false;
  job.generation = job.generation + 1;
  job.due_ns = a.now_ns;
  job.submitted_ns = a.now_ns;
  job.start_lsn.store(0, relaxed);
  job.extra = 0;
  job.expires = 0;
  job.kind = a.kind;
  job.queue = static_cast<std::uint16_t>(a.queue.index());
  job.band = static_cast<std::uint8_t>(band);
  job.attempt = 0;
  job.attempts_max = attempts_max_of(a, how);
  job.cause = 0;
  job.pushbacks = 0;
  job.marks = a.log_marks;
  job.tenant = how.tenant.index;
  return true;
}

// Gives a filled slot the job's options, and notes where it stands in an ordered queue; one that is due
// later goes into the wheel. One with a key, or due later, is counted here: before anyone can count its
// end, as soon as others know of it. False: newcomer::reason, or it is a duplicate (key_request::answer).
bool make_special(const admission& a, std::uint32_t slot_index, const job_options& how,
                  newcomer& made, key_request* key) noexcept;

// After the job was counted and has its place, so that its end comes after both.
inline void watch_expiry(const admission& a, const newcomer& made) noexcept {
  if (made.expiry_ns == UINT64_MAX) [[likely]]
    return;
  a.c.due_later.add(a.c, a.context,
                    {made.expiry_ns, id_slot(made.id) | expiry_mark,
                     static_cast<std::uint32_t>(id_generation(made.id))});
}

// Fills a free slot and makes it a job. `plain`: is_plain(how). False: newcomer::reason, or a duplicate.
inline bool make_job(const admission& a, std::uint32_t slot_index,
                     std::span<const std::byte> payload, const job_options& how, bool plain,
                     unsigned band, newcomer& made, key_request* key = nullptr) noexcept {
  slot& job = a.c.jobs[slot_index];
  if (!fill_slot(a, job, payload, how, band)) return false;
  made.id = make_id(slot_index, job.generation);
  if (!plain || a.queue.is_ordered()) [[unlikely]]
    return make_special(a, slot_index, how, made, key);
  made.place = band_entry::make(slot_index, transition_to_ready(job.word));
  return true;
}

}  // namespace pawl
