// Jobs of a bulk that carry cursors and cannot share a record are logged one by one. Each was forgotten in the count
// of what its ring must still take once the one before it was logged, so the last of a ring that is nearly
// full was written beyond its free part.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pawl/scheduler.hpp"
#include "pawl/testing.hpp"
#include "support/opened.hpp"
#include "support/scratch_directory.hpp"

namespace pawl {
namespace {

TEST(bulk_of_cursors_that_falls_into_pieces, is_refused_where_its_ring_is_full) {
  test::scratch_directory directory;
  registry kinds;
  const kind_ref kind =
      kinds.add("k/1", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  options o = test::small_options();
  o.directory = directory.path();
  auto opened = testing::test_scheduler::open(o, kinds, 1);
  ASSERT_TRUE(opened);
  scheduler& s = ***opened;
  const queue_ref q = test::queue_or_exit(s, "q");
  const auto source = s.source("table");
  ASSERT_TRUE(source);

  // More than all rings of a thread can have; nobody empties it meanwhile, because the log has no thread.
  const std::vector<std::byte> payload(50'000);
  constexpr std::size_t count = 640;
  std::vector<std::uint64_t> positions(count);
  std::vector<source_cursor> cursors;
  std::vector<job_spec> specs(count);
  for (std::size_t i = 0; i < count; ++i) {
    positions[i] = i + 1;
    cursors.push_back({*source, test::bytes_of(positions[i])});
  }
  for (std::size_t i = 0; i < count; ++i) {
    specs[i] = {payload,
                {.max_attempts = static_cast<std::uint8_t>(1 + i % 2), .cursor = &cursors[i]}};
  }
  const submit_answers answer = s.submit_bulk(q, kind, specs);
  EXPECT_EQ(answer.reason, reject::log_full);
  EXPECT_GT(answer.accepted, 0u);
  EXPECT_LT(answer.accepted, count);
  // The rest has room when that is written.
  ASSERT_TRUE(s.wait_durable(answer.ticket, std::chrono::seconds(60)));
  const submit_answers rest = s.submit_bulk(q, kind, std::span(specs).subspan(answer.accepted));
  EXPECT_GT(rest.accepted, 0u) << name(rest.reason);
  const auto at = s.cursor(*source);
  ASSERT_TRUE(at);
  EXPECT_EQ(test::value_of<std::uint64_t>(at->position), answer.accepted + rest.accepted);
}

}  // namespace
}  // namespace pawl
