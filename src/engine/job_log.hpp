// engine/job_log.hpp -- what is said to the log about jobs.
//
// A job that is logged carries slot_mark::logged; who has none of them pays one test. What follows one
// another in the life of a job is said in this order:
//
//   room in the thread's ring  ->  the change of the job's word  ->  its record, published  ->  others may
//   act on the change: its place is pushed, its slot is freed, somebody is told
//
// So whatever another thread says because of it is published later, and in no cut without it
// (persistence/log_ring.hpp, I2), and no change is made that could not be said. A start says nothing.
//
// Roles       each: the thread that has the context, which makes the change.
// Waiting     log_refusal() does not; wait_for_log() does, for the disk: no lock may be held.
// Room        Before a start its thread sees to it that there is room for what comes of it, and whatever
//             else the thread asks for meanwhile, in the handler, leaves as much alone: so each asks for
//             outcome_room more than it needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/admission.hpp"
#include "engine/core.hpp"
#include "engine/unique_keys.hpp"
#include "persistence/record_outcome.hpp"

namespace pawl {

// What a thread may say of one job when an attempt, or a wait, has come to something: the longest is a
// death with its error, and the purge of an older letter.
inline constexpr std::size_t outcome_room = 1'024;

constexpr durability level_of(std::uint8_t marks) noexcept {
  return (marks & durably) != 0 ? durability::durable : durability::relaxed;
}

// Of a job of that queue.
inline std::uint8_t log_marks_of(const ready_queue& queue, const job_options& how) noexcept {
  if (!how.durability) [[likely]]
    return queue.log_marks();
  return queue.has_log() ? pawl::log_marks_of(*how.durability, queue.starts_strictly())
                         : std::uint8_t{0};
}

// Upper bounds of what is said of a job's submit, alone and among others that have no options.
std::size_t submit_bytes(const job_options& how, std::size_t payload_bytes) noexcept;
std::size_t bulk_bytes(const job_options& how, std::size_t payload_bytes) noexcept;
// May so much be said now, and be taken back? none; no_space, log_failed; log_full: the disk is behind.
reject log_refusal(core& c, thread_context& context, std::size_t bytes) noexcept;
// Until what one job comes to has room, with so many bytes of a result. At once where there is no log, or it has failed.
void wait_for_log(thread_context& context, std::size_t result_bytes = 0) noexcept;
// The same without waiting.
[[nodiscard]] bool has_log_room(thread_context& context) noexcept;

// Jobs that were made and whose places are not pushed, in their order; all are logged and have no options that a
// plain one has not. The LSN of their ticket.
// `at`: where their source stands then, in one group with them, who have all the rest in common; null: they have
// none.
std::uint64_t log_plain(const admission& a, std::span<const std::uint64_t> places,
                        const source_cursor* at) noexcept;
// The same for one with options; `word` is its first. `key`: null if it has none.
std::uint64_t log_special(const admission& a, std::uint32_t slot_index, job_word word,
                          const job_options& how, const key_wish* key,
                          std::uint64_t lane_order) noexcept;

// How often the job took the process down. By who may look at its extras.
std::uint8_t crashes_of(const core& c, const slot& job) noexcept;

// Where a source stands, of which no job comes. The LSN.
std::uint64_t log_cursor(core& c, thread_context& context, const source_cursor& at) noexcept;

// The caller made `word` terminal.
void log_end(core& c, thread_context& context, std::uint32_t slot_index, const slot& job,
             job_word word, dead_cause cause) noexcept;
// The attempt is over and the job comes again. What is needed of it, as it was before anyone could start it.
struct coming_again {
  job_id id;
  std::uint8_t marks = 0;
  again_record::why cause = again_record::why::retry;
  std::uint8_t attempt = 0;
  std::uint8_t pushbacks = 0;
  std::uint8_t crashes = 0;
  std::uint64_t due_ns = 0;  // 0: it is ready
  error_entry error;         // version 0: none
};
void log_again(core& c, thread_context& context, const coming_again& again,
               std::uint64_t version) noexcept;
// By somebody's verb. The LSN of its ticket.
std::uint64_t log_requeued(thread_context& context, job_id id, slot& job,
                           std::uint64_t version) noexcept;
// A job is completed and leaves something behind. The LSN that says so.
std::uint64_t log_completed(thread_context& context, const kept_results::entry& kept,
                            std::span<const std::byte> value) noexcept;
// What it left behind is forgotten.
void log_forgotten(thread_context& context, const kept_results::entry& old) noexcept;
// A dead letter, which was logged, is forgotten.
void log_purged(const core& c, thread_context& context, std::uint32_t slot_index) noexcept;

}  // namespace pawl
