#include "verdict.hpp"

#include <gtest/gtest.h>

#include "policy/retry.hpp"  // of the library: what the scheduler decides

namespace pawl_tool {
namespace {

pawl::job_state state_after(pawl::decision::step step) {
  switch (step) {
    case pawl::decision::step::complete:
      return pawl::job_state::completed;
    case pawl::decision::step::die:
      return pawl::job_state::dead;
    default:
      return pawl::job_state::scheduled;
  }
}

// Every end there is: what we say makes the scheduler do what we expect, with the same cause, except
// that a timeout in a run that is being cut short is death by handler there.
TEST(verdict, is_what_the_scheduler_will_decide) {
  for (unsigned bits = 0; bits < 16; ++bits) {
    for (const unsigned most : {1u, 2u, 3u, 255u}) {
      for (const unsigned attempt : {1u, 2u, 3u, 254u, 255u}) {
        if (attempt > most) continue;
        attempt_end end;
        end.completed = (bits & 1) != 0;
        end.timed_out = (bits & 2) != 0;
        end.hopeless = (bits & 4) != 0;
        end.stopping = (bits & 8) != 0;
        end.attempt = attempt;
        end.attempts_max = most;
        const verdict ours = judge(end);
        pawl::attempt_facts facts;
        facts.attempt = attempt;
        facts.attempts_max = most;
        facts.stopping = end.stopping;
        const pawl::decision theirs = pawl::decide(ours.say.what(), ours.say.kind(), facts);
        EXPECT_EQ(ours.state, state_after(theirs.next)) << bits << ' ' << attempt << '/' << most;
        const bool cut_short = end.stopping && end.timed_out && attempt < most;
        if (!cut_short) {
          EXPECT_EQ(ours.cause, theirs.cause) << bits << ' ' << attempt << '/' << most;
        }
      }
    }
  }
}

TEST(verdict, tries_again_what_may_get_better_while_attempts_are_left) {
  attempt_end end;
  end.attempt = 2;
  end.attempts_max = 3;
  EXPECT_EQ(judge(end).state, pawl::job_state::scheduled);
  end.timed_out = true;
  EXPECT_EQ(judge(end).state, pawl::job_state::scheduled);
  end.attempt = 3;
  EXPECT_EQ(judge(end).cause, pawl::dead_cause::timeout);
  end.timed_out = false;
  EXPECT_EQ(judge(end).cause, pawl::dead_cause::exhausted);
  end.attempt = 1;
  end.hopeless = true;
  EXPECT_EQ(judge(end).cause, pawl::dead_cause::handler);
  end.hopeless = false;
  end.stopping = true;
  EXPECT_EQ(judge(end).cause, pawl::dead_cause::handler);
}

}  // namespace
}  // namespace pawl_tool
