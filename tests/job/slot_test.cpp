// How ids and places are packed. Method: extremes and random values, there and back.
#include "job/slot.hpp"

#include <gtest/gtest.h>

#include <set>

#include "job/id.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

TEST(id, gives_back_its_parts_and_is_never_zero) {
  test::random_source random(test::fresh_seed());
  std::vector<std::uint32_t> slots{0, 1, slots_max - 1};
  std::vector<std::uint64_t> generations{1, 2, generation_max};
  for (int i = 0; i < 1000; ++i) {
    slots.push_back(test::below<std::uint32_t>(random, slots_max));
    generations.push_back(test::below(random, generation_max) + 1);
  }
  std::set<std::uint64_t> ids;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const job_id id = make_id(slots[i], generations[i]);
    EXPECT_TRUE(id);
    EXPECT_FALSE(id_is_away(id));
    EXPECT_EQ(id_slot(id), slots[i]);
    EXPECT_EQ(id_generation(id), generations[i]);
    ids.insert(id.value);
  }
  EXPECT_EQ(ids.size(), slots.size());
}

TEST(band_entry, gives_back_slot_and_low_bits_of_the_version) {
  test::random_source random(test::fresh_seed());
  for (int i = 0; i < 1000; ++i) {
    const auto slot = test::below<std::uint32_t>(random, slots_max);
    const job_word word{random()};
    const band_entry place = band_entry::make(slot, word);
    EXPECT_EQ(place.slot(), slot);
    EXPECT_EQ(place.version(), word.version() & band_entry::version_mask);
  }
}

TEST(slot, keeps_its_hot_fields_in_the_first_line) {
  // What deciding, starting and ending a job reads is one cache line, the inline payload the other.
  static_assert(sizeof(slot) == 128 && alignof(slot) == 128);
  EXPECT_EQ(offsetof(slot, body), 64u);
  EXPECT_LT(offsetof(slot, cause), 64u);
}

}  // namespace
}  // namespace pawl
