// The log against a disk that forgets what was not synced, tears and fails (sim_disk.hpp). After every
// call that changes something all crashes that are possible there are tried: of up to six unsynced
// sectors every subset; of more every beginning, every single loss, and 64 drawn ones; what is lost is as it
// was, or zero, or torn; of the unsynced names every beginning. Each disk that is left is read, and some are
// opened and written on, with crashes in there as well, two deep.
#include "crash/log_crash.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "support/scale.hpp"

namespace pawl::test {
namespace {

TEST(log_crash, what_was_durable_is_there_after_every_crash) {
  random_source random(fresh_seed());
  tally t;
  for (int round = 0; round < 2; ++round) {
    sim_disk disk(random());
    disk.lazy = round == 1;
    run(disk, sanitized ? 5 : 12, random, t);
  }
  print(t);
  EXPECT_EQ(t.wrong, "");
  EXPECT_GT(t.opened, 0u);
  EXPECT_GT(t.recycled, 0u);
}

// Syncs of the directory that do nothing must be found out.
TEST(log_crash, finds_a_missing_sync_of_the_directory) {
  random_source random(fresh_seed());
  tally t;
  sim_disk disk(random());
  disk.forgets_names = true;
  run(disk, 8, random, t);
  EXPECT_NE(t.wrong, "");
}

// Call by call, each fails: once or for ever, with each errno, or writes half. Nothing is durable after
// that which was not, and what was is there; until a run has as few calls as not to meet its failure.
TEST(log_crash, a_failed_call_ends_the_log_and_loses_nothing) {
  random_source random(fresh_seed());
  tally t;
  std::uint64_t failures = 0;
  struct way {
    int error;
    bool for_ever;
    bool is_short;
  };
  for (const way w : {way{EIO, false, false}, way{EIO, true, false}, way{ENOSPC, false, false},
                      way{EROFS, true, false}, way{EFBIG, false, false}, way{EDQUOT, true, false},
                      way{ENOMEM, false, false}, way{EIO, false, true}}) {
    bool was_met = true;
    for (std::uint64_t n = 0; was_met; n += sanitized ? 1 + random() % 9 : 1) {
      sim_disk disk(random());
      disk.lazy = random() % 2 == 0;
      disk.fail_at = n;
      disk.error = w.error;
      disk.for_ever = w.for_ever;
      disk.write_short = w.is_short;
      value_log log(disk, {.segment_bytes = segment_bytes_min}, 0);
      bool is_well = static_cast<bool>(log.begin(1));
      for (int i = 0; i < 12 && is_well; ++i) {
        is_well = static_cast<bool>(log.add(i % 5 == 4 ? 30'000 : 100));
        if (i % 3 == 2) is_well = is_well && log.writer.sync();
      }
      is_well = is_well && log.writer.sync();
      was_met = disk.calls() > n;
      if (!was_met) {
        ASSERT_TRUE(is_well);
        ASSERT_EQ(log.durable_values(), 12u);
        break;
      }
      ++failures;
      ASSERT_FALSE(is_well) << "call " << n << " failed, and nobody said so";
      const std::uint64_t durable = log.durable_values();
      if (log.writer.failed()) {
        for (int i = 0; i < 3; ++i) {
          ASSERT_FALSE(log.add(10));
          ASSERT_FALSE(log.writer.sync());
        }
        ASSERT_EQ(log.durable_values(), durable) << "something became durable after a failure";
      }
      for_each_crash(disk, random, [&](sim_disk left) {
        left.fail_at = ~std::uint64_t{0};
        check(std::move(left), durable, log.values(), 0, random, t);
      });
      ASSERT_EQ(t.wrong, "") << "call " << n << ", errno " << w.error;
    }
  }
  std::printf("%llu failures, ", static_cast<unsigned long long>(failures));
  print(t);
}

TEST(log_damage, a_flipped_bit_is_found_or_harmless) {
  random_source random(fresh_seed());
  flip_bits(static_cast<std::size_t>(sanitized ? 199 : 13) + random() % 10);
}

// A file that became shorter is refused; one whose end is zero gives a beginning of what was written.
TEST(log_damage, every_truncation_is_refused_or_a_torn_tail) {
  std::uint64_t values = 0;
  const sim_disk whole = closed_log(values);
  const std::string name = file_name(segment_prefix, 1);
  for (std::size_t length = 0; length < segment_bytes_min; length += 1 + length % 97) {
    sim_disk cut = whole;
    cut.drop_tail(name, length);
    const reading refused = read(cut);
    ASSERT_TRUE(refused.summary.fault) << length;
    ASSERT_TRUE(refused.taker.values.empty());
    cut.drop_tail(name, segment_bytes_min);  // with zeros
    const reading torn = read(cut);
    ASSERT_EQ(torn.summary.fault.has_value(),
              length < block_bytes && length != 0 ? true : length == 0);
    ASSERT_TRUE(torn.taker.is_prefix());
  }
}

// A cut of several frames that is not closed is left out, and stays so when another epoch has begun: its
// first frames are sound, and count no more.
TEST(log_crash, what_an_epoch_left_out_stays_out) {
  sim_disk disk(1);
  disk.lazy = true;  // so that writes are under way
  sim_disk left;
  {
    value_log log(disk, {.segment_bytes = 4u << 20}, 0);
    ASSERT_TRUE(log.begin(1));
    ASSERT_TRUE(log.add(100));
    ASSERT_TRUE(log.writer.sync());
    ASSERT_TRUE(log.add(2'500'000));
    // All of its first frame, nothing of the last.
    constexpr std::size_t kept = frame_bytes_max / sector_bytes;
    left = disk.crash([](std::size_t i) { return i < kept; }, 0, lost_as::old, 1);
    ASSERT_TRUE(log.writer.sync());
  }
  reading r = read(left);
  ASSERT_FALSE(r.summary.fault);
  EXPECT_EQ(r.taker.values.size(), 1u);
  EXPECT_GE(r.summary.end.dropped_bytes, frame_bytes_max);
  EXPECT_EQ(r.summary.rows[static_cast<std::size_t>(tail_row::F)], 1u);
  log_start start = start_after(r.summary);
  start.segment_bytes = 4u << 20;
  value_log next(left, start, 1);
  ASSERT_TRUE(next.writer.begin(next.now()));
  for (int i = 0; i < 2; ++i) {  // before its base is complete, and then
    r = read(left);
    ASSERT_FALSE(r.summary.fault);
    EXPECT_EQ(r.taker.values.size(), 1u);
    EXPECT_EQ(r.summary.rows[static_cast<std::size_t>(tail_row::B)], i == 0 ? 1u : 0u);
    if (i == 0) {
      ASSERT_TRUE(next.begin_base(1));
      ASSERT_TRUE(next.writer.sync());
    }
  }
}

// Two epochs: what the older one has lost of what the newer one counts on is damage, and so are files that
// are missing, swapped, or of another directory.
TEST(log_damage, segments_that_are_missing_or_strange_are_refused) {
  sim_disk disk(1);
  {
    value_log log(disk, {.segment_bytes = segment_bytes_min}, 0);
    ASSERT_TRUE(log.begin(1));
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(log.add(30'000));
    ASSERT_TRUE(log.writer.sync());
  }
  const reading before = read(disk);
  ASSERT_FALSE(before.summary.fault);
  ASSERT_GE(before.summary.last_segment, 3u);
  value_log next(disk, start_after(before.summary), 6);
  ASSERT_TRUE(next.writer.begin(next.now()));  // its base is not there
  const reading both = read(disk);
  ASSERT_FALSE(both.summary.fault);
  ASSERT_EQ(both.taker.values.size(), 6u);
  ASSERT_EQ(both.summary.first_segment, 1u);

  sim_disk missing = disk;
  ASSERT_TRUE(missing.remove(file_name(segment_prefix, 2)));
  EXPECT_EQ(read(missing).summary.fault->cause.where, "directory: a segment is missing");

  sim_disk headless = disk;
  ASSERT_TRUE(headless.remove(file_name(segment_prefix, 1)));
  ASSERT_TRUE(read(headless).summary.fault);
  EXPECT_EQ(read(headless).summary.fault->cause.code, errc::corrupt);

  sim_disk swapped = disk;
  std::swap(swapped.bytes_of(file_name(segment_prefix, 1)),
            swapped.bytes_of(file_name(segment_prefix, 2)));
  EXPECT_EQ(read(swapped).summary.fault->cause.where, "segment: its name has another number");

  sim_disk lost = disk;
  std::vector<std::byte>& bytes = lost.bytes_of(file_name(segment_prefix, 2));
  std::fill(bytes.begin() + block_bytes, bytes.end(), std::byte{0});
  const reading r = read(lost);
  ASSERT_TRUE(r.summary.fault);
  EXPECT_EQ(r.summary.fault->cause.code, errc::corrupt);
  EXPECT_EQ(r.summary.fault->segment, 1u) << "where the reader was";
}

}  // namespace
}  // namespace pawl::test
