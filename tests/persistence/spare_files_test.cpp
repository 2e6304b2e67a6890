// What is kept of the files that could be spares. The plan is tried on every choice of a few files, and carried out
// on a map from names to files.
#include "persistence/spare_files.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "crash/sim_disk.hpp"
#include "persistence/segment_name.hpp"

namespace pawl::test {
namespace {

// Each of the files is there and fits, is there and does not, or is not there.
TEST(plan_spares, keeps_two_that_fit_under_the_next_names_and_loses_none_on_the_way) {
  constexpr std::uint64_t first = 7;
  const std::vector<std::string> names{file_name(segment_prefix, 1), file_name(segment_prefix, 2),
                                       file_name(spare_prefix, 3),   file_name(spare_prefix, first),
                                       file_name(spare_prefix, 8),   file_name(spare_prefix, 9)};
  for (unsigned choice = 0; choice < 729; ++choice) {
    std::vector<spare_candidate> files;
    std::map<std::string, std::string> disk;  // what was called so at first
    std::set<std::string> fitting;
    for (unsigned i = 0, left = choice; i < names.size(); ++i, left /= 3) {
      if (left % 3 == 0) continue;
      files.push_back({names[i], left % 3 == 1});
      disk[names[i]] = names[i];
      if (left % 3 == 1) fitting.insert(names[i]);
    }
    const spare_plan plan = plan_spares(files, first);
    ASSERT_EQ(plan.ready, std::min<std::size_t>(fitting.size(), spares_kept_max)) << choice;
    for (const std::string& name : plan.removed) ASSERT_EQ(disk.erase(name), 1u) << choice;
    for (const auto& [from, to] : plan.renamed) {
      ASSERT_TRUE(disk.contains(from)) << choice;
      ASSERT_FALSE(disk.contains(to)) << choice << ": a file was lost";
      disk[to] = disk.at(from);
      disk.erase(from);
    }
    ASSERT_EQ(disk.size(), plan.ready) << choice;
    for (std::uint64_t i = 0; i < plan.ready; ++i) {
      const std::string name = file_name(spare_prefix, first + i);
      ASSERT_TRUE(disk.contains(name)) << choice;
      ASSERT_TRUE(fitting.contains(disk.at(name))) << choice;
    }
    // What has the first of these names already keeps it.
    if (fitting.contains(names[3])) {
      ASSERT_EQ(disk.at(names[3]), names[3]) << choice;
    }
  }
}

TEST(ready_spares, are_given_once_and_in_their_order) {
  ready_spares spares(5, 2);
  EXPECT_FALSE(spares.take(6));
  EXPECT_TRUE(spares.has(6));
  EXPECT_TRUE(spares.take(5));
  EXPECT_FALSE(spares.has(5));
  EXPECT_FALSE(spares.take(5));
  EXPECT_TRUE(spares.take(6));
  EXPECT_FALSE(spares.take(7));
  EXPECT_EQ(spares.count(), 0u);
}

// Names that a killed process has changed need not be durable.
TEST(keep_as_spares, makes_names_durable_also_where_it_changes_nothing) {
  sim_disk disk(1);
  ASSERT_TRUE(disk.create(file_name(spare_prefix, 1), segment_bytes_min));
  ASSERT_NE(disk.unsynced_names(), 0u);
  const auto kept = keep_as_spares(disk, segment_bytes_min, 0, 1);
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept->ready.has(1));
  EXPECT_EQ(kept->renamed + kept->removed, 0u);
  EXPECT_EQ(disk.unsynced_names(), 0u);
}

TEST(keep_as_spares, touches_no_segment_that_is_needed) {
  sim_disk disk(1);
  for (std::uint64_t n = 1; n < 5; ++n) {
    ASSERT_TRUE(disk.create(file_name(segment_prefix, n), segment_bytes_min));
  }
  const auto kept = keep_as_spares(disk, segment_bytes_min, 4, 5);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->renamed, 2u);
  EXPECT_EQ(kept->removed, 1u);
  EXPECT_TRUE(disk.has(file_name(segment_prefix, 4)));
  EXPECT_TRUE(disk.has(file_name(spare_prefix, 5)));
  EXPECT_TRUE(disk.has(file_name(spare_prefix, 6)));
  EXPECT_EQ(disk.files(), 3u);
}

}  // namespace
}  // namespace pawl::test
