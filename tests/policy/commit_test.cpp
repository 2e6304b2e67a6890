// Every combination of what the collector may see, against the sentences of policy/commit.hpp.
#include "policy/commit.hpp"

#include <gtest/gtest.h>

namespace pawl {
namespace {

TEST(commit, every_sight_has_its_decision) {
  const commit_rule rule;
  for (const std::uint64_t bytes : {0u, 1u, 65'535u, 65'536u, 262'143u, 262'144u}) {
    for (const std::uint64_t waiting : {0u, 199'999u, 200'000u, 999'999u, 1'000'000u, 5'000'000u}) {
      for (const bool durable : {false, true}) {
        for (const bool writing : {false, true}) {
          for (const bool buffer : {false, true}) {
            const commit_decision d = decide_commit(rule, {.bytes = bytes,
                                                           .waiting_ns = waiting,
                                                           .wants_durable = durable,
                                                           .is_writing = writing,
                                                           .has_buffer = buffer});
            const std::uint64_t patience = durable ? 200'000 : 1'000'000;
            const std::uint64_t enough = durable ? 65'536 : 262'144;
            if (bytes == 0) {
              EXPECT_FALSE(d.collect);
              EXPECT_EQ(d.wait_ns, 0u) << "there is nothing to look for";
            } else if (!buffer) {
              EXPECT_FALSE(d.collect) << "there is nowhere to put it";
              EXPECT_GT(d.wait_ns, 0u);
            } else if (waiting >= patience || bytes >= enough || (durable && !writing)) {
              EXPECT_TRUE(d.collect);
            } else {
              EXPECT_FALSE(d.collect) << "others may join it";
              EXPECT_EQ(d.wait_ns, patience - waiting);
            }
          }
        }
      }
    }
  }
}

// Who waits as long as it is told is served at the next look.
TEST(commit, patience_has_an_end) {
  const commit_rule rule;
  for (const bool durable : {false, true}) {
    for (std::uint64_t waiting = 0; waiting < 2'000'000; waiting += 12'345) {
      commit_sight seen{.bytes = 10,
                        .waiting_ns = waiting,
                        .wants_durable = durable,
                        .is_writing = true,
                        .has_buffer = true};
      const commit_decision d = decide_commit(rule, seen);
      if (d.collect) continue;
      seen.waiting_ns += d.wait_ns;
      EXPECT_TRUE(decide_commit(rule, seen).collect);
    }
  }
}

}  // namespace
}  // namespace pawl
