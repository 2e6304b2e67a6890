// All twelve cases, each against the sentence of FORMAT.md that it stands for.
#include "persistence/tail_table.hpp"

#include <gtest/gtest.h>

namespace pawl {
namespace {

TEST(tail_table, every_case_has_its_decision) {
  for (const bool is_there : {false, true}) {
    for (const next_epoch next : {next_epoch::none, next_epoch::has_it, next_epoch::left_it_out}) {
      for (const bool was_durable : {false, true}) {
        const tail_decision d = decide_tail({is_there, next, was_durable});
        // What the next epoch left out is over, whatever stands there.
        if (next == next_epoch::left_it_out) {
          EXPECT_EQ(d, tail_decision::end_of_epoch);
        } else if (is_there) {
          EXPECT_EQ(d, tail_decision::take);
        } else if (next == next_epoch::has_it || was_durable) {
          EXPECT_EQ(d, tail_decision::damage) << "what is durable is missing";
        } else {
          EXPECT_EQ(d, tail_decision::end_of_log);
        }
      }
    }
  }
}

TEST(tail_table, rows_are_those_of_the_page) {
  using enum tail_row;
  EXPECT_EQ(tail_row_of({true, next_epoch::none, false}), A);
  EXPECT_EQ(tail_row_of({true, next_epoch::has_it, false}), A);
  EXPECT_EQ(tail_row_of({true, next_epoch::left_it_out, false}), B);
  EXPECT_EQ(tail_row_of({false, next_epoch::has_it, true}), C);
  EXPECT_EQ(tail_row_of({false, next_epoch::left_it_out, true}), D);
  EXPECT_EQ(tail_row_of({false, next_epoch::none, true}), E);
  EXPECT_EQ(tail_row_of({false, next_epoch::none, false}), F);
}

}  // namespace
}  // namespace pawl
