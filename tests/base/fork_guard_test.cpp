// A child of fork() knows that it is one. Method: fork, ask on both sides.
#include "base/fork_guard.hpp"

#include <gtest/gtest.h>

#include "support/process.hpp"

namespace pawl {
namespace {

TEST(fork_guard, says_child_in_the_child_and_in_its_children_only) {
  const fork_guard guard;
  ASSERT_TRUE(guard.is_ready());
  EXPECT_FALSE(guard.is_child());
  EXPECT_EQ(test::exit_code_of_child([&] {
              const int grandchild = test::exit_code_of_child([&] { return guard.is_child(); });
              return guard.is_child() && grandchild == 1 ? 1 : 0;
            }),
            1);
  EXPECT_FALSE(guard.is_child());
}

}  // namespace
}  // namespace pawl
