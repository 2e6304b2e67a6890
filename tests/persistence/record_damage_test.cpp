// What damage that no checksum caught can do to records: whatever it is, they are refused, or they are other
// records that are as good as any.
#include <gtest/gtest.h>

#include <vector>

#include "persistence/record_coding.hpp"
#include "persistence/record_maker.hpp"
#include "persistence/record_text.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::byte_vector;
using test::coded;
using test::judge;
using test::set_at;

// Records of each kind that are short enough for every one of their bits.
template <class Each>
void for_samples(int count, Each each) {
  test::random_source random(test::fresh_seed());
  for (const record_kind kind : test::all_record_kinds) {
    for (int i = 0; i < count;) {
      test::record_maker maker(random());
      const any_record x = maker.make(kind);
      if (encoded_bytes(x) > 600) continue;
      ++i;
      each(x, coded(x));
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(record_damage, every_truncation_is_refused_or_another_record) {
  for_samples(test::scaled(60), [](const any_record& x, const byte_vector& good) {
    for (std::size_t size = 0; size < good.size(); ++size) {
      byte_vector bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_EQ(judge(bytes).refused.has_value(), size != 0)
          << size << ' ' << test::record_text::of(x);
      if (size < record_head_bytes) continue;
      // And with a head that knows of it.
      set_at(bytes, 0, static_cast<std::uint32_t>(size));
      const auto j = judge(bytes);
      ASSERT_TRUE(j.canonical) << size << ' ' << test::record_text::of(x);
      ASSERT_TRUE(j.refused) << size << ' ' << test::record_text::of(x);
    }
  });
}

TEST(record_damage, what_is_too_long_is_refused) {
  for_samples(test::scaled(60), [](const any_record& x, const byte_vector& good) {
    for (std::size_t more_bytes = 1; more_bytes < 20; ++more_bytes) {
      byte_vector bytes = good;
      bytes.resize(good.size() + more_bytes);
      set_at(bytes, 0, static_cast<std::uint32_t>(bytes.size()));
      ASSERT_TRUE(judge(bytes).refused) << more_bytes << ' ' << test::record_text::of(x);
    }
  });
}

TEST(record_damage, every_flipped_bit_is_refused_or_another_record) {
  std::size_t refused = 0, others = 0;
  for_samples(test::scaled(30), [&](const any_record& x, const byte_vector& good) {
    const std::string text = test::record_text::of(x);
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
      byte_vector bytes = good;
      bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      const auto j = judge(bytes);
      ASSERT_TRUE(j.canonical) << bit << ' ' << text;
      if (j.refused) {
        ++refused;
      } else if (j.decoded != 0) {
        ++others;
        const auto other = test::decoded(bytes);
        ASSERT_TRUE(other);
        ASSERT_NE(test::record_text::of(*other), text) << "bit " << bit << " says nothing";
      }
    }
  });
  EXPECT_GT(refused, 0u);
  EXPECT_GT(others, 0u);
  std::printf("%zu refused, %zu other records\n", refused, others);
}

// Bytes from anywhere, heads among them that are nearly right.
TEST(record_damage, noise_is_refused_or_canonical) {
  test::random_source random(test::fresh_seed());
  for (int i = 0; i < test::scaled(100'000); ++i) {
    byte_vector bytes(8 + random() % 120);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random() >> (random() % 64));
    set_at(bytes, 0, static_cast<std::uint32_t>(bytes.size()));
    set_at(bytes, 4, static_cast<std::uint8_t>(1 + random() % 18));
    set_at(bytes, 5, static_cast<std::uint8_t>(random() % 2));
    set_at(bytes, 6, static_cast<std::uint16_t>(random() % 3));
    ASSERT_TRUE(judge(bytes).canonical) << i;
  }
}

}  // namespace
}  // namespace pawl
