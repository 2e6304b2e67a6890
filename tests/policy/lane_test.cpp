// Where a job of a lane belongs after each change of its state, by every rule. Method: all of them.
#include "policy/lane.hpp"

#include <gtest/gtest.h>

namespace pawl {
namespace {

constexpr on_failure rules[] = {on_failure::dead_then_continue, on_failure::block,
                                on_failure::skip};

TEST(place_in_lane, an_end_without_a_death_is_an_end_by_every_rule) {
  for (const on_failure rule : rules) {
    for (const job_state s : {job_state::completed, job_state::cancelled, job_state::expired}) {
      EXPECT_EQ(place_in_lane(rule, s, dead_cause::none), lane_place::out);
    }
  }
}

TEST(place_in_lane, who_yields_keeps_the_place_by_every_rule) {
  for (const on_failure rule : rules) {
    EXPECT_EQ(place_in_lane(rule, job_state::ready, dead_cause::none), lane_place::in_line);
  }
}

TEST(place_in_lane, who_is_put_off_keeps_the_place_unless_it_is_skipped) {
  EXPECT_EQ(place_in_lane(on_failure::dead_then_continue, job_state::scheduled, dead_cause::none),
            lane_place::in_line);
  EXPECT_EQ(place_in_lane(on_failure::block, job_state::scheduled, dead_cause::none),
            lane_place::in_line);
  EXPECT_EQ(place_in_lane(on_failure::skip, job_state::scheduled, dead_cause::none),
            lane_place::aside);
}

TEST(place_in_lane, only_block_stops_for_a_death_and_not_for_one_that_was_shed) {
  for (const on_failure rule : rules) {
    for (std::size_t i = 1; i < dead_cause_count; ++i) {
      const auto cause = static_cast<dead_cause>(i);
      const bool stops = rule == on_failure::block && cause != dead_cause::shed;
      EXPECT_EQ(place_in_lane(rule, job_state::dead, cause),
                stops ? lane_place::stops : lane_place::aside)
          << name(cause);
    }
  }
}

}  // namespace
}  // namespace pawl
