// Expiries in 32 bits. Method: spans of every size, drawn evenly by their number of bits and around
// every change of unit, against the promises of the header.
#include "job/expiry.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t submit_at = 1'000'000'000'000;  // a submit

std::uint64_t span_of(duration asked) {
  return expiry_ns(submit_at, encode_expiry(asked)) - submit_at;
}

// The unit that a span of that length may be cut by, as the header says.
std::uint64_t unit_of(std::uint64_t ns) {
  if (ns < (std::uint64_t{1} << 30) * 1'000) return 1'000;
  if (ns < (std::uint64_t{1} << 30) * 1'000'000) return 1'000'000;
  if (ns < (std::uint64_t{1} << 30) * 1'000'000'000) return 1'000'000'000;
  return 3'600'000'000'000;
}

std::vector<std::int64_t> many_spans() {
  test::random_source random(test::fresh_seed());
  std::vector<std::int64_t> spans{1, 2, 999, 1'000, 1'001, INT64_MAX - 1, INT64_MAX};
  for (int i = 0; i < test::scaled(200'000); ++i) {
    spans.push_back(static_cast<std::int64_t>((random() >> 1) >> test::below(random, 63)) + 1);
  }
  for (const std::uint64_t unit :
       {1'000ull, 1'000'000ull, 1'000'000'000ull, 3'600'000'000'000ull}) {
    for (const std::uint64_t count : {1ull, 2ull, (1ull << 30) - 1, 1ull << 30, (1ull << 30) + 1}) {
      if (count > static_cast<std::uint64_t>(INT64_MAX) / unit - 1) continue;
      for (const std::int64_t off : {-1, 0, 1}) {
        spans.push_back(static_cast<std::int64_t>(unit * count) + off);
      }
    }
  }
  for (std::int64_t& s : spans) s = std::clamp<std::int64_t>(s, 1, INT64_MAX);
  return spans;
}

TEST(expiry, is_never_later_than_asked_and_less_than_a_unit_earlier) {
  for (const std::int64_t s : many_spans()) {
    const auto asked = static_cast<std::uint64_t>(s);
    const std::uint64_t got = span_of(duration(s));
    ASSERT_NE(encode_expiry(duration(s)), 0u) << s << " ns became never";
    if (asked < 1'000) {
      ASSERT_EQ(got, 1'000u) << "one unit is the least there is";
      continue;
    }
    ASSERT_LE(got, asked);
    ASSERT_LT(asked - got, unit_of(asked)) << s;
  }
}

TEST(expiry, a_longer_span_never_expires_earlier_in_the_same_unit) {
  // Where the unit changes, a span may lose what the finer unit could still say.
  std::vector<std::int64_t> spans = many_spans();
  std::sort(spans.begin(), spans.end());
  std::uint64_t before = 0;
  std::uint64_t unit = 0;
  for (const std::int64_t s : spans) {
    const std::uint64_t got = span_of(duration(s));
    const std::uint64_t now = unit_of(static_cast<std::uint64_t>(s));
    ASSERT_GE(now == unit ? got : got + now, before) << s;
    before = got;
    unit = now;
  }
}

TEST(expiry, nothing_and_less_mean_never) {
  for (const duration never : {duration(0), duration(-1), duration(-1h), duration::min()}) {
    EXPECT_EQ(encode_expiry(never), 0u);
    EXPECT_EQ(expiry_ns(submit_at, encode_expiry(never)), UINT64_MAX);
  }
}

TEST(expiry, is_exact_for_the_spans_people_write) {
  for (const duration exact :
       std::vector<duration>{1us, 1ms, 1s, 90s, 15min, 1h, 24h, 24h * 7, 24h * 365, 24h * 36525}) {
    EXPECT_EQ(span_of(exact), static_cast<std::uint64_t>(exact.count())) << exact.count();
  }
}

TEST(expiry, does_not_wrap_around_the_end_of_time) {
  const std::uint32_t coded = encode_expiry(duration::max());
  EXPECT_EQ(expiry_ns(UINT64_MAX - 5, coded), UINT64_MAX);
  EXPECT_EQ(expiry_ns(UINT64_MAX, encode_expiry(1us)), UINT64_MAX);
}

}  // namespace
}  // namespace pawl
