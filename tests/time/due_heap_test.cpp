// The heap that stands in for the wheel fires what is due, in order, and skips what is stale. Method:
// random pushes, steps and changes beside a std::multimap.
#include "time/due_heap.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "support/seed.hpp"

namespace pawl {
namespace {

using test::below;

TEST(due_heap, agrees_with_a_multimap) {
  test::random_source random(test::fresh_seed());
  due_heap heap(random());
  std::multimap<std::uint64_t, std::uint32_t> model;  // due time, slot; an odd slot is stale
  std::uint64_t now = 0;
  std::uint32_t slot = 0;
  for (int i = 0; i < 20'000; ++i) {
    switch (below<int>(random, 5)) {
      case 0: {  // everything that is due, in order of its times
        now += below(random, 100);
        std::uint64_t last = 0;
        heap.step(now, [&](std::span<const timer_entry> due) {
          for (const timer_entry& e : due) {
            ASSERT_LE(last, e.due_ns);
            ASSERT_LE(e.due_ns, now);
            last = e.due_ns;
            auto [at, end] = model.equal_range(e.due_ns);
            while (at != end && at->second != e.slot) ++at;
            ASSERT_NE(at, end);
            model.erase(at);
          }
        });
        ASSERT_TRUE(model.empty() || model.begin()->first > now);
        break;
      }
      case 1: {
        const auto is_live = [](const timer_entry& e) { return e.slot % 2 == 0; };
        std::erase_if(model, [](const auto& m) { return m.second % 2 != 0; });
        ASSERT_EQ(heap.next_ns(is_live), model.empty() ? UINT64_MAX : model.begin()->first);
        heap.change(is_live);  // those that hide behind a live one
        break;
      }
      default: {
        const std::uint64_t due = now + below(random, 300);
        heap.push({due, slot, 0});
        model.emplace(due, slot++);
        break;
      }
    }
    ASSERT_EQ(heap.size(), model.size());
  }
}

TEST(due_heap, equal_times_come_in_an_order_of_the_seed) {
  const auto order = [](std::uint64_t seed) {
    due_heap heap(seed);
    for (std::uint32_t i = 0; i < 50; ++i) heap.push({7, i, 1});
    std::vector<std::uint32_t> slots;
    heap.step(7, [&](std::span<const timer_entry> due) { slots.push_back(due[0].slot); });
    return slots;
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
}

}  // namespace
}  // namespace pawl
