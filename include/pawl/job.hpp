// pawl/job.hpp -- a job as its submitter sees it: id, options, state, and the answer to submit().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "pawl/export.hpp"

namespace pawl {

// Durations are nanoseconds; any std::chrono duration that fits converts by itself.
using duration = std::chrono::nanoseconds;

// Names one job for ever: an id is never used again. 0 names no job.
struct job_id {
  std::uint64_t value = 0;
  explicit operator bool() const noexcept { return value != 0; }
  friend bool operator==(job_id, job_id) noexcept = default;
};

// What submit and every changing verb return. `lsn` is the log position that must be durable before
// the answer is a fact for whatever crash (scheduler::wait_durable()); it is 0 where nothing is logged,
// where an answer is a fact at once.
struct ticket {
  job_id id;
  std::uint64_t lsn = 0;
};

// Resolved once from a name by scheduler::queue(); cheap to copy. Valid for that scheduler only.
struct queue_ref {
  std::uint16_t index = 0xffff;
  std::uint16_t scheduler = 0;  // tells the schedulers of one process apart
  friend bool operator==(queue_ref, queue_ref) noexcept = default;
};

// Resolved once by registry::add(); valid for every scheduler opened with that registry.
struct kind_ref {
  std::uint16_t index = 0xffff;
  friend bool operator==(kind_ref, kind_ref) noexcept = default;
};

// Resolved once from a name by scheduler::tenant(). A job without one belongs to nobody in particular.
struct tenant_ref {
  std::uint16_t index = 0;  // 0: none
  std::uint16_t scheduler = 0;
  friend bool operator==(tenant_ref, tenant_ref) noexcept = default;
};

// The jobs of one key in a queue: pawl/lane.hpp. The key is not empty; any bytes.
struct lane_ref {
  queue_ref queue;
  std::string_view key;
};

// Highest first. A lower priority starts when no higher one is ready, or when it has waited longer
// than options::ageing times its rank, whichever comes first: none of them starves.
enum class priority : std::uint8_t { critical, high, above, normal, below, low, bulk, idle };
inline constexpr std::size_t priority_count = 8;

// What a crash may take of a job and of what became of it, in a scheduler with a directory
// (options::directory); without one everything is `none`.
enum class durability : std::uint8_t {
  none,  // lives in memory only; costs what it costs without a directory
  relaxed,  // in the log within about a millisecond: a crash of the process may take what is younger, one
            // of the machine what the system had not written yet
  durable,  // survives both, from the moment at which its ticket is durable. What its attempts come to is
            // durable with the next ticket of anybody, or some milliseconds later
};
inline constexpr std::size_t durability_count = 3;

// `ended` is the answer for a job that is over and of which nothing was kept.
enum class job_state : std::uint8_t {
  ended,
  scheduled,  // due later
  ready,      // may start
  blocked,    // waits for something of its own
  running,    // its handler is being called
  suspended,  // its handler waits without a thread
  completed,  // terminal: the handler said done
  dead,       // terminal: see dead_cause
  cancelled,  // terminal: cancel() came first, or the handler agreed to it
  expired,    // terminal: it was not started in time
};
inline constexpr std::size_t job_state_count = 10;

// Why a job is dead.
enum class dead_cause : std::uint8_t {
  none,         // it is not dead
  exhausted,    // all attempts failed
  handler,      // the handler said dead
  crashed,      // it took the process down too often
  timeout,      // it ran too long
  decode,       // its payload does not fit its kind
  quarantined,  // it is suspected to take the process down
  dependency,   // a job it needs died
  shed,         // its queue was full and sheds the oldest
};
inline constexpr std::size_t dead_cause_count = 9;

// The enumerators' own names.
[[nodiscard]] PAWL_EXPORT std::string_view name(priority p) noexcept;
[[nodiscard]] PAWL_EXPORT std::string_view name(durability d) noexcept;
[[nodiscard]] PAWL_EXPORT std::string_view name(job_state s) noexcept;
[[nodiscard]] PAWL_EXPORT std::string_view name(dead_cause c) noexcept;

struct backoff;        // pawl/retry.hpp
struct unique_key;     // pawl/unique.hpp
struct source_cursor;  // pawl/source.hpp

// Per job. Every member has a default, so {.priority = priority::high} is enough.
struct job_options {
  pawl::priority priority = pawl::priority::normal;
  std::uint8_t max_attempts = 0;  // starts; 0: the kind's
  duration after{0};              // due so much later; counts suspended time; at most 100 years
  // Due when the wall clock says so, also when that is set meanwhile; the epoch: not used. Not
  // together with `after`.
  std::chrono::system_clock::time_point at{};
  // Ends as `expired` if not started so long after its submit; 0: never. Kept in whole microseconds, at least
  // one, up to 17 minutes, in milliseconds up to 12 days, in seconds up to 34 years; so it may end earlier by
  // less than that.
  duration expires{0};
  duration run_timeout{0};                 // of each attempt; 0: the kind's
  const pawl::backoff* backoff = nullptr;  // copied; null: the kind's
  const unique_key* unique = nullptr;      // copied; null: it may be there any number of times
  tenant_ref tenant{};                     // for whom it is done
  // The key of its lane; read during the submit only. Empty: it has none.
  std::string_view lane{};
  // In a queue ordered by deadline (queue_options::order): wants to start before so long after its
  // submit, which is a wish: it ends nothing. At most 100 years. 0: `expires` if it has that, else it
  // comes after all that have a deadline. Elsewhere it means nothing.
  duration deadline{0};
  // In a queue ordered by exact priority: the smallest first. Elsewhere it means nothing.
  std::int64_t exact_priority = 0;
  std::optional<pawl::durability> durability{};  // none: the queue's (queue_options::durability)
  // How far its source has been read when the job is accepted; in the log in one piece with it. Of a job that is
  // not logged it moves in memory only. In a bulk each spec may have one: that of the last one accepted holds.
  const source_cursor* cursor = nullptr;
};

// One job of a bulk. `payload` is copied before submit_bulk() returns.
struct job_spec {
  std::span<const std::byte> payload;
  job_options options;
};

// Why a job was not accepted. Nothing of a rejected job remains.
enum class reject : std::uint8_t {
  none,            // it was accepted
  queue_full,      // no room: queue_options::jobs_max, or bytes_max
  scheduler_full,  // no room: options::jobs_max, or bytes_max
  no_space,        // the disk is full: nothing is logged until there is room, see health()
  log_full,        // the disk is behind: what this thread has said to the log is not written yet
  log_too_long,    // the log has come to options::log_bytes_max; so it stays until the next open()
  log_failed,      // the log has failed and stays so; see health()
  memory,          // the system, options::memory_bytes_max or payload_memory_bytes_max has no more
                   // memory for it
  too_large,       // the payload is above options::payload_bytes_max, or above a whole bytes_max
  unknown_kind,    // the kind is not of this scheduler's registry
  unknown_queue,   // the queue_ref is not of this scheduler
  unknown_tenant,  // the tenant_ref is not of this scheduler
  intake_closed,   // scheduler::close_intake() was called for one of its scopes
  stopping,        // stop() or the destructor has begun
  forked,          // this process is a fork of the one that opened the scheduler
  overloaded,      // admission control
  bad_option,      // an option of the job is out of its range
  duplicate,       // another job holds its unique key; see job_options::unique
};
inline constexpr std::size_t reject_count = 18;
[[nodiscard]] PAWL_EXPORT std::string_view name(reject r) noexcept;

// What a submit came to.
enum class submit_result : std::uint8_t {
  submitted,  // the job was accepted
  duplicate,  // nothing was added: `ticket` is that of the job that holds the unique key
  replaced,   // the job was accepted, and `original` ended as cancelled
  rejected,   // nothing was added, because of `reason`
};

// The total answer to submit().
struct [[nodiscard]] submit_answer {
  pawl::ticket ticket;  // of the job, or of the one whose duplicate it is; id 0 when rejected
  reject reason = reject::none;
  duration retry_after{0};  // rejected: a guess when it may succeed; 0: unknown
  // The job that held the unique key, if it was in the way or was replaced; else 0. It held the key
  // when the answer was made; what became of it since, find() knows.
  job_id original;
  job_state original_state = job_state::ended;

  // True: `ticket` names a job as asked for; not necessarily a new one (submit_result::duplicate), and
  // that one may have ended if its key has a ttl.
  explicit operator bool() const noexcept { return reason == reject::none; }
  [[nodiscard]] submit_result result() const noexcept {
    return reason != reject::none  ? submit_result::rejected
           : !original             ? submit_result::submitted
           : original == ticket.id ? submit_result::duplicate
                                   : submit_result::replaced;
  }
};

// The answer to submit_bulk(): the first `accepted` specs were taken, the others were not.
struct [[nodiscard]] submit_answers {
  std::size_t accepted = 0;      // with the duplicates
  pawl::ticket ticket;           // of the last accepted job; covers all of them
  reject reason = reject::none;  // why the spec at index `accepted` was not taken
  duration retry_after{0};
  std::size_t duplicates = 0;  // accepted specs that added nothing (submit_result::duplicate)
  std::size_t replaced = 0;    // accepted specs in whose place another job ended as cancelled
  job_id original;             // reject::duplicate: the job that holds the key
  explicit operator bool() const noexcept { return reason == reject::none; }
};

// What a job waits for.
enum class waiting_for : std::uint8_t {
  nothing,   // it runs, or has ended
  due_time,  // job_status::due
  gate,      // its queue is paused, held, stopped, or at one of its limits
  a_drain,   // its turn
  kind,      // its kind is paused, held, at one of its limits, or its breaker is open
  tenant,    // its tenant is
  lane,     // its turn in its lane, which may be paused, held, at its rate, or have an open breaker
  handler,  // a scheduler whose registry has its kind (scheduler::open())
};
inline constexpr std::size_t waiting_for_count = 8;
[[nodiscard]] PAWL_EXPORT std::string_view name(waiting_for w) noexcept;

// What find() and wait() know of a job.
struct job_status {
  job_id id;
  job_state state = job_state::ended;
  dead_cause cause = dead_cause::none;
  pawl::priority priority = pawl::priority::normal;
  std::uint8_t attempt = 0;  // starts so far
  std::uint8_t max_attempts = 0;
  bool cancel_requested = false;  // its handler runs and has been asked to end
  bool timed_out = false;         // its handler runs longer than run_timeout
  bool overrun = false;           // and longer than that and the grace: its result will not count;
                                  // or it died of that
  pawl::waiting_for waiting_for = pawl::waiting_for::nothing;
  queue_ref queue;
  kind_ref kind;
  duration submitted{0};  // since boot, the time at which it was accepted
  // Since when it could have started, or will be able to: since boot; for a job submitted with `at`
  // since the wall clock's epoch.
  duration due{0};
  bool due_by_wall_clock = false;
  std::uint64_t version = 0;  // changes with each change of state; names this one
};

}  // namespace pawl
