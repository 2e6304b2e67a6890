// The life of a job as data. Method: a list of edges written down by hand from the design, apart
// from the table; every pair of state and event is looked up in both. Then properties of the graph.
#include "job/state_table.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <queue>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace pawl {
namespace {

constexpr std::array<std::string_view, job_event_count> event_names{
    "submit_later", "submit_now", "submit_blocked", "due",    "close",         "open",
    "start",        "done",       "retry",          "yield",  "wait_children", "suspend",
    "resume",       "die",        "cancel",         "expire", "requeue",       "release_slot"};

using edge_key = std::pair<std::string_view, std::string_view>;

// What may happen to a job, from the design.
const std::map<edge_key, std::string_view> expected_edges{
    // A free slot is taken by a submit.
    {{"ended", "submit_later"}, "scheduled"},
    {{"ended", "submit_now"}, "ready"},
    {{"ended", "submit_blocked"}, "blocked"},
    // Waiting.
    {{"scheduled", "due"}, "ready"},
    {{"ready", "close"}, "blocked"},
    {{"blocked", "open"}, "ready"},
    {{"ready", "start"}, "running"},
    // What a handler may say.
    {{"running", "done"}, "completed"},
    {{"running", "die"}, "dead"},
    {{"running", "cancel"}, "cancelled"},
    {{"running", "retry"}, "scheduled"},
    {{"running", "yield"}, "ready"},
    {{"running", "wait_children"}, "blocked"},
    {{"running", "suspend"}, "suspended"},
    {{"suspended", "resume"}, "ready"},
    // What may end a job that is not running.
    {{"scheduled", "cancel"}, "cancelled"},
    {{"ready", "cancel"}, "cancelled"},
    {{"blocked", "cancel"}, "cancelled"},
    {{"suspended", "cancel"}, "cancelled"},
    {{"scheduled", "expire"}, "expired"},
    {{"ready", "expire"}, "expired"},
    {{"blocked", "expire"}, "expired"},
    {{"suspended", "expire"}, "expired"},
    {{"scheduled", "die"}, "dead"},
    {{"ready", "die"}, "dead"},
    {{"blocked", "die"}, "dead"},
    {{"suspended", "die"}, "dead"},
    // After the end.
    {{"dead", "requeue"}, "ready"},
    {{"completed", "release_slot"}, "ended"},
    {{"dead", "release_slot"}, "ended"},
    {{"cancelled", "release_slot"}, "ended"},
    {{"expired", "release_slot"}, "ended"},
};

job_state state_at(std::size_t i) {
  return static_cast<job_state>(i);
}
job_event event_at(std::size_t i) {
  return static_cast<job_event>(i);
}

// All states that events in `allowed` lead to from `first`.
template <class Allowed>
std::set<job_state> reachable(job_state first, Allowed allowed) {
  std::set<job_state> seen{first};
  std::queue<job_state> open;
  open.push(first);
  while (!open.empty()) {
    const job_state from = open.front();
    open.pop();
    for (std::size_t e = 0; e < job_event_count; ++e) {
      const std::uint8_t to = next_state(from, event_at(e));
      if (to == no_edge || !allowed(event_at(e))) continue;
      if (seen.insert(state_at(to)).second) open.push(state_at(to));
    }
  }
  return seen;
}

TEST(state_table, has_exactly_the_edges_of_the_design) {
  // Walks all 10 x 18 pairs.
  std::size_t edges = 0;
  for (std::size_t s = 0; s < job_state_count; ++s) {
    for (std::size_t e = 0; e < job_event_count; ++e) {
      const auto expected = expected_edges.find({name(state_at(s)), event_names[e]});
      const std::uint8_t got = next_state(state_at(s), event_at(e));
      SCOPED_TRACE(std::string(name(state_at(s))) + " + " + std::string(event_names[e]));
      if (expected == expected_edges.end()) {
        EXPECT_EQ(got, no_edge);
      } else {
        ++edges;
        ASSERT_LT(got, job_state_count);
        EXPECT_EQ(name(state_at(got)), expected->second);
      }
    }
  }
  EXPECT_EQ(edges, expected_edges.size());  // no name above is misspelt
}

TEST(state_table, terminal_states_are_those_that_only_release_or_requeue_leave) {
  // A terminal state is left by release_slot, the dead also by requeue, and by nothing else.
  for (std::size_t s = 0; s < job_state_count; ++s) {
    bool releases = false;
    bool goes_on = false;
    for (std::size_t e = 0; e < job_event_count; ++e) {
      if (next_state(state_at(s), event_at(e)) == no_edge) continue;
      if (event_at(e) == job_event::release_slot) {
        releases = true;
      } else if (event_at(e) != job_event::requeue) {
        goes_on = true;
      }
    }
    EXPECT_EQ(is_terminal(state_at(s)), releases) << name(state_at(s));
    EXPECT_NE(releases, goes_on) << name(state_at(s));
  }
}

TEST(state_table, every_state_is_reached_and_every_live_one_can_end) {
  // Breadth first over the table itself.
  EXPECT_EQ(reachable(state_free, [](job_event) { return true; }).size(), job_state_count);
  for (std::size_t s = 0; s < job_state_count; ++s) {
    if (is_terminal(state_at(s)) || state_at(s) == state_free) continue;
    std::set<job_state> ends;
    for (const job_state to : reachable(state_at(s), [](job_event) { return true; })) {
      if (is_terminal(to)) ends.insert(to);
    }
    EXPECT_EQ(ends.size(), 4u) << name(state_at(s));
  }
}

TEST(state_table, no_event_skips_the_order_of_life) {
  // Without a requeue nothing leads from the end back to life; only a start leads to running; only
  // the release of a terminal slot leads to free; only a submit leaves free.
  const auto no_new_life = [](job_event e) {
    return e != job_event::requeue && e != job_event::release_slot;
  };
  for (std::size_t s = 0; s < job_state_count; ++s) {
    if (is_terminal(state_at(s))) {
      EXPECT_EQ(reachable(state_at(s), no_new_life).size(), 1u) << name(state_at(s));
    }
    for (std::size_t e = 0; e < job_event_count; ++e) {
      const std::uint8_t to = next_state(state_at(s), event_at(e));
      if (to == no_edge) continue;
      if (state_at(to) == job_state::running) {
        EXPECT_EQ(event_at(e), job_event::start);
        EXPECT_EQ(state_at(s), job_state::ready);
      }
      EXPECT_EQ(state_at(to) == state_free, event_at(e) == job_event::release_slot);
      EXPECT_EQ(state_at(s) == state_free, e <= 2) << event_names[e];
    }
  }
}

}  // namespace
}  // namespace pawl
