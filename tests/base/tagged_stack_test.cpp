// The free list. Methods: against a std::vector on one thread; threads that pop, own and push.
#include "base/tagged_stack.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::on_threads;
using test::scaled;

struct vector_links {
  std::vector<atomic<std::uint32_t>>* all;
  atomic<std::uint32_t>& operator()(std::uint32_t index) const { return (*all)[index]; }
};
using stack = tagged_stack<vector_links>;

TEST(tagged_stack, is_last_in_first_out) {
  test::random_source random(test::fresh_seed());
  std::vector<atomic<std::uint32_t>> links(100);
  stack s({&links});
  std::vector<std::uint32_t> model;
  std::vector<std::uint32_t> outside;
  for (std::uint32_t i = 0; i < 100; ++i) outside.push_back(i);
  EXPECT_EQ(s.pop(), stack::none);
  for (int step = 0; step < 20'000; ++step) {
    if (test::one_in(random, 2) && !outside.empty()) {
      s.push(outside.back());
      model.push_back(outside.back());
      outside.pop_back();
    } else {
      const std::uint32_t got = s.pop();
      ASSERT_EQ(got, model.empty() ? stack::none : model.back());
      if (model.empty()) continue;
      model.pop_back();
      outside.push_back(got);
    }
  }
}

TEST(tagged_stack, a_thing_has_one_holder_under_threads) {
  // Few things and many threads, so that the same head comes back all the time (ABA).
  constexpr std::uint32_t things = 5;
  std::vector<atomic<std::uint32_t>> links(things);
  std::vector<atomic<int>> holders(things);
  stack s({&links});
  for (std::uint32_t i = 0; i < things; ++i) s.push(i);
  atomic<int> twice{0};
  on_threads(4, [&](int) {
    for (int i = 0; i < scaled(200'000); ++i) {
      const std::uint32_t a = s.pop();
      const std::uint32_t b = s.pop();
      for (const std::uint32_t x : {a, b}) {
        if (x == stack::none) continue;
        if (holders[x].fetch_add(1) != 0) twice.fetch_add(1);
      }
      for (const std::uint32_t x : {a, b}) {  // in the order that turns them round
        if (x == stack::none) continue;
        holders[x].fetch_sub(1);
        s.push(x);
      }
    }
  });
  EXPECT_EQ(twice.load(), 0);
  std::vector<int> seen(things, 0);
  for (std::uint32_t x = s.pop(); x != stack::none; x = s.pop()) ++seen[x];
  for (const int count : seen) EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace pawl
