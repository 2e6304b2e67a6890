// The table of keys. Method: random inserts, erases and cleans with a std::map beside it; hashes whose
// low bits meet, so that entries are pushed along and come back.
#include "job/key_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>

#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::below;
using test::one_in;

using model = std::map<std::pair<std::uint64_t, std::uint64_t>, job_id>;

void expect_equal(key_table<key_entry>& table, const model& expected) {
  ASSERT_EQ(table.size(), expected.size());
  for (const auto& [key, job] : expected) {
    const key_entry* const e = table.find({key.first, key.second});
    ASSERT_NE(e, nullptr);
    ASSERT_EQ(e->job, job);
  }
}

TEST(key_table, agrees_with_a_map_while_it_grows_and_shrinks) {
  test::random_source random(test::fresh_seed());
  key_table<key_entry> table;
  model expected;
  std::uint64_t next_job = 1;
  for (int round = 0; round < test::scaled(60); ++round) {
    const std::uint64_t meeting = one_in(random, 2) ? 7 : UINT64_MAX;  // few or all first places
    const bool grows = round % 2 == 0;
    for (int i = 0; i < 400; ++i) {
      const key_hash key{below(random, 5),
                         (below(random, 300) << 32 | below(random, 300)) & meeting};
      const auto known = expected.find({key.high, key.low});
      key_entry* const e = table.find(key);
      ASSERT_EQ(e != nullptr, known != expected.end());
      if (e == nullptr && (grows || one_in(random, 4))) {
        table.insert(key)->hold(job_id{next_job}, unique_until::finished, 0);
        expected[{key.high, key.low}] = job_id{next_job++};
      } else if (!expected.empty() && (!grows || one_in(random, 4))) {
        auto victim = expected.lower_bound({key.high, key.low});
        if (victim == expected.end()) victim = expected.begin();
        table.erase(*table.find({victim->first.first, victim->first.second}));
        expected.erase(victim);
      }
    }
    ASSERT_NO_FATAL_FAILURE(expect_equal(table, expected));
  }
}

TEST(key_table, cleaning_finds_all_that_is_over_in_as_many_looks_as_there_are_places) {
  // Every third is over, also where one that is over moves into the place of another.
  for (const std::uint64_t mask : {std::uint64_t{UINT64_MAX}, std::uint64_t{3}}) {
    key_table<key_entry> table;
    model kept;
    for (std::uint64_t i = 0; i < 1000; ++i) {
      table.insert({i, (i * 0x9e3779b97f4a7c15u) & mask})
          ->hold(job_id{i + 1}, unique_until::finished, i % 3 == 0 ? 1 : 2);
      if (i % 3 != 0) kept[{i, (i * 0x9e3779b97f4a7c15u) & mask}] = job_id{i + 1};
    }
    const std::size_t places = table.memory_bytes() / sizeof(key_entry);
    // What wraps around the end may move to where the cursor has been: that is the second turn.
    for (std::size_t i = 0; i < 2 * places + 1000; i += 4) {
      table.clean(4, [](const key_entry& e) { return e.kept_until_ns() == 1; });
    }
    ASSERT_NO_FATAL_FAILURE(expect_equal(table, kept));
  }
}

TEST(key_table, gives_its_memory_back_but_for_the_first_places) {
  key_table<key_entry> table;
  EXPECT_EQ(table.memory_bytes(), 0u);
  const auto key = [](std::uint64_t i) { return key_hash{i, i * 0x9e3779b97f4a7c15u}; };
  const auto count = static_cast<std::uint64_t>(test::scaled(100'000));
  for (std::uint64_t i = 0; i < count; ++i) {
    table.insert(key(i))->hold(job_id{1}, unique_until::finished, 0);
    ASSERT_LE(table.memory_bytes(),
              std::max(i * 3, key_table<key_entry>::places_min) * sizeof(key_entry));
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    table.erase(*table.find(key(i)));
    const std::uint64_t left = count - i - 1;
    ASSERT_LE(table.memory_bytes(),
              std::max((left + 1) * 8, key_table<key_entry>::places_min) * sizeof(key_entry));
  }
  EXPECT_EQ(table.memory_bytes(), key_table<key_entry>::places_min * sizeof(key_entry));
}

TEST(key_table, keeps_what_an_entry_says_apart) {
  key_entry e;
  e.hold(job_id{5}, unique_until::started, 1'000);
  EXPECT_EQ(e.kept_until_ns(), 1'000u);
  EXPECT_EQ(e.until(), unique_until::started);
  EXPECT_FALSE(e.has_let_go());
  e.let_go();
  EXPECT_TRUE(e.has_let_go());
  EXPECT_EQ(e.kept_until_ns(), 1'000u);
  e.take_again();
  EXPECT_FALSE(e.has_let_go());
  EXPECT_EQ(e.until(), unique_until::started);
  e.hold(job_id{6}, unique_until::finished, UINT64_MAX);
  EXPECT_EQ(e.until(), unique_until::finished);
  EXPECT_FALSE(e.has_let_go());
  EXPECT_GT(e.kept_until_ns(), std::uint64_t{1} << 61);
}

}  // namespace
}  // namespace pawl
