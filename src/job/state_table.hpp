// job/state_table.hpp -- every edge a job's state may take, as data.
//
// The table is the single statement of the life of a job. word.hpp checks each transition against
// it; tests/job/state_table_test.cpp walks every (state, event) pair. Edges that no code takes yet
// are here already: the table is the design of the whole engine.
//
//   free -> scheduled | ready | blocked      submit (later, now, with something to wait for)
//   scheduled -> ready                       due
//   ready <-> blocked                        something of the job's own closes, opens
//   ready -> running                         start
//   running -> completed | dead | cancelled  the handler's outcome
//   running -> scheduled | ready | blocked   retry or snooze, yield or interrupted, wait for children
//   running -> suspended -> ready            a handler waits without a thread
//   scheduled | ready | blocked | suspended -> cancelled | expired | dead
//   dead -> ready                            requeue
//   completed | dead | cancelled | expired -> free
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "pawl/job.hpp"

namespace pawl {

// A slot without a job is `ended`: the answer find() gives for it.
inline constexpr job_state state_free = job_state::ended;

enum class job_event : std::uint8_t {
  submit_later,
  submit_now,
  submit_blocked,
  due,
  close,  // a reason of the job's own to wait came up
  open,   // the last such reason went away
  start,
  done,
  retry,  // failed or snoozed: due later
  yield,  // back to its band now; also an attempt that stop() interrupted
  wait_children,
  suspend,
  resume,
  die,  // ends without success while running, or is shed, crashed, quarantined while waiting
  cancel,
  expire,
  requeue,
  release_slot,
};
inline constexpr std::size_t job_event_count = 18;

// What no edge leads to.
inline constexpr std::uint8_t no_edge = 0xff;

namespace detail {

using edge_row = std::array<std::uint8_t, job_event_count>;
using edge_table = std::array<edge_row, job_state_count>;

consteval edge_table build_edges() {
  edge_table table{};
  for (edge_row& row : table) row.fill(no_edge);
  const auto edge = [&table](job_state from, job_event event, job_state to) {
    table[static_cast<std::size_t>(from)][static_cast<std::size_t>(event)] =
        static_cast<std::uint8_t>(to);
  };
  using enum job_state;
  edge(state_free, job_event::submit_later, scheduled);
  edge(state_free, job_event::submit_now, ready);
  edge(state_free, job_event::submit_blocked, blocked);
  edge(scheduled, job_event::due, ready);
  edge(ready, job_event::close, blocked);
  edge(blocked, job_event::open, ready);
  edge(ready, job_event::start, running);
  edge(running, job_event::done, completed);
  edge(running, job_event::retry, scheduled);
  edge(running, job_event::yield, ready);
  edge(running, job_event::wait_children, blocked);
  edge(running, job_event::suspend, suspended);
  edge(suspended, job_event::resume, ready);
  for (const job_state from : {scheduled, ready, blocked, running, suspended}) {
    edge(from, job_event::die, dead);
    edge(from, job_event::cancel, cancelled);
  }
  for (const job_state from : {scheduled, ready, blocked, suspended}) {
    edge(from, job_event::expire, expired);
  }
  edge(dead, job_event::requeue, ready);
  for (const job_state from : {completed, dead, cancelled, expired}) {
    edge(from, job_event::release_slot, state_free);
  }
  return table;
}

}  // namespace detail

inline constexpr detail::edge_table job_edges = detail::build_edges();

// The state that `event` leads to, or no_edge.
constexpr std::uint8_t next_state(job_state from, job_event event) noexcept {
  return job_edges[static_cast<std::size_t>(from)][static_cast<std::size_t>(event)];
}

constexpr bool is_terminal(job_state s) noexcept {
  return s == job_state::completed || s == job_state::dead || s == job_state::cancelled ||
         s == job_state::expired;
}

}  // namespace pawl
