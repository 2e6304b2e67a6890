#include "persistence/crash_board.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include "support/scratch_directory.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using notes = std::vector<crash_note>;

id_bytes id_of(int n) {
  id_bytes id{};
  id.fill(static_cast<std::byte>(n));
  return id;
}
const board_identity ours{id_of(1), 7, id_of(2)};
constexpr job_id some_job{5};
constexpr job_id other_job{6};

std::vector<std::byte> bytes_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const byte_span bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

TEST(crash_board, says_what_each_thread_was_running) {
  test::scratch_directory directory;
  {
    const auto board = crash_board::make(directory.path(), ours, 4);
    ASSERT_TRUE(board);
    board->line(0)->begin(some_job, 9, false);
    board->line(1)->begin(other_job, 3, true);
    board->line(1)->end();
    board->line(3)->begin(other_job, 4, true);
    EXPECT_EQ(board->line(4), nullptr);
  }
  const auto read = read_crash_board(directory.path(), ours);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (notes{{some_job, 9, false}, {other_job, 4, true}}));
}

TEST(crash_board, lets_a_job_out_of_its_quarantine) {
  test::scratch_directory directory;
  const auto board = crash_board::make(directory.path(), ours, 1);
  ASSERT_TRUE(board);
  board->line(0)->begin(some_job, 9, true);
  board->line(0)->join_others();
  EXPECT_EQ(*read_crash_board(directory.path(), ours), (notes{{some_job, 9, false}}));
}

TEST(crash_board, of_another_epoch_directory_or_boot_blames_nobody) {
  test::scratch_directory directory;
  const auto board = crash_board::make(directory.path(), ours, 1);
  ASSERT_TRUE(board);
  board->line(0)->begin(some_job, 9, true);
  ASSERT_EQ(read_crash_board(directory.path(), ours)->size(), 1u);
  for (const board_identity& other :
       {board_identity{id_of(3), 7, id_of(2)}, {id_of(1), 8, id_of(2)}, {id_of(1), 7, id_of(3)}}) {
    const auto read = read_crash_board(directory.path(), other);
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->empty());
  }
}

TEST(crash_board, is_empty_when_it_is_made_again_or_is_not_there) {
  test::scratch_directory directory;
  EXPECT_TRUE(read_crash_board(directory.path(), ours)->empty());
  {
    const auto board = crash_board::make(directory.path(), ours, 2);
    ASSERT_TRUE(board);
    board->line(1)->begin(some_job, 9, true);
  }
  ASSERT_TRUE(crash_board::make(directory.path(), ours, 2));
  EXPECT_TRUE(read_crash_board(directory.path(), ours)->empty());
}

// A store into a hole of the file would find a full disk by a signal.
TEST(crash_board, has_all_its_blocks) {
  test::scratch_directory directory;
  ASSERT_TRUE(crash_board::make(directory.path(), ours, 1'000));
  struct stat is {};
  ASSERT_EQ(::stat((directory.path() + "/board").c_str(), &is), 0);
  EXPECT_EQ(is.st_size, 4'096 + 64'000);
  EXPECT_GE(is.st_blocks * 512, is.st_size);
}

TEST(crash_board, that_cannot_be_made_says_why) {
  const auto board = crash_board::make("./there/is/none", ours, 1);
  ASSERT_FALSE(board);
  EXPECT_EQ(board.error().code, errc::io);
  EXPECT_EQ(board.error().sys_errno, ENOENT);
}

// Any bytes are read; a header that is not whole makes all of it count for nothing, and a line that cannot be
// one is left out.
TEST(crash_board, that_is_damaged_blames_nobody_by_its_header_and_few_by_its_lines) {
  test::random_source random(test::fresh_seed());
  test::scratch_directory directory;
  {
    const auto board = crash_board::make(directory.path(), ours, 3);
    ASSERT_TRUE(board);
    for (std::uint32_t i = 0; i < 3; ++i) board->line(i)->begin({i + 1}, 9, false);
  }
  const std::vector<std::byte> whole = bytes_of_file(directory.path() + "/board");
  ASSERT_EQ(crash_notes_in(whole, ours).size(), 3u);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::vector<std::byte> bytes = whole;
    bytes[i] ^= static_cast<std::byte>(1 + random() % 255);
    const notes read = crash_notes_in(bytes, ours);
    if (i < 4'096) {
      EXPECT_TRUE(read.empty()) << i;
    } else {
      EXPECT_GE(read.size(), 2u) << i;
    }
  }
  for (std::size_t length = 0; length < whole.size(); length += 1 + length % 31) {
    const notes read = crash_notes_in(byte_span(whole).first(length), ours);
    EXPECT_EQ(read.size(), length < 4'096 ? 0 : (length - 4'096) / 64);
  }
}

TEST(crash_board, has_no_versions_that_a_job_cannot_have) {
  test::scratch_directory directory;
  const auto board = crash_board::make(directory.path(), ours, 1);
  ASSERT_TRUE(board);
  board->line(0)->begin(some_job, (std::uint64_t{1} << 48) - 1, false);
  EXPECT_TRUE(read_crash_board(directory.path(), ours)->empty());
  board->line(0)->begin(some_job, (std::uint64_t{1} << 48) - 2, false);
  EXPECT_EQ(read_crash_board(directory.path(), ours)->size(), 1u);
}

}  // namespace
}  // namespace pawl
