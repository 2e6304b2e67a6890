// pawl/lane.hpp -- lanes: jobs of one key that start one after another, in the order of their submits.
//
//   const auto posts = s->queue("posts", {.lanes = {.concurrency = 1}});
//   s->submit(*posts, post, bytes, {.lane = "account 4711"});
//
// A lane is made by the first job with its key and is gone with the last; a queue has as many as there
// are keys. Keys of different queues are different lanes. Jobs without a key know nothing of any of this.
//
// Order:    the jobs of a lane start in the order in which submit() took them, whatever their priorities,
//           and never more of them at a time than lane_options::concurrency; with 1 each has ended, or
//           been put off, before the next starts. One that is due later takes its place when it is due.
//           A job whose turn in the queue comes before its turn in the lane waits as `blocked`
//           (waiting_for::lane), and goes before the others of the queue once the lane lets it.
// Failure:  what the jobs behind it do while a job waits for its next attempt, and when it dies, is
//           decided by lane_options::on_failure. A job that yields keeps its place. One that was
//           cancelled, has expired or was shed is no failure: the lane goes on. One that is requeued has
//           the place that it had, before all that have not started.
// Overrun:  a handler that was given up (on_overrun::dead) holds its place until it returns.
// Scopes:   pause, resume, hold and the intake are there for a lane too: scope(lane_ref).
// Breaker:  with lane_options::breaker each lane has one of its own (pawl/breaker.hpp), which hears of the
//           lane's attempts, of whatever kind they are: when the server of one account is down, the jobs of
//           that lane wait in their order and use up no attempt, and nobody else waits. After open_for as
//           many of them as its rule has `trials` may start, and if those do well, the rest. A lane without
//           jobs is kept as long as its breaker has something against it: failures, for open_for after its
//           last attempt; an open breaker, for open_for after it could have been tried; up to 0.07 s more.
//           So keys whose jobs come one at a time trip too, and what is kept is bounded by the keys that
//           failed in that time. One that knows of no failure leaves nothing. Seen: lane_status::breaker,
//           lane_metrics, issue::breakers_open; nothing is logged, it would be a line for each key.
// Price:    a submit, a start and an end of such a job each take one of 64 locks for a moment, found by
//           the key; a start does so twice once there is any limit or pause in the scheduler. The text is
//           not kept: keys count as equal if 128 bits of hash are, with a seed drawn by each scheduler.
//           Memory: a place of 88 bytes for a lane, in tables that are three quarters full at most, and
//           40 bytes for a job.
#pragma once

#include <cstdint>
#include <string_view>

#include "pawl/breaker.hpp"
#include "pawl/job.hpp"
#include "pawl/limits.hpp"

namespace pawl {

// What a failure means for the jobs behind it.
enum class on_failure : std::uint8_t {
  // They wait for its next attempts; when it is dead they go on.
  dead_then_continue,
  // They wait for its next attempts; when it is dead they wait until somebody has requeued the dead job,
  // or has purged it (which the table of dead letters does itself when it is full).
  block,
  // They do not wait: it takes its place at the head again when it is due.
  skip,
};

// Of all lanes of a queue. May be changed at any time, see scheduler::set_options().
struct lane_options {
  std::uint32_t concurrency = 1;  // jobs of one lane that run at the same time; at least 1
  rate_limit rate{};  // of the starts of each lane; a lane that is empty keeps its count
  pawl::on_failure on_failure = pawl::on_failure::dead_then_continue;
  // Of each lane. Changed, it applies to what attempts come to from now on: see scheduler::set_breaker().
  breaker_rule breaker{};
};

// A lane as it is now.
struct lane_status {
  std::uint32_t waiting = 0;  // jobs that are in line, and those of them that wait for an attempt
  std::uint32_t running = 0;
  job_id first;             // of those in line; 0: there is none
  bool is_stopped = false;  // `first` is dead, and on_failure::block
  bool is_paused = false;
  bool is_held = false;
  bool takes_jobs = true;
  breaker_state breaker = breaker_state::none;
};

}  // namespace pawl
