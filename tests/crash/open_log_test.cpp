// Crashes at every point of an opening: whatever disk is left is opened again and gives the same state.
#include "persistence/open_log.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "crash/log_crash.hpp"
#include "persistence/segment_name.hpp"
#include "persistence/state_history.hpp"
#include "persistence/state_text.hpp"
#include "support/scale.hpp"

namespace pawl::test {
namespace {

log_request request() {
  log_request r;
  r.segment_bytes = segment_bytes_min;
  r.now = moment(1'000);
  return r;
}

// A log with jobs, which has been opened before: some of it lies in a segment that was recycled. Two spares are
// there, of which one has another length.
sim_disk disk_with_jobs(random_source& random) {
  sim_disk disk(random());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(open_log(disk, request()));
  state_history h(random());
  for (int i = 0; i < 60; ++i) one_in(random, 9) ? h.thing() : h.step();
  auto log = open_log(disk, request());
  EXPECT_TRUE(log);
  EXPECT_EQ(log->spares.count(), 1u);
  log->writer->use_spares(&log->spares);
  std::uint64_t offset = 0;
  for (const group_bytes& g : h.groups) {
    const cut_part part{1, offset, g};
    EXPECT_TRUE(log->writer->write(log->next_lsn++, {&part, 1}, moment(1'000)));
    offset += g.size();
  }
  EXPECT_TRUE(log->writer->sync());
  EXPECT_EQ(log->spares.count(), 0u);
  EXPECT_TRUE(disk.create(file_name(spare_prefix, 78), segment_bytes_min));
  EXPECT_TRUE(disk.create(file_name(spare_prefix, 77), 2 * segment_bytes_min));
  EXPECT_TRUE(disk.sync_directory());
  return disk;
}

std::string open_text(sim_disk& disk) {
  const auto log = open_log(disk, request());
  if (!log) return "refused: " + std::string(log.error().where);
  return text_of(*log->state, job_order::same);
}

TEST(open_log_crash, every_disk_that_is_left_gives_the_same_state) {
  random_source random(fresh_seed());
  sim_disk whole = disk_with_jobs(random);
  sim_disk copy = whole;
  const std::string wanted = open_text(copy);
  ASSERT_EQ(wanted.find("refused"), std::string::npos) << wanted;
  std::size_t disks = 0;
  sim_disk disk = whole;
  disk.lazy = true;
  std::string wrong;
  disk.on_change = [&] {
    for_each_crash(disk, random, [&](sim_disk left) {
      if (!wrong.empty() || (sanitized && !one_in(random, 2))) return;
      ++disks;
      for (int again = 0; again < 2 && wrong.empty(); ++again) {
        const std::string found = open_text(left);
        if (found != wanted) wrong = found;
      }
    });
  };
  ASSERT_TRUE(open_log(disk, request()));
  disk.on_change = nullptr;
  std::printf("%zu disks opened twice\n", disks);
  EXPECT_EQ(wrong, "");
  EXPECT_GT(disks, 10u);
}

// The process is killed at every point of an opening, and the power fails while the next one opens: what that
// found need not have been durable.
TEST(open_log_crash, a_kill_and_then_a_power_cut_give_the_same_state) {
  random_source random(fresh_seed());
  const sim_disk whole = disk_with_jobs(random);
  sim_disk copy = whole;
  const std::string wanted = open_text(copy);
  std::size_t disks = 0;
  std::string wrong;
  sim_disk first = whole;
  first.lazy = true;
  first.on_change = [&] {
    sim_disk second = first.killed();
    second.on_change = [&] {
      for (int draw = 0; draw < 4 && wrong.empty(); ++draw) {
        const auto how = static_cast<lost_as>(random() % 3);
        const auto is_kept = [&](std::size_t) { return one_in(random, 2); };
        const std::size_t names = random() % (second.unsynced_names() + 1);
        sim_disk left = second.crash(is_kept, names, how, random());
        ++disks;
        const std::string found = open_text(left);
        if (found != wanted) wrong = found;
      }
    };
    const auto log = open_log(second, request());
    if (!log && wrong.empty()) wrong = "refused: " + std::string(log.error().where);
  };
  ASSERT_TRUE(open_log(first, request()));
  std::printf("%zu disks opened\n", disks);
  EXPECT_EQ(wrong, "");
  EXPECT_GT(disks, 100u);
}

// Call by call, each fails; the next opening gives the same state.
TEST(open_log_crash, a_failed_call_leaves_the_state_as_it_was) {
  random_source random(fresh_seed());
  const sim_disk whole = disk_with_jobs(random);
  sim_disk copy = whole;
  const std::string wanted = open_text(copy);
  std::uint64_t failures = 0;
  for (std::uint64_t n = 0;; ++n, ++failures) {
    sim_disk disk = whole;
    disk.error = EIO;
    disk.fail_at = disk.calls() + n;
    const bool opened = static_cast<bool>(open_log(disk, request()));
    if (disk.calls() <= disk.fail_at) {
      ASSERT_TRUE(opened);
      break;
    }
    ASSERT_FALSE(opened) << "call " << n << " failed, and nobody said so";
    disk.fail_at = ~std::uint64_t{0};
    ASSERT_EQ(open_text(disk), wanted) << "call " << n;
  }
  EXPECT_GT(failures, 5u);
}

}  // namespace
}  // namespace pawl::test
