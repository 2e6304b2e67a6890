#include "line_reader.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "descriptor.hpp"
#include "support/seed.hpp"

namespace pawl_tool {
namespace {

struct expected_line {
  std::string text;
  bool too_long = false;
  bool operator==(const expected_line&) const = default;
};

// The plainest cutter: the whole input in one string.
std::vector<expected_line> cut_plainly(std::string_view input, char delimiter, std::size_t most) {
  std::vector<expected_line> lines;
  while (!input.empty()) {
    const std::size_t end = std::min(input.find(delimiter), input.size());
    lines.push_back({std::string(input.substr(0, end)), end > most});
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  return lines;
}

// Writes the input to a pipe in random pieces and compares what comes out with the plain cutter.
TEST(line_reader, cuts_like_the_plainest_cutter_however_the_bytes_arrive) {
  pawl::test::random_source random(pawl::test::fresh_seed());
  for (int round = 0; round < 200; ++round) {
    const char delimiter = round % 2 == 0 ? '\n' : '\0';
    const std::size_t most = 1 + random() % 40;
    std::string input;
    const std::size_t bytes = random() % 400;
    const auto rarity = 1 + random() % 60;
    while (input.size() < bytes) input += random() % rarity == 0 ? delimiter : 'x';

    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    std::thread writer([&, seed = random()] {
      pawl::test::random_source pieces(seed);
      std::string_view rest = input;
      while (!rest.empty()) {
        const auto piece = rest.substr(0, 1 + pieces() % 50);
        EXPECT_EQ(write_all(ends[1], piece), 0);
        rest.remove_prefix(piece.size());
        if (pieces() % 4 == 0) std::this_thread::yield();
      }
      ::close(ends[1]);
    });
    const descriptor stop = make_event();
    line_reader reader(ends[0], stop.get(), delimiter, most);
    std::vector<input_line> lines;
    std::vector<expected_line> got;
    while (reader.next(lines)) {
      for (const input_line& line : lines) {
        ASSERT_TRUE(line.too_long || line.bytes == line.text.size());
        // Of a line that is too long only the beginning is there; it is all x.
        got.push_back(
            {line.too_long ? std::string(line.bytes, 'x') : std::string(line.text), line.too_long});
      }
    }
    writer.join();
    ::close(ends[0]);
    ASSERT_EQ(reader.failed_errno(), 0);
    ASSERT_EQ(got, cut_plainly(input, delimiter, most)) << "round " << round;
  }
}

TEST(line_reader, ends_when_it_is_told_to) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const descriptor stop = make_event();
  line_reader reader(ends[0], stop.get(), '\n', 100);
  ASSERT_EQ(write_all(ends[1], "one\nhalf"), 0);
  std::vector<input_line> lines;
  ASSERT_TRUE(reader.next(lines));
  ASSERT_EQ(lines.size(), 1u);
  raise_event(stop);
  EXPECT_FALSE(reader.next(lines));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(line_reader, reports_what_cannot_be_read) {
  const descriptor folder(::open("/", O_RDONLY | O_DIRECTORY));
  const descriptor stop = make_event();
  line_reader reader(folder.get(), stop.get(), '\n', 100);
  std::vector<input_line> lines;
  EXPECT_FALSE(reader.next(lines));
  EXPECT_EQ(reader.failed_errno(), EISDIR);
}

}  // namespace
}  // namespace pawl_tool
