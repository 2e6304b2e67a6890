// A log that is written through one device and followed through another, which may only read.
#include "persistence/log_tail.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <memory>

#include "crash/value_log.hpp"
#include "persistence/posix_device.hpp"
#include "persistence/segment_name.hpp"
#include "support/scratch_directory.hpp"

namespace pawl {
namespace {

using test::scratch_directory;
using test::value_log;
using test::value_taker;

class log_tail_of : public testing::Test {
 protected:
  void SetUp() override {
    auto to_write = posix_device::open(directory_.path());
    auto to_read = posix_device::open_to_read(directory_.path());
    ASSERT_TRUE(to_write && to_read);
    writes_ = std::move(*to_write);
    reads_ = std::move(*to_read);
  }
  static log_start from(std::uint64_t epoch, std::uint64_t segment, const epoch_base& base) {
    return {
        .epoch = epoch, .first_segment = segment, .base = base, .segment_bytes = segment_bytes_min};
  }
  static log_tail::end take(log_tail& tail, value_taker& taker) {
    const auto end = tail.take_new(taker);
    EXPECT_TRUE(end);
    return end ? *end : log_tail::end::elsewhere;
  }

  scratch_directory directory_;
  std::unique_ptr<log_device> writes_;
  std::unique_ptr<log_device> reads_;
};

TEST_F(log_tail_of, gives_each_cut_once_over_all_segments_of_an_epoch) {
  value_log log(*writes_, from(1, 1, {}), 0);
  ASSERT_TRUE(log.begin(1));
  ASSERT_TRUE(log.add(100));
  ASSERT_TRUE(log.writer.sync());
  value_taker before;
  log_tail tail(*reads_, read_log(*reads_, before));
  EXPECT_EQ(before.values.size(), 1u);
  value_taker after;
  EXPECT_EQ(take(tail, after), log_tail::end::here);
  EXPECT_TRUE(after.values.empty());
  for (std::uint64_t i = 0; i < 40; ++i) {
    ASSERT_TRUE(log.add(10'000));  // some segments
    ASSERT_TRUE(log.writer.sync());
    value_taker next;
    EXPECT_EQ(take(tail, next), log_tail::end::here);
    EXPECT_EQ(next.values, (std::set<std::uint64_t>{i + 2}));
    EXPECT_FALSE(next.is_wrong);
  }
}

TEST_F(log_tail_of, takes_no_frame_that_is_not_whole) {
  value_log log(*writes_, from(1, 1, {}), 0);
  ASSERT_TRUE(log.begin(1));
  ASSERT_TRUE(log.writer.sync());
  value_taker taker;
  const log_summary read = read_log(*reads_, taker);
  log_tail tail(*reads_, read);
  ASSERT_TRUE(log.add(5'000));
  ASSERT_TRUE(log.writer.sync());
  // One byte of it is not there yet.
  const auto file = *writes_->open(file_name(segment_prefix, 1));
  block_memory block(block_bytes);
  ASSERT_TRUE(writes_->read(file, read.end_place.offset, block.span()));
  block.span()[100] ^= std::byte{1};
  writes_->start_write(file, read.end_place.offset, block.span(), 1);
  EXPECT_EQ(take(tail, taker), log_tail::end::here);
  EXPECT_TRUE(taker.values.empty());
  block.span()[100] ^= std::byte{1};
  writes_->start_write(file, read.end_place.offset, block.span(), 2);
  EXPECT_EQ(take(tail, taker), log_tail::end::here);
  EXPECT_EQ(taker.values.size(), 1u);
  writes_->close(file);
}

TEST_F(log_tail_of, says_when_the_log_goes_on_elsewhere) {
  value_log log(*writes_, from(1, 1, {}), 0);
  ASSERT_TRUE(log.begin(1));
  ASSERT_TRUE(log.add(100));
  ASSERT_TRUE(log.writer.sync());
  value_taker taker;
  const log_summary read = read_log(*reads_, taker);
  log_tail tail(*reads_, read);
  EXPECT_EQ(take(tail, taker), log_tail::end::here);
  value_log next(*writes_, from(2, 2, read.end), 1);
  ASSERT_TRUE(next.begin(1));
  ASSERT_TRUE(next.writer.sync());
  EXPECT_EQ(take(tail, taker), log_tail::end::here) << "the old epoch is there still";
  ASSERT_TRUE(writes_->remove(file_name(segment_prefix, 1)));
  EXPECT_EQ(take(tail, taker), log_tail::end::elsewhere);
  value_taker anew;
  log_tail again(*reads_, read_log(*reads_, anew));
  EXPECT_EQ(take(again, anew), log_tail::end::here);
  EXPECT_EQ(anew.values.size(), 1u);
}

TEST_F(log_tail_of, a_device_to_read_opens_nothing_for_writing) {
  ASSERT_TRUE(writes_->create("wal-x", segment_bytes_min));
  const auto file = reads_->open("wal-x");
  ASSERT_TRUE(file);
  EXPECT_EQ(::fcntl(static_cast<int>(*file), F_GETFL) & O_ACCMODE, O_RDONLY);
  reads_->close(*file);
  EXPECT_DEATH(static_cast<void>(reads_->remove("wal-x")), "");
}

}  // namespace
}  // namespace pawl
