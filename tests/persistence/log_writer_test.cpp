// What the writer says of what it writes; that it survives crashes is the business of tests/crash.
#include "persistence/log_writer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "crash/sim_disk.hpp"
#include "crash/value_log.hpp"
#include "persistence/segment_name.hpp"
#include "persistence/spare_files.hpp"

namespace pawl {
namespace {

using test::sim_disk;
using test::value_log;

const log_start small{.segment_bytes = segment_bytes_min};

log_summary read(sim_disk& disk) {
  test::value_taker taker;
  return read_log(disk, taker);
}

TEST(log_writer, a_cut_is_durable_when_its_frames_are_written_and_synced) {
  sim_disk disk(3);
  disk.lazy = true;
  value_log log(disk, small, 0);
  ASSERT_TRUE(log.begin(1));
  ASSERT_TRUE(log.writer.sync());
  const std::uint64_t before = log.writer.durable_lsn();
  ASSERT_TRUE(log.add(100));
  while (!log.writer.is_all_durable()) {
    EXPECT_EQ(log.writer.durable_lsn(), before);
    EXPECT_EQ(log.durable_values(), 0u);
    log.writer.step(true);
  }
  EXPECT_GT(log.writer.durable_lsn(), before);
  EXPECT_EQ(log.durable_values(), 1u);
}

// An empty cut costs no write: it is durable with those before it.
TEST(log_writer, an_empty_cut_is_durable_with_what_was_before) {
  sim_disk disk(3);
  disk.lazy = true;
  value_log log(disk, small, 0);
  ASSERT_TRUE(log.begin(1));
  ASSERT_TRUE(log.writer.sync());
  const std::uint64_t frames = log.writer.frames();
  log.writer.pass(50);
  EXPECT_EQ(log.writer.durable_lsn(), 50u) << "everything was durable";
  const cut_part part{.ring = 9, .bytes = as_bytes("0123456789ab")};
  ASSERT_TRUE(log.writer.write(60, {&part, 1}, log.now()));
  log.writer.pass(70);
  EXPECT_LE(log.writer.durable_lsn(), 60u);
  ASSERT_TRUE(log.writer.sync());
  EXPECT_EQ(log.writer.durable_lsn(), 70u);
  EXPECT_EQ(log.writer.frames(), frames + 1);
}

// Gives what is asked for, or nothing, and notes what it was asked for.
class noting_spares final : public spare_source {
 public:
  explicit noting_spares(sim_disk& disk) : disk_(disk) {}
  void want(std::uint64_t number) noexcept override { wanted.push_back(number); }
  bool take(std::uint64_t number) noexcept override {
    const bool is_there = gives && !wanted.empty() && wanted.back() == number &&
                          disk_.create(file_name(spare_prefix, number), segment_bytes_min);
    if (is_there) ++given;
    return is_there;
  }
  bool gives = true;
  int given = 0;
  std::vector<std::uint64_t> wanted;

 private:
  sim_disk& disk_;
};

TEST(log_writer, takes_segments_from_who_makes_them_ahead) {
  for (const bool gives : {true, false}) {
    sim_disk disk(3);
    value_log log(disk, small, 0);
    noting_spares spares(disk);
    spares.gives = gives;
    log.writer.use_spares(&spares);
    ASSERT_TRUE(log.begin(1));
    EXPECT_TRUE(spares.wanted.empty()) << "not a quarter of the first is used";
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(log.add(9'000));
    ASSERT_TRUE(log.writer.sync());
    const log_summary seen = read(disk);
    EXPECT_FALSE(seen.fault);
    ASSERT_GE(seen.last_segment, 3u);
    const std::vector<std::uint64_t> all = spares.wanted;
    for (std::uint64_t n = 2; n <= seen.last_segment; ++n) {
      EXPECT_NE(std::find(all.begin(), all.end(), n), all.end()) << n << " was not asked for";
    }
    EXPECT_EQ(spares.given, gives ? static_cast<int>(seen.last_segment) - 1 : 0);
  }
}

TEST(log_writer, seals_once_and_only_what_is_durable) {
  sim_disk disk(3);
  value_log log(disk, small, 0);
  ASSERT_TRUE(log.begin(1));
  ASSERT_TRUE(log.add(100));
  ASSERT_TRUE(log.writer.sync());
  const std::uint64_t frames = log.writer.frames();
  ASSERT_TRUE(log.writer.write_seal(log.now()));
  EXPECT_EQ(log.writer.frames(), frames + 1);
  ASSERT_TRUE(log.writer.sync());
  ASSERT_TRUE(log.writer.write_seal(log.now()));
  EXPECT_EQ(log.writer.frames(), frames + 1) << "a seal was sealed";
  disk.lazy = true;
  ASSERT_TRUE(log.add(100));
  ASSERT_TRUE(log.writer.write_seal(log.now()));
  EXPECT_EQ(log.writer.frames(), frames + 2) << "something that is not durable was sealed";
}

// What is damaged behind a seal is found; without it, it is a torn tail.
TEST(log_writer, a_seal_makes_the_last_cut_safe_from_damage) {
  for (const bool has_seal : {false, true}) {
    sim_disk disk(3);
    value_log log(disk, small, 0);
    ASSERT_TRUE(log.begin(1));
    ASSERT_TRUE(log.add(100));
    ASSERT_TRUE(log.writer.sync());
    if (has_seal) {
      ASSERT_TRUE(log.writer.write_seal(log.now()));
      ASSERT_TRUE(log.writer.sync());
    }
    const std::size_t last = 2 * block_bytes + 100;  // behind the header and the base
    disk.bytes_of(file_name(segment_prefix, 1))[last] ^= std::byte{1};
    EXPECT_EQ(read(disk).fault.has_value(), has_seal);
  }
}

// A full disk: the cut is refused before anything of it is written, and may come again.
TEST(log_writer, without_room_for_another_segment_nothing_happens) {
  sim_disk disk(3);
  value_log log(disk, small, 0);
  ASSERT_TRUE(log.begin(1));
  const std::vector<std::byte> bytes(40'000);
  const cut_part part{.ring = 9, .bytes = bytes};
  ASSERT_TRUE(log.writer.write(60, {&part, 1}, log.now()));
  ASSERT_TRUE(log.writer.sync());
  const std::uint64_t frames = log.writer.frames();
  disk.fail_at = disk.calls();
  disk.error = ENOSPC;
  const cut_part next{.ring = 9, .offset = bytes.size(), .bytes = bytes};
  const status refused = log.writer.write(61, {&next, 1}, log.now());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().sys_errno, ENOSPC);
  EXPECT_FALSE(log.writer.failed()) << "a full disk is no failure of the log";
  EXPECT_EQ(log.writer.frames(), frames);
  ASSERT_TRUE(log.writer.write(61, {&next, 1}, log.now()));
  ASSERT_TRUE(log.writer.sync());
  EXPECT_EQ(log.writer.durable_lsn(), 61u);
}

// Larger than all buffers together, over several segments.
TEST(log_writer, a_cut_may_be_as_long_as_it_likes) {
  sim_disk disk(3);
  disk.lazy = true;
  value_log log(disk, small, 0);
  ASSERT_TRUE(log.begin(1));
  ASSERT_TRUE(log.add(900'000));
  ASSERT_TRUE(log.add(10));
  ASSERT_TRUE(log.writer.sync());
  test::value_taker taker;
  const log_summary summary = read_log(disk, taker);
  ASSERT_FALSE(summary.fault) << summary.fault->cause.where;
  EXPECT_TRUE(taker.is_prefix());
  EXPECT_EQ(taker.values.size(), 2u);
  EXPECT_GE(summary.last_segment, 900'000u / segment_bytes_min);
}

// An old segment becomes a new one: what it held counts no more, whatever is read of it.
TEST(log_writer, a_recycled_segment_tells_nothing_of_its_past) {
  sim_disk disk(3);
  {
    value_log log(disk, small, 0);
    ASSERT_TRUE(log.begin(1));
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(log.add(4'000));
    ASSERT_TRUE(log.writer.sync());
  }
  test::value_taker taker;
  const log_summary first = read_log(disk, taker);
  ASSERT_EQ(taker.values.size(), 10u);
  const log_start start = test::start_after(first);
  value_log next(disk, start, 10);
  ASSERT_TRUE(next.begin(1));
  ASSERT_TRUE(next.writer.sync());
  const auto kept =
      keep_as_spares(disk, segment_bytes_min, start.first_segment, next.writer.next_number());
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->renamed, 2u);
  ready_spares spares = kept->ready;
  next.writer.use_spares(&spares);
  ASSERT_TRUE(next.writer.prepare(next.now()));
  EXPECT_EQ(spares.count(), 1u);
  EXPECT_FALSE(disk.has(file_name(segment_prefix, 1)));
  const log_summary summary = read(disk);
  ASSERT_FALSE(summary.fault) << summary.fault->cause.where;
  EXPECT_EQ(summary.last_segment, start.first_segment + 1);
  EXPECT_EQ(summary.end.frame, start.base.frame + 1);
}

}  // namespace
}  // namespace pawl
