// engine/unique_jobs.hpp -- jobs with a unique key: what submits, starts, ends and requeues do about it.
// The key itself is among the job's extras; a job without extras pays one test.
#pragma once

#include <cstdint>

#include "engine/core.hpp"
#include "engine/unique_keys.hpp"
#include "job/extra.hpp"
#include "job/id.hpp"

namespace pawl {

bool is_in_range(const unique_key& unique) noexcept;

key_wish wish_of(const core& c, const unique_key& unique, std::uint16_t queue,
                 std::uint16_t kind) noexcept;

// The answer to a submit with what became of the key; counts a duplicate that another job answers.
submit_answer note_key(const core& c, tally& counts, submit_answer answer,
                       const key_answer& key) noexcept;

// The counted bytes of the job that would be replaced, if its word is still the one seen.
std::uint64_t bytes_of_replaced(const core& c, const key_answer& key) noexcept;

// Ends the job in whose place another one was submitted, which is where it belongs by now. If that one
// asked for its very place it has taken over its room.
void end_replaced(core& c, thread_context& context, const key_request& key) noexcept;

void let_go_of_key(core& c, const job_extra& extra, job_id id) noexcept;
// A submit is undone.
void withdraw_key(core& c, const slot& job, job_id id) noexcept;

// The job has ended, and is the caller's.
inline void let_go_at_end(core& c, const slot& job, std::uint32_t slot_index) noexcept {
  const std::uint32_t reference = job.extra;
  if (reference == 0) [[likely]]
    return;
  const auto& extra = c.payloads.value<const job_extra>(reference);
  if (extra.is_unique) let_go_of_key(c, extra, make_id(slot_index, job.generation));
}

// An attempt has begun on this thread, and its handler has not been called.
inline void let_go_at_start(core& c, const slot& job, job_id id) noexcept {
  const std::uint32_t reference = job.extra;
  if (reference == 0) [[likely]]
    return;
  const auto& extra = c.payloads.value<const job_extra>(reference);
  if (extra.is_unique && extra.until == unique_until::started) let_go_of_key(c, extra, id);
}

// Makes a dead job, which is the caller's, live again by revive(), unless another one has its key:
// reject::duplicate.
template <class F>
reject revive_with_key(core& c, const slot& job, job_id id, F revive) noexcept {
  const std::uint32_t reference = job.extra;
  const job_extra* const extra =
      reference == 0 ? nullptr : &c.payloads.value<const job_extra>(reference);
  if (extra == nullptr || !extra->is_unique) {
    revive();
    return reject::none;
  }
  return c.keys.take_again({.key = extra->key, .now_ns = c.clock.boot_ns(), .until = extra->until},
                           id, revive);
}

}  // namespace pawl
