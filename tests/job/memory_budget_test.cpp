// What pools may take together. Method: against the plainest accountant there could be, with random takes
// and gives; from several threads; and pools whose memory is known exactly against what they have told it.
#include "job/memory_budget.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <vector>

#include "base/fifo.hpp"
#include "job/key_table.hpp"
#include "ready/order_heap.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"
#include "time/chunk_pool.hpp"

namespace pawl {
namespace {

using test::below;

TEST(memory_budget_test, without_a_bound_everything_is_counted_and_nothing_refused) {
  memory_budget b;
  EXPECT_TRUE(b.take(memory_pool::payloads, 1ull << 50, need::wanted));
  EXPECT_TRUE(b.take(memory_pool::histograms, 5, need::dispensable));
  EXPECT_FALSE(b.is_low());
  EXPECT_EQ(b.look().bytes, (1ull << 50) + 5);
  EXPECT_EQ(b.look().of(memory_pool::histograms), 5u);
  b.give(memory_pool::payloads, 1ull << 50);
  EXPECT_EQ(b.look().bytes, 5u);
}

TEST(memory_budget_test,
     what_is_wanted_goes_to_the_bound_and_what_is_dispensable_to_seven_eighths) {
  memory_budget b(800);
  EXPECT_TRUE(b.take(memory_pool::histograms, 700, need::dispensable));
  EXPECT_FALSE(b.is_low());
  EXPECT_FALSE(b.take(memory_pool::histograms, 1, need::dispensable));
  EXPECT_TRUE(b.take(memory_pool::slots, 100, need::wanted));
  EXPECT_TRUE(b.is_low());
  EXPECT_FALSE(b.take(memory_pool::slots, 1, need::wanted));
  EXPECT_TRUE(b.take(memory_pool::timers, 50, need::accepted)) << "must not fail";
  EXPECT_EQ(b.look().bytes, 850u);
  b.give(memory_pool::slots, 100);
  EXPECT_TRUE(b.is_low()) << "750 are used";
  b.give(memory_pool::timers, 50);
  EXPECT_FALSE(b.is_low());
}

TEST(memory_budget_test, what_slots_promise_is_there_for_places_and_timers) {
  memory_budget b(1000);
  ASSERT_TRUE(b.take(memory_pool::slots, 600, need::wanted, 300));
  EXPECT_EQ(b.look().bytes, 600u);
  EXPECT_EQ(b.look().set_aside_bytes, 300u);
  EXPECT_FALSE(b.take(memory_pool::payloads, 101, need::wanted)) << "300 are spoken for";
  EXPECT_TRUE(b.take(memory_pool::payloads, 100, need::wanted));
  EXPECT_TRUE(b.take(memory_pool::places, 100, need::wanted)) << "out of the promise";
  EXPECT_TRUE(b.take(memory_pool::timers, 200, need::accepted)) << "the same";
  EXPECT_EQ(b.look().bytes, 1000u);
  EXPECT_EQ(b.look().set_aside_bytes, 0u);
  EXPECT_FALSE(b.take(memory_pool::places, 1, need::wanted));
  b.give(memory_pool::slots, 600, 300);
  EXPECT_EQ(b.look().set_aside_bytes, 0u);
}

TEST(memory_budget_test, agrees_with_the_plainest_accountant) {
  struct plain {
    std::array<std::uint64_t, memory_pool_count> taken{};
    std::uint64_t promised = 0;
    [[nodiscard]] std::uint64_t used() const {
      std::uint64_t others = 0;
      for (std::size_t i = 0; i < taken.size(); ++i) {
        const auto pool = static_cast<memory_pool>(i);
        if (pool != memory_pool::places && pool != memory_pool::timers) others += taken[i];
      }
      const std::uint64_t paid = taken[static_cast<std::size_t>(memory_pool::places)] +
                                 taken[static_cast<std::size_t>(memory_pool::timers)];
      return others + (paid > promised ? paid : promised);
    }
  };
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < test::scaled(200); ++round) {
    const std::uint64_t bound = 1 + below(random, 100'000);
    memory_budget b(bound);
    plain p;
    for (int step = 0; step < 500; ++step) {
      const auto i = static_cast<std::size_t>(below(random, memory_pool_count));
      const auto pool = static_cast<memory_pool>(i);
      const std::uint64_t bytes = below(random, 1 + bound / 8);
      const std::uint64_t promised = pool == memory_pool::slots ? bytes / 5 : 0;
      if (below(random, 3) == 0) {
        const std::uint64_t back = std::min(bytes, p.taken[i]);
        const std::uint64_t of_promises = std::min(promised, p.promised);
        p.taken[i] -= back;
        p.promised -= of_promises;
        b.give(pool, back, of_promises);
      } else {
        const auto why = static_cast<need>(below(random, 3));
        plain next = p;
        next.taken[i] += bytes;
        next.promised += promised;
        const std::uint64_t limit = why == need::dispensable ? bound - bound / 8 : bound;
        const bool may = why == need::accepted || next.used() <= limit;
        ASSERT_EQ(b.take(pool, bytes, why, promised), may) << "step " << step;
        if (may) p = next;
      }
      const memory_report r = b.look();
      ASSERT_EQ(r.by_pool, p.taken);
      ASSERT_EQ(r.bytes + r.set_aside_bytes, p.used());
      ASSERT_EQ(b.is_low(), p.used() > bound - bound / 8);
    }
  }
}

TEST(memory_budget_test, threads_that_take_and_give_never_go_beyond_it) {
  constexpr std::uint64_t bound = 10'000;
  memory_budget b(bound);
  test::on_threads(4, [&](int number) {
    const auto pool = static_cast<memory_pool>(number);
    std::uint64_t mine = 0;
    for (int i = 0; i < test::scaled(20'000); ++i) {
      const std::uint64_t bytes = 100 + static_cast<std::uint64_t>(i % 7) * 300;
      if (b.take(pool, bytes, need::wanted)) mine += bytes;
      const memory_report r = b.look();
      ASSERT_LE(r.bytes, bound);
      ASSERT_EQ(r.of(pool), mine);
      if (mine > bound / 3) {
        b.give(pool, mine);
        mine = 0;
      }
    }
    b.give(pool, mine);
  });
  EXPECT_EQ(b.look().bytes, 0u);
  EXPECT_FALSE(b.is_low());
}

// What the heap has given out. A sanitizer has one of its own.
std::size_t heap_bytes() {
  const struct mallinfo2 m = ::mallinfo2();
  return m.uordblks + m.hblkhd;
}

TEST(memory_accounts_test, a_fifo_asks_for_each_block_and_has_no_more) {
  memory_budget b;
  const memory_account account(&b, memory_pool::places);
  fifo<std::uint64_t> values;
  auto token = values.make_producer();
  auto consumer = values.make_consumer();
  ASSERT_TRUE(values.push(token, 1, account, need::wanted));
  const std::uint64_t block = b.look().bytes;
  EXPECT_GE(block, 256 * 8u);
  const std::size_t heap_before = heap_bytes();
  const std::uint64_t before = b.look().bytes;
  std::vector<std::uint64_t> some(100);
  for (int i = 0; i < 100'000; i += 100)
    ASSERT_TRUE(values.push(token, some, account, need::wanted));
  EXPECT_EQ(b.look().bytes, (100'001 + 255) / 256 * block);
  const std::size_t heap = heap_bytes() - heap_before;
  if (!test::sanitized) {
    EXPECT_LE(heap, b.look().bytes - before + 4096);
    EXPECT_GE(heap + heap / 8, b.look().bytes - before) << "and not much too high";
  }
  // Emptied and filled again: the blocks are there.
  const std::uint64_t full = b.look().bytes;
  for (int round = 0; round < 3; ++round) {
    while (values.pop(consumer, some) != 0) {
    }
    for (int i = 0; i < 90'000; ++i) ASSERT_TRUE(values.push(token, 1, account, need::wanted));
    EXPECT_EQ(b.look().bytes, full);
  }
}

TEST(memory_accounts_test, a_fifo_without_budget_refuses_and_keeps_what_it_has) {
  memory_budget b(10'000);
  const memory_account account(&b, memory_pool::places);
  fifo<std::uint64_t> values;
  auto token = values.make_producer();
  auto consumer = values.make_consumer();
  std::uint64_t pushed = 0;
  while (values.push(token, ++pushed, account, need::wanted)) {
  }
  --pushed;
  EXPECT_EQ(pushed % 256, 0u);
  std::vector<std::uint64_t> bulk(200, 7);
  EXPECT_FALSE(values.push(token, bulk, account, need::wanted));
  EXPECT_TRUE(values.push(token, bulk, account, need::accepted));
  std::uint64_t next = 1;
  std::array<std::uint64_t, 100> out;
  for (std::size_t n = 0; (n = values.pop(consumer, out)) != 0;) {
    for (std::size_t i = 0; i < n; ++i, ++next) {
      ASSERT_EQ(out[i], next <= pushed ? next : 7) << next;
    }
  }
  EXPECT_EQ(next, pushed + bulk.size() + 1);
  EXPECT_TRUE(values.push(token, bulk, account, need::wanted)) << "there are free blocks";
}

TEST(memory_accounts_test, a_table_of_keys_tells_all_of_its_places_also_when_it_gives_them_back) {
  memory_budget b(512u << 10);
  key_table<key_entry> keys;
  keys.set_account({&b, memory_pool::keys});
  test::random_source random(test::fresh_seed());
  std::vector<key_hash> in;
  bool was_refused = false;
  for (int step = 0; step < test::scaled(200'000); ++step) {
    const bool is_growing = step / 30'000 % 2 == 0;
    if (in.empty() || below(random, 10) < (is_growing ? 9u : 1u)) {
      const key_hash key{random(), random()};
      key_entry* const e = keys.insert(key);
      if (e == nullptr) {
        was_refused = true;
      } else {
        e->hold(job_id{1}, unique_until::finished, 0);
        in.push_back(key);
      }
    } else {
      keys.erase(*keys.find(in.back()));
      in.pop_back();
    }
    ASSERT_EQ(b.look().of(memory_pool::keys), keys.memory_bytes());
    ASSERT_EQ(keys.size(), in.size());
  }
  for (const key_hash& key : in) ASSERT_NE(keys.find(key), nullptr);
  EXPECT_TRUE(was_refused || test::sanitized);
  EXPECT_LE(b.look().bytes, b.bound());
}

TEST(memory_accounts_test, a_pool_of_chunks_tells_its_segments_and_keeps_none_when_memory_is_low) {
  constexpr std::uint64_t step = region::step_bytes;
  memory_budget b(16 * step);
  chunk_pool chunks(8 * 2048, {&b, memory_pool::timers});
  ASSERT_TRUE(chunks.is_ready());
  test::random_source random(test::fresh_seed());
  std::vector<std::uint32_t> taken;
  for (int i = 0; i < test::scaled(100'000); ++i) {
    const bool is_growing = i / 10'000 % 2 == 0;
    if (taken.empty() || (taken.size() < 8 * 2048 && below(random, 10) < (is_growing ? 9u : 1u))) {
      ASSERT_TRUE(chunks.reserve(taken.size() + 1));
      taken.push_back(chunks.take());
    } else {
      const auto which = static_cast<std::size_t>(below(random, taken.size()));
      std::swap(taken[which], taken.back());
      chunks.give(taken.back());
      taken.pop_back();
    }
    ASSERT_EQ(b.look().of(memory_pool::timers), chunks.held_bytes());
  }
  for (const std::uint32_t chunk : taken) chunks.give(chunk);
  EXPECT_EQ(b.look().bytes, step) << "one is kept for the next use";
  ASSERT_TRUE(chunks.reserve(1));
  const std::uint32_t last = chunks.take();
  ASSERT_TRUE(b.take(memory_pool::slots, 15 * step, need::wanted));
  chunks.give(last);
  EXPECT_EQ(b.look().of(memory_pool::timers), 0u);
  EXPECT_EQ(chunks.held_bytes(), 0u);
}

TEST(memory_accounts_test, a_heap_asks_before_it_grows_and_what_was_accepted_finds_room) {
  memory_budget b(100'000);
  order_marks marks(10'000);
  ASSERT_TRUE(marks.is_ready() && marks.prepare());
  order_heap heap;
  heap.set_account({&b, memory_pool::places});
  std::uint32_t pushed = 0;
  const auto place = [&] { return band_entry::make(pushed, job_word{0}).bits; };
  for (std::uint64_t p = place(); heap.push(marks, {&p, 1}, need::wanted); p = place()) ++pushed;
  EXPECT_EQ(pushed, 4096u) << "24 bytes each, doubled";
  EXPECT_EQ(b.look().bytes, pushed * 24u);
  const std::uint64_t one_more = place();
  EXPECT_TRUE(heap.push(marks, {&one_more, 1}));
  EXPECT_EQ(b.look().bytes, 2u * 4096 * 24);
}

}  // namespace
}  // namespace pawl
