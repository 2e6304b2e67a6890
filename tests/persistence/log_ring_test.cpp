#include "persistence/log_ring.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "base/bytes.hpp"
#include "persistence/ring_memory.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

thread_ring ring_of(std::size_t bytes) {
  return thread_ring(ring_memory(std::move(*mirrored_memory::make(bytes))));
}

bool publish(thread_ring& ring, std::string_view text, const cut_count& cut) {
  if (!ring.has_room(text.size())) return false;
  byte_writer(ring.room(text.size())).bytes(as_bytes(text));
  ring.publish(text.size(), cut);
  return true;
}

TEST(log_ring, gives_what_was_published_before_the_cut) {
  thread_ring ring = ring_of(4'096);
  cut_count cut(7);
  ASSERT_TRUE(publish(ring, "one", cut));
  ASSERT_TRUE(publish(ring, "two", cut));
  EXPECT_FALSE(ring.is_empty());
  const std::uint64_t first = cut.begin();
  EXPECT_EQ(first, 7u);
  ASSERT_TRUE(publish(ring, "three", cut));
  std::string taken;
  const auto note = [&](byte_span bytes) { taken.append(as_text(bytes)) += ' '; };
  ring.take(first, note);
  ring.give_back();
  EXPECT_EQ(taken, "one two ");
  ring.take(cut.begin(), note);
  ring.give_back();
  EXPECT_EQ(taken, "one two three ");
  EXPECT_TRUE(ring.is_empty());
}

TEST(log_ring, without_room_says_so_until_something_is_taken) {
  thread_ring ring = ring_of(4'096);
  cut_count cut(1);
  int published = 0;
  while (publish(ring, std::string(100, 'x'), cut)) ++published;
  EXPECT_EQ(published, 4'096 / 120);
  EXPECT_FALSE(ring.has_room(5'000)) << "more than it will ever have";
  EXPECT_EQ(ring.published_bytes(), static_cast<std::uint64_t>(published) * 120);
  ring.take(cut.begin(), [](byte_span) {});
  EXPECT_FALSE(publish(ring, std::string(100, 'x'), cut)) << "it was not given back";
  ring.give_back();
  EXPECT_TRUE(publish(ring, std::string(4'096 - publish_head_bytes, 'x'), cut));
  EXPECT_FALSE(ring.has_room(0));
}

// Random texts and cuts against a deque, many times round the end.
TEST(log_ring, does_what_a_deque_does) {
  test::random_source random(test::fresh_seed());
  thread_ring ring = ring_of(4'096);
  cut_count cut(1);
  std::deque<std::string> wanted;
  for (int step = 0; step < test::scaled(200'000); ++step) {
    if (random() % 8 != 0) {
      const std::string text(random() % 700, static_cast<char>(random()));
      if (publish(ring, text, cut)) wanted.push_back(text);
      continue;
    }
    ring.take(cut.begin(), [&](byte_span bytes) {
      ASSERT_FALSE(wanted.empty());
      ASSERT_EQ(as_text(bytes), wanted.front());
      wanted.pop_front();
    });
    ring.give_back();
    ASSERT_TRUE(wanted.empty());
  }
}

TEST(mirrored_memory, goes_round_its_end) {
  auto memory = mirrored_memory::make(8'192);
  ASSERT_TRUE(memory);
  byte_writer(memory->span(8'190, 4)).u32(0x04030201);
  EXPECT_EQ(memory->span(8'191, 1)[0], std::byte{2});
  EXPECT_EQ(memory->span(0, 1)[0], std::byte{3});
  EXPECT_EQ(memory->span(2 * 8'192 + 1, 1)[0], std::byte{4});
}

}  // namespace
}  // namespace pawl
