// A batch that thieves may take from. Method: an owner and two thieves race for the jobs of many
// batches; each job is started exactly once, by its word. All interleavings:
// tests/model/steal_model.cpp.
#include "ready/batch_ring.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "job/slot.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

TEST(batch_ring, shows_thieves_the_end_of_what_the_owner_has_not_reached) {
  batch_ring ring;
  std::uint64_t place = 0;
  EXPECT_FALSE(ring.looks_stealable());
  EXPECT_FALSE(ring.try_peek_last(place));
  const std::vector<std::uint64_t> batch{10, 11, 12, 13};
  ring.publish(batch);
  ring.advance(0);
  EXPECT_TRUE(ring.looks_stealable());
  ASSERT_TRUE(ring.try_peek_last(place));
  EXPECT_EQ(place, 13u);
  ring.advance(1);
  ASSERT_TRUE(ring.try_peek_last(place));
  EXPECT_EQ(place, 12u);
  EXPECT_FALSE(ring.try_peek_last(place)) << "the owner is at 11";
  EXPECT_FALSE(ring.looks_stealable());
  ring.publish(batch);
  ring.clear();
  EXPECT_FALSE(ring.looks_stealable());
}

TEST(batch_ring, each_job_of_each_batch_is_started_once) {
  test::random_source random(test::fresh_seed());
  const int batches = test::scaled(20'000);
  std::vector<word_cell> words(batch_max);
  std::vector<std::atomic<int>> starts(batch_max);
  batch_ring ring;
  std::atomic<bool> stop{false};
  std::atomic<long> stolen{0};
  const auto try_start = [&](band_entry place) {
    job_word word;
    std::uint64_t brought = 0;
    if (!transition_to_running(words[place.slot()], place.version(), band_entry::version_mask, word,
                               brought)) {
      return false;
    }
    starts[place.slot()].fetch_add(1);
    transition_from_running(words[place.slot()], word, [&](job_word) { return job_event::done; });
    return true;
  };
  std::vector<std::thread> thieves;
  for (int i = 0; i < 2; ++i) {
    thieves.emplace_back([&] {
      while (!stop.load()) {
        std::uint64_t place = 0;
        if (ring.try_peek_last(place) && try_start(band_entry{place})) stolen.fetch_add(1);
      }
    });
  }
  std::vector<std::uint64_t> batch;
  for (int b = 0; b < batches; ++b) {
    batch.clear();
    const auto size =
        1 + test::below<std::uint32_t>(random, test::one_in(random, 2) ? 4 : batch_max);
    for (std::uint32_t slot = 0; slot < size; ++slot) {
      starts[slot] = 0;
      batch.push_back(band_entry::make(slot, transition_to_ready(words[slot])).bits);
    }
    ring.publish(batch);
    for (std::uint32_t i = 0; i < size; ++i) {
      ring.advance(i);
      try_start(band_entry{batch[i]});
    }
    ring.clear();
    for (std::uint32_t slot = 0; slot < size; ++slot) {
      // A thief may be between start and end.
      job_word word{words[slot].load(acquire)};
      while (!is_terminal(word.state())) word.bits = words[slot].load(acquire);
      ASSERT_EQ(starts[slot], 1) << "batch " << b;
      transition_to_free(words[slot], word);
    }
  }
  stop = true;
  for (std::thread& t : thieves) t.join();
  std::printf("%ld stolen\n", stolen.load());
}

}  // namespace
}  // namespace pawl
