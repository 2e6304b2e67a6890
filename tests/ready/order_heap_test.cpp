// One priority of an ordered queue. Method: random pushes, pops, returns and sweeps against a std::multimap;
// then threads, of which nobody may lose a place or see a later one before an earlier one.
#include "ready/order_heap.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::below;
using test::one_in;
using test::scaled;

constexpr std::uint32_t slots = 1 << 16;

std::uint64_t place_of(std::uint64_t slot) {
  return slot << band_entry::version_bits;
}
std::uint32_t slot_of(std::uint64_t place) {
  return band_entry{place}.slot();
}

class order_heap_test : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(marks.is_ready());
    ASSERT_TRUE(marks.prepare());
  }
  order_marks marks{slots};
  order_heap heap;
};

TEST_F(order_heap_test, agrees_with_a_multimap) {
  test::random_source random(test::fresh_seed());
  using standing = std::pair<std::uint64_t, std::uint64_t>;  // key, when it became ready
  std::multimap<standing, std::uint64_t> model;
  std::vector<std::pair<standing, std::uint64_t>> taken;
  std::vector<std::uint32_t> free(slots);
  std::iota(free.begin(), free.end(), 0);
  std::uint64_t ready = 0;
  std::uint64_t popped = 0;
  for (int step = 0; step < scaled(40'000); ++step) {
    std::vector<std::uint64_t> places;
    switch (below<unsigned>(random, 8)) {
      case 0:
      case 1:
      case 2:  // become ready
        for (auto n = 1 + below(random, one_in(random, 10) ? 300 : 3); n > 0 && !free.empty();
             --n) {
          const std::uint32_t slot = free.back();
          free.pop_back();
          const std::uint64_t key = one_in(random, 9) ? UINT64_MAX : below(random, 40);
          marks[slot].key.store(key, relaxed);
          places.push_back(place_of(slot));
          model.emplace(standing{key, ready++}, places.back());
        }
        ASSERT_TRUE(heap.push(marks, places));
        break;
      case 3:  // were not started
        for (const auto& t : taken) {
          model.insert(t);
          places.push_back(t.second);
        }
        taken.clear();
        ASSERT_TRUE(heap.put_back(marks, places));
        break;
      case 4: {  // are stale
        if (!one_in(random, 10)) break;
        const std::uint64_t gone = 2 + below(random, 5);
        const auto is_kept = [gone](std::uint64_t place) { return slot_of(place) % gone != 0; };
        heap.keep_if(is_kept);
        std::erase_if(model, [&](const auto& e) {
          if (is_kept(e.second)) return false;
          free.push_back(slot_of(e.second));
          return true;
        });
        break;
      }
      default: {
        for (const auto& t : taken) free.push_back(slot_of(t.second));
        taken.clear();
        places.resize(1 + below<std::size_t>(random, one_in(random, 10) ? 256 : 4));
        const std::size_t count = heap.pop(places);
        ASSERT_EQ(count, std::min(places.size(), model.size()));
        for (std::size_t i = 0; i < count; ++i) {
          ASSERT_EQ(places[i], model.begin()->second) << "pop " << popped;
          taken.push_back(*model.begin());
          model.erase(model.begin());
          ++popped;
        }
      }
    }
    ASSERT_EQ(heap.size(), model.size());
    ASSERT_EQ(heap.looks_empty(), model.empty());
  }
  EXPECT_GT(popped, 100u);
}

TEST_F(order_heap_test, equal_keys_leave_in_the_order_of_the_pushes) {
  std::vector<std::uint64_t> in(1000);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = place_of(i);
  for (std::size_t i = 0; i < in.size(); i += 100) {
    ASSERT_TRUE(heap.push(marks, std::span(in).subspan(i, 100)));
  }
  std::vector<std::uint64_t> out(in.size());
  ASSERT_EQ(heap.pop(out), in.size());
  EXPECT_EQ(out, in);
}

TEST_F(order_heap_test, threads_lose_nothing_and_each_pop_is_in_order) {
  constexpr std::uint64_t producers = 2;
  constexpr std::uint64_t each = slots / producers;
  std::atomic<std::uint64_t> taken{0};
  std::vector<std::atomic<int>> seen(slots);
  std::atomic<bool> out_of_order{false};
  test::on_threads(2 * producers, [&](int thread) {
    if (thread < static_cast<int>(producers)) {
      std::vector<std::uint64_t> bulk;
      for (std::uint64_t i = 0; i < each; ++i) {
        const auto slot = static_cast<std::uint32_t>(i * producers + static_cast<unsigned>(thread));
        marks[slot].key.store(slot * 7919u % 100u, relaxed);
        bulk.push_back(place_of(slot));
        if (bulk.size() < 1 + i % 50 && i + 1 < each) continue;
        ASSERT_TRUE(heap.push(marks, bulk));
        bulk.clear();
      }
      return;
    }
    std::vector<std::uint64_t> places(40);
    unsigned pops = 0;
    while (taken.load() < slots) {
      const std::size_t count = heap.pop(places);
      if (++pops % 3 == 0 && count != 0) {  // not started after all
        ASSERT_TRUE(heap.put_back(marks, std::span(places).first(count)));
        continue;
      }
      std::pair<std::uint64_t, std::uint64_t> last{0, 0};
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t slot = slot_of(places[i]);
        const std::pair now{marks[slot].key.load(relaxed), marks[slot].number.load(relaxed)};
        if (now < last) out_of_order = true;
        last = now;
        ++seen[slot];
      }
      taken += count;
    }
  });
  EXPECT_FALSE(out_of_order);
  for (const auto& s : seen) ASSERT_EQ(s.load(), 1);
  EXPECT_TRUE(heap.looks_empty());
}

}  // namespace
}  // namespace pawl
