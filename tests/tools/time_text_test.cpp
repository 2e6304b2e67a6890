// Moments as text: golden texts, and each text read again.
#include <gtest/gtest.h>

#include "lsn_range.hpp"
#include "time_text.hpp"

namespace pawl_tests {
namespace {

using namespace pawl_tool;

constexpr std::uint64_t now = 1'795'706'369'123'456'789;

TEST(time_text, writes_utc) {
  EXPECT_EQ(time_text_ms(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(time_text_ms(now), "2026-11-26T15:19:29.123Z");
  EXPECT_EQ(time_text_ns(now), "2026-11-26T15:19:29.123456789Z");
  EXPECT_EQ(time_text_ms(951'782'400'000'000'000), "2000-02-29T00:00:00.000Z");
}

TEST(time_text, reads_what_it_writes) {
  for (const std::uint64_t t : {std::uint64_t{0}, now, std::uint64_t{951'782'399'999'999'999}}) {
    EXPECT_EQ(parse_time(time_text_ns(t), 0), t);
  }
}

TEST(time_text, reads_shorter_forms_and_ages) {
  const std::uint64_t day = now / 86'400'000'000'000 * 86'400'000'000'000;
  EXPECT_EQ(parse_time("2026-11-26", now), day);
  EXPECT_EQ(parse_time("2026-11-26T15:19", now), day + (15 * 60 + 19) * 60'000'000'000);
  EXPECT_EQ(parse_time("2026-11-26 15:19:29", now), now - 123'456'789);
  EXPECT_EQ(parse_time("2026-11-26T15:19:29.5Z", now), now - 123'456'789 + 500'000'000);
  EXPECT_EQ(parse_time("15m", now), now - 900'000'000'000);
  EXPECT_EQ(parse_time("90d", 1), 0u);
}

TEST(time_text, refuses_what_is_no_time) {
  for (const char* text :
       {"", "yesterday", "2026-13-01", "2026-02-30", "2026-11-26T", "1969-12-31",
        "2026-11-26T25:00", "2026-11-26T15:19:29.", "2026-11-26T15:19:29.1234567891",
        "2026-11-26T15:19:29ZZ", "2026-11-26x", "26-11-2026", "-5m"}) {
    EXPECT_EQ(parse_time(text, now), std::nullopt) << text;
  }
}

TEST(lsn_range, reads_one_both_or_half) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(parse_lsn_range("7"), (lsn_range{7, 7}));
  EXPECT_EQ(parse_lsn_range("7..9"), (lsn_range{7, 9}));
  EXPECT_EQ(parse_lsn_range("7.."), (lsn_range{7, most}));
  EXPECT_EQ(parse_lsn_range("..9"), (lsn_range{0, 9}));
  for (const char* text :
       {"", "..", "9..7", "7...9", "a", "7..b", "-1", "7 ", "18446744073709551616"}) {
    EXPECT_EQ(parse_lsn_range(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace pawl_tests
