// Both real devices, on a real directory: what log_device.hpp promises, and a log that one has written and
// the other reads.
#include "persistence/log_device.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string>

#include "crash/value_log.hpp"
#include "persistence/block_memory.hpp"
#include "persistence/open_device.hpp"
#include "persistence/segment_name.hpp"
#include "support/process.hpp"
#include "support/scratch_directory.hpp"

namespace pawl {
namespace {

using test::scratch_directory;

class device : public testing::TestWithParam<device_choice> {
 protected:
  void SetUp() override {
    auto opened = open_device(directory.path(), GetParam());
    ASSERT_TRUE(opened) << opened.error().where;
    if (GetParam() == device_choice::best && !opened->has_uring) {
      GTEST_SKIP() << "io_uring: errno " << opened->uring_errno;
    }
    held = std::move(opened->device);
  }
  log_device& disk() { return *held; }

  scratch_directory directory;
  std::unique_ptr<log_device> held;
};

INSTANTIATE_TEST_SUITE_P(both, device, testing::Values(device_choice::posix, device_choice::best),
                         [](const auto& choice) {
                           return choice.param == device_choice::posix ? "posix" : "uring";
                         });

TEST_P(device, a_new_file_is_zero_and_private) {
  ASSERT_TRUE(disk().create("wal-x", segment_bytes_min));
  const auto file = disk().open("wal-x");
  ASSERT_TRUE(file);
  EXPECT_EQ(*disk().size(*file), segment_bytes_min);
  block_memory room(2 * segment_bytes_min);
  EXPECT_EQ(*disk().read(*file, 0, room.span()), segment_bytes_min);
  byte_reader zeros(room.span().first(segment_bytes_min));
  zeros.zeros(segment_bytes_min);
  EXPECT_TRUE(zeros.ok());
  EXPECT_EQ(*disk().read(*file, segment_bytes_min, room.span()), 0u);
  struct stat is {};
  ASSERT_EQ(::stat((directory.path() + "/wal-x").c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 0777, 0600u);
  EXPECT_GE(static_cast<std::uint64_t>(is.st_blocks) * 512, segment_bytes_min)
      << "its blocks are promised only";
  disk().close(*file);
}

TEST_P(device, names_are_what_was_done_to_them) {
  ASSERT_TRUE(disk().create("a", block_bytes));
  ASSERT_TRUE(disk().create("b", block_bytes));
  ASSERT_TRUE(disk().rename("a", "c"));
  ASSERT_TRUE(disk().remove("b"));
  ASSERT_TRUE(disk().sync_directory());
  EXPECT_EQ(*disk().list(), std::vector<std::string>{"c"});
  EXPECT_EQ(disk().remove("b").error().sys_errno, ENOENT);
  EXPECT_EQ(disk().rename("b", "d").error().sys_errno, ENOENT);
  EXPECT_EQ(disk().open("b").error().sys_errno, ENOENT);
  ASSERT_TRUE(disk().create("c", 2 * block_bytes)) << "one that was left over is replaced";
}

// Several at a time: each token comes back once, with its length.
TEST_P(device, writes_come_to_an_end_and_are_read) {
  ASSERT_TRUE(disk().create("f", segment_bytes_min));
  const auto file = disk().open("f");
  ASSERT_TRUE(file);
  block_memory room(4 * block_bytes);
  for (std::size_t i = 0; i < 4; ++i) {
    const std::span<std::byte> block = room.span().subspan(i * block_bytes, block_bytes);
    std::fill(block.begin(), block.end(), static_cast<std::byte>(i + 1));
    disk().start_write(*file, (3 - i) * block_bytes, block, i);
  }
  std::array<bool, 4> has_ended{};
  for (int left = 4; left > 0;) {
    std::array<completion, 3> done{};
    const std::size_t n = disk().reap(done, true);
    ASSERT_GT(n, 0u);
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_EQ(done[i].result, static_cast<std::int64_t>(block_bytes));
      EXPECT_FALSE(std::exchange(has_ended.at(done[i].token), true));
      --left;
    }
  }
  disk().start_sync(*file, 77);
  std::array<completion, 3> done{};
  ASSERT_EQ(disk().reap(done, true), 1u);
  EXPECT_EQ(done[0].token, 77u);
  EXPECT_EQ(done[0].result, 0);
  EXPECT_EQ(disk().reap(done, true), 0u) << "nothing is under way";
  block_memory back(block_bytes);
  for (std::size_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(disk().read(*file, i * block_bytes, back.span()));
    EXPECT_EQ(back.span()[block_bytes - 1], static_cast<std::byte>(4 - i));
  }
  disk().close(*file);
}

TEST_P(device, only_regular_files_are_opened) {
  ASSERT_EQ(::mkfifo((directory.path() + "/fifo").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("/etc/passwd", (directory.path() + "/link").c_str()), 0);
  EXPECT_FALSE(disk().open("fifo"));
  EXPECT_EQ(disk().open("link").error().sys_errno, ELOOP);
}

// A child with a limit on the size of files: a write beyond it is EFBIG, and no signal ends the process.
TEST_P(device, a_write_beyond_a_limit_is_an_errno) {
  ASSERT_TRUE(disk().create("f", segment_bytes_min));
  const int code = test::exit_code_of_child([&] {
    sigset_t blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGXFSZ);
    ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
    const rlimit limit{block_bytes, block_bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto own = open_device(directory.path(), GetParam());
    if (!own) return 10;
    const auto file = own->device->open("f");
    if (!file) return 11;
    block_memory room(2 * block_bytes);
    std::array<completion, 2> done{};
    own->device->start_write(*file, 2 * block_bytes, room.span(), 1);
    if (own->device->reap(done, true) != 1) return 12;
    if (done[0].result != -EFBIG) return 13;
    return own->device->create("g", segment_bytes_min).error().sys_errno == EFBIG ? 0 : 14;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(*disk().list(), std::vector<std::string>{"f"}) << "what could not be made is left over";
}

// Three epochs over several segments, each read by the other device.
TEST_P(device, a_log_is_read_by_the_other_one) {
  const device_choice other =
      GetParam() == device_choice::posix ? device_choice::best : device_choice::posix;
  std::uint64_t values = 0;
  log_start start{.segment_bytes = segment_bytes_min};
  start.directory_id[0] = std::byte{9};
  for (int epoch = 1; epoch <= 3; ++epoch) {
    test::value_log log(disk(), start, values);
    ASSERT_TRUE(log.begin(2));
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(log.add(i % 4 == 3 ? 40'000 : 100));
    ASSERT_TRUE(log.writer.sync());
    values = log.values();
    EXPECT_EQ(log.durable_values(), values);
    auto reader = open_device(directory.path(), other);
    ASSERT_TRUE(reader);
    test::value_taker taker;
    const log_summary summary = read_log(*reader->device, taker);
    ASSERT_FALSE(summary.fault) << summary.fault->cause.where;
    EXPECT_TRUE(taker.is_prefix());
    EXPECT_EQ(taker.values.size(), values);
    EXPECT_EQ(summary.epoch, static_cast<std::uint64_t>(epoch));
    EXPECT_EQ(summary.first_segment, start.first_segment);
    start = test::start_after(summary);
  }
}

TEST(open_device, a_directory_that_others_may_change_is_refused) {
  scratch_directory directory;
  EXPECT_EQ(open_device(directory.path() + "/none", device_choice::best).error().code,
            errc::not_found);
  ASSERT_EQ(::chmod(directory.path().c_str(), 0777), 0);
  EXPECT_EQ(open_device(directory.path(), device_choice::best).error().code, errc::invalid);
  ASSERT_EQ(::chmod(directory.path().c_str(), 0700), 0);
  const std::string link = directory.path() + "/link";
  ASSERT_EQ(::symlink(directory.path().c_str(), link.c_str()), 0);
  EXPECT_EQ(open_device(link, device_choice::best).error().code, errc::invalid);
  EXPECT_EQ(open_device("/etc/passwd", device_choice::best).error().code, errc::invalid);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(directory.path().c_str(), 12'345, 12'345), 0);
    EXPECT_EQ(open_device(directory.path(), device_choice::best).error().code, errc::invalid);
  }
}

// As containers do it: a filter that refuses io_uring_setup(2).
TEST(open_device, goes_on_without_io_uring_where_it_is_forbidden) {
  scratch_directory directory;
  for (const int refusal : {EPERM, ENOSYS}) {
    const int code = test::exit_code_of_child([&] {
      std::array<sock_filter, 4> filter{{
          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(refusal)),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      }};
      const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
      if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 77;
      if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 77;
      auto opened = open_device(directory.path(), device_choice::best);
      return opened && !opened->has_uring && opened->uring_errno == refusal ? 0 : 1;
    });
    if (code == 77) GTEST_SKIP() << "no seccomp here";
    EXPECT_EQ(code, 0) << refusal;
  }
}

}  // namespace
}  // namespace pawl
