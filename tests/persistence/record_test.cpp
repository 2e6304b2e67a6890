#include "persistence/record_any.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "persistence/record_coding.hpp"
#include "persistence/record_maker.hpp"
#include "persistence/record_text.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::coded;
using test::record_text;

// Random records of each kind: written, they are as long as was said; read, they have the same fields; written
// again, they are the same bytes.
TEST(record, what_was_written_is_read) {
  const std::uint64_t seed = test::fresh_seed();
  test::random_source random(seed);
  for (const record_kind kind : test::all_record_kinds) {
    for (int i = 0; i < test::scaled(400); ++i) {
      test::record_maker maker(random());
      const any_record x = maker.make(kind);
      ASSERT_EQ(kind_of(x), kind);
      const more m = i % 2 == 0 ? more::no : more::yes;
      const test::byte_vector bytes = coded(x, m);
      ASSERT_EQ(bytes.size(), encoded_bytes(x)) << record_text::of(x);

      record_walk walk(bytes);
      const auto record = walk.next();
      ASSERT_TRUE(record) << record_text::of(x);
      EXPECT_EQ(record->kind, kind);
      EXPECT_EQ(record->more, m);
      const auto read = decode(*record);
      ASSERT_TRUE(read) << read.error().where << ": " << record_text::of(x);
      ASSERT_EQ(record_text::of(*read), record_text::of(x));
      ASSERT_EQ(as_text(coded(*read, m)), as_text(bytes)) << record_text::of(x);
      EXPECT_FALSE(walk.next());
    }
  }
}

// Jobs without extras have a way of their own, to the same bytes.
TEST(record, a_plain_submit_is_a_submit) {
  const std::array<std::byte, 64> payload{std::byte{1}};
  const std::array<submitted_job, 2> jobs{submitted_job{{7}, 8, payload},
                                          submitted_job{{9}, 1, {}}};
  submit_record x;
  x.common = {1, 2, priority::high, 3, 4, 5, 6};
  x.jobs = jobs;
  test::byte_vector bytes(encoded_bytes(x.common, x.jobs));
  byte_writer w(bytes);
  encode(x.common, x.jobs, more::yes, w);
  EXPECT_EQ(w.size(), bytes.size());
  EXPECT_EQ(as_text(bytes), as_text(coded(x, more::yes)));
  EXPECT_EQ(bytes.size(), 8 + 24 + 20 + 64 + 20u);
}

// The largest records there may be.
TEST(record, the_largest_fit) {
  const std::string large(record_bytes_max - 8 - 24 - 20, 'x');
  const std::array<submitted_job, 1> job{submitted_job{{1}, 1, as_bytes(large)}};
  submit_record x;
  x.common.queue = 1;
  x.common.kind = 1;
  x.jobs = job;
  EXPECT_EQ(encoded_bytes(x), record_bytes_max);
  EXPECT_TRUE(test::decoded(coded(x)));

  const std::vector<crashed_job> many(record_items_max, crashed_job{{1}, 2, true});
  const auto read = test::decoded(coded(crashed_record{many}));
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<crashed_record>(*read).jobs.size(), record_items_max);
}

TEST(record, each_kind_has_a_name_of_its_own) {
  for (const record_kind a : test::all_record_kinds) {
    EXPECT_NE(name(a), "?");
    for (const record_kind b : test::all_record_kinds) EXPECT_EQ(a == b, name(a) == name(b));
  }
  EXPECT_EQ(name(record_kind{}), "?");
  EXPECT_EQ(name(record_kind{18}), "?");
}

TEST(record_death, lengths_that_do_not_fit_are_mistakes) {
  const std::string text(70'000, 'x');
  EXPECT_DEATH(coded(note_record{text}), "size");
  EXPECT_DEATH(coded(cursor_record{1, 1, as_bytes(text)}), "position_bytes_max");
  EXPECT_DEATH(coded(result_record{{1}, 1, as_bytes(text)}), "value_bytes_max");
  const std::string large(record_bytes_max, 'x');
  const std::array<submitted_job, 1> job{submitted_job{{1}, 1, as_bytes(large)}};
  submit_record x;
  x.jobs = job;
  EXPECT_DEATH(coded(x), "record_bytes_max");
  const std::vector<ended_job> many(record_items_max + 1, ended_job{{1}, 2});
  EXPECT_DEATH(coded(ended_record{{}, many}), "record_items_max");
  const std::array<attempt_error, 1> error{attempt_error{1, 1, 1, 1, text}};
  again_record again;
  again.facts.errors = error;
  EXPECT_DEATH(coded(again), "text_bytes_max");
  const std::array<attempt_error, 5> errors{};
  again.facts.errors = errors;
  EXPECT_DEATH(coded(again), "kept_max");
}

}  // namespace
}  // namespace pawl
