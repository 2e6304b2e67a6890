// Who holds a key and what becomes of a duplicate. Method: all inputs, against the words of
// pawl/unique.hpp said in another way.
#include "policy/unique.hpp"

#include <gtest/gtest.h>

#include <array>

namespace pawl {
namespace {

constexpr std::array all_rules{on_duplicate::reject, on_duplicate::existing, on_duplicate::replace,
                               on_duplicate::keep_last};

bool is_terminal_or_gone(job_state s) {
  return s == job_state::ended || s == job_state::completed || s == job_state::dead ||
         s == job_state::cancelled || s == job_state::expired;
}

TEST(unique_policy, a_key_is_held_in_the_covered_states_and_through_its_ttl_and_never_else) {
  for (std::size_t i = 0; i < job_state_count; ++i) {
    const auto state = static_cast<job_state>(i);
    const bool is_live = !is_terminal_or_gone(state);
    const bool is_inside = state == job_state::running || state == job_state::suspended;
    for (const unique_until until : {unique_until::finished, unique_until::started}) {
      for (const bool has_let_go : {false, true}) {
        for (const bool is_kept : {false, true}) {
          const key_holder h = holder_of(until, has_let_go, is_kept, is_live, state);
          const bool is_covered =
              is_live && !has_let_go && (until == unique_until::finished || !is_inside);
          EXPECT_EQ(h != key_holder::none, is_covered || is_kept) << i;
          EXPECT_EQ(h == key_holder::waits, is_live && !is_inside && !has_let_go) << i;
          EXPECT_FALSE(h == key_holder::started && !is_live) << i;
          EXPECT_FALSE(h == key_holder::ended && is_live) << i;
        }
      }
    }
  }
}

TEST(unique_policy, decides_as_the_table_of_the_header_says) {
  constexpr auto take = key_step::take;
  constexpr auto replace = key_step::replace;
  constexpr auto answer = key_step::answer;
  constexpr auto refuse = key_step::refuse;
  constexpr std::array holders{key_holder::none, key_holder::waits, key_holder::started,
                               key_holder::ended};
  constexpr key_step expected[4][4] = {{take, refuse, refuse, refuse},
                                       {take, answer, answer, answer},
                                       {take, replace, refuse, refuse},
                                       {take, replace, take, refuse}};
  for (std::size_t rule = 0; rule < all_rules.size(); ++rule) {
    for (std::size_t holder = 0; holder < holders.size(); ++holder) {
      EXPECT_EQ(step_of(all_rules[rule], holders[holder]), expected[rule][holder])
          << rule << ' ' << holder;
    }
  }
}

}  // namespace
}  // namespace pawl
