// Every rule of FORMAT.md, section 4, broken alone in a record that keeps all others, is refused with its name.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "persistence/record_coding.hpp"

namespace pawl {
namespace {

using test::byte_vector;
using test::coded;
using test::set_at;

const std::array<submitted_job, 2> submitted{submitted_job{{7}, 8, as_bytes("abc")},
                                             submitted_job{{9}, 1, {}}};
const std::array<ended_job, 2> ended{ended_job{{7}, 8}, ended_job{{9}, 1}};
const std::array<purged_job, 2> purged{purged_job{{7}, 8}, purged_job{{9}, 1}};
const std::array<crashed_job, 2> crashed{crashed_job{{7}, 8, true}, crashed_job{{9}, 1, false}};
const std::array<attempt_error, 3> three_errors{attempt_error{2, 5, 1, 6, "no"},
                                                attempt_error{4, 6, 2, 6, ""},
                                                attempt_error{8, 7, 3, 6, "oh"}};

submit_record submit() {
  submit_record x;
  x.common = {1, 2, priority::idle, 1, 4, 5, 6};
  x.jobs = submitted;
  return x;
}
submit_record submit_with(void (*set)(submit_extras&)) {
  submit_record x = submit();
  set(x.extras);
  return x;
}
attempt_state state() {
  attempt_state s;
  s.id = {7};
  s.version = 8;
  s.errors = three_errors;
  return s;
}
setting_record setting(scope::part part, setting_value value) {
  setting_record x;
  x.part = part;
  x.number = part == scope::part::scheduler ? 0 : 3;
  x.lane = part == scope::part::lane ? "k" : "";
  x.order = 9;
  x.value = value;
  return x;
}

constexpr std::size_t body = record_head_bytes;

// At `offset` of the record stands `value`, `width` bytes of it.
struct broken_rule {
  any_record good;
  std::size_t offset;
  int width;
  std::uint64_t value;
  std::string_view where;
};

std::vector<broken_rule> broken_submits() {
  constexpr std::size_t extras = body + 24;
  const auto retry = submit_with([](submit_extras& e) {
    e.backoff = backoff::table({duration(1), duration(2)});
  });
  const auto unique = submit_with([](submit_extras& e) { e.unique.emplace(); });
  return {
      {submit(), 6, 2, 0, "record.count"},
      {submit(), 6, 2, 1, "record.submit.bytes"},
      {submit(), 6, 2, 3, "record.submit.bytes"},
      {submit(), 5, 1, 0, "record.needed"},
      {submit(), body, 4, 0, "record.submit.queue"},
      {submit(), body + 4, 4, 0, "record.submit.kind"},
      {submit(), body + 8, 1, 8, "record.submit.priority"},
      {submit(), body + 9, 1, 0, "record.submit.attempts_max"},
      {submit(), body + 14, 2, 1u << 12, "record.submit.with"},
      {submit(), body + 14, 2, 1u << 15, "record.submit.with"},
      {submit(), extras, 8, 0, "record.submit.id"},
      {submit(), extras + 23, 8, 0, "record.submit.id"},
      {submit(), extras + 8, 8, std::uint64_t{1} << 48, "record.submit.version"},
      {submit(), extras + 16, 4, 2, "record.submit.bytes"},
      {submit(), extras + 16, 4, 0xffffffff, "record.submit.bytes"},
      {submit_with([](submit_extras& e) { e.due.emplace(); }), extras, 1, 2, "record.submit.due"},
      {retry, extras, 1, 4, "record.submit.backoff.form"},
      {retry, extras + 1, 1, 4, "record.submit.backoff.jitter"},
      {retry, extras + 2, 1, 9, "record.submit.backoff.table"},
      {retry, extras + 2, 1, 0, "record.submit.backoff.table"},
      {retry, extras + 5, 8, UINT64_MAX, "record.submit.backoff.delay"},
      {retry, extras + 13, 8, std::uint64_t{1} << 63, "record.submit.backoff.delay"},
      {retry, extras + 29, 8, UINT64_MAX, "record.submit.backoff.delay"},
      {unique, extras + 16, 1, 3, "record.submit.unique.scope"},
      {unique, extras + 17, 1, 2, "record.submit.unique.until"},
      {submit_with([](submit_extras& e) { e.tenant = 1; }), extras, 4, 0, "record.submit.tenant"},
      {submit_with([](submit_extras& e) {
         e.lane = {"", 1};
       }),
       0, 0, 0, "record.submit.lane"},
      {submit_with([](submit_extras& e) {
         e.parent = {{1}, 1};
       }),
       extras, 8, 0, "record.submit.parent"},
      {submit_with([](submit_extras& e) { e.tag = 1; }), extras, 4, 0, "record.submit.tag"},
  };
}

std::vector<broken_rule> broken_outcomes() {
  constexpr std::size_t due = body + 28, count = body + 37, first = body + 38;
  const again_record again{state(), again_record::why::as_it_was, {}};
  const died_record died{state(), dead_cause::shed};
  std::vector<attempt_error> many(5);
  std::vector<broken_rule> rules{
      {ended_record{{}, ended}, body, 1, 3, "record.ended.how"},
      {ended_record{{}, ended}, body + 1, 8, 0, "record.ended.id"},
      {ended_record{{}, ended}, body + 25, 8, UINT64_MAX, "record.ended.version"},
      {ended_record{{}, ended}, 6, 2, 0, "record.count"},
      {ended_record{{}, ended}, 6, 2, 1, "record.ended.bytes"},
      {ended_record{{}, ended}, 5, 1, 0, "record.needed"},
      {again, body + 16, 1, 6, "record.again.cause"},
      {died, body + 16, 1, 0, "record.died.cause"},
      {died, body + 16, 1, 9, "record.died.cause"},
      {died, due, 1, 1, "record.died.due"},
      {died, due + 1, 8, 1, "record.died.due"},
      {result_record{{7}, 8, as_bytes("abc")}, body, 8, 0, "record.result.id"},
      {result_record{{7}, 8, as_bytes("abc")}, body + 8, 8, UINT64_MAX, "record.result.version"},
      {result_record{{7}, 8, as_bytes("abc")}, body + 16, 4, 2, "record.result.bytes"},
      {result_record{{7}, 8, as_bytes("abc")}, 6, 2, 1, "record.count"},
      {crashed_record{crashed}, body, 8, 0, "record.crashed.id"},
      {crashed_record{crashed}, body + 8, 8, UINT64_MAX, "record.crashed.version"},
      {crashed_record{crashed}, body + 33, 1, 2, "record.crashed.alone"},
      {crashed_record{crashed}, 6, 2, 3, "record.crashed.bytes"},
  };
  for (const any_record& x : {any_record(again), any_record(died)}) {
    const std::string_view length =
        kind_of(x) == record_kind::again ? "record.again.bytes" : "record.died.bytes";
    rules.insert(rules.end(), {
                                  {x, body, 8, 0, "record.attempt.id"},
                                  {x, body + 8, 8, UINT64_MAX, "record.attempt.version"},
                                  {x, due, 1, 2, "record.attempt.due"},
                                  {x, count, 1, 5, "record.attempt.errors"},
                                  {x, count, 1, 4, length},
                                  {x, count, 1, 2, length},
                                  {x, first, 8, UINT64_MAX, "record.attempt.error.version"},
                                  {x, first, 8, 4, "record.attempt.error.version"},
                                  {x, first, 8, 9, "record.attempt.error.version"},
                                  {x, first + 19, 2, 4'097, length},
                                  {x, body + 8, 8, 7, "record.attempt.error.version"},
                              });
  }
  return rules;
}

std::vector<broken_rule> broken_verbs_and_names() {
  const change_record change{{7}, 8, clock_time{}, priority::idle, 3u};
  const requeued_record requeued{{7}, 8, priority::idle};
  const key_record free{{1, 2}, 3, key_record::held::free, {}, 0};
  const key_record held{{1, 2}, 3, key_record::held::by_job, {7}, 0};
  const key_record until{{1, 2}, 3, key_record::held::until_time, {7}, 1};
  const name_record named{name_record::of::tag, 1, "x"};
  const cursor_record cursor{1, 2, as_bytes("abc")};
  return {
      {change, body, 8, 0, "record.change.id"},
      {change, body + 8, 8, UINT64_MAX, "record.change.version"},
      {change, body + 16, 1, 8, "record.change.with"},
      {change_record{{7}, 8, {}, {}, {}}, 0, 0, 0, "record.change.with"},
      {change, body + 17, 1, 2, "record.change.due"},
      {change, body + 26, 1, 8, "record.change.priority"},
      {change, body + 27, 4, 0, "record.change.queue"},
      {change, body + 16, 1, 3, "record.change.bytes"},
      {requeued, body, 8, 0, "record.requeued.id"},
      {requeued, body + 8, 8, UINT64_MAX, "record.requeued.version"},
      {requeued, body + 16, 1, 8, "record.requeued.priority"},
      {requeued, 6, 2, 1, "record.count"},
      {requeued, 5, 1, 0, "record.needed"},
      {purged_record{purged}, body + 16, 8, 0, "record.purged.id"},
      {purged_record{purged}, body + 24, 8, UINT64_MAX, "record.purged.version"},
      {purged_record{purged}, 6, 2, 1, "record.purged.bytes"},
      {named, body, 1, 0, "record.name.space"},
      {named, body, 1, 6, "record.name.space"},
      {named, body + 1, 4, 0, "record.name.number"},
      {name_record{name_record::of::tag, 1, ""}, 0, 0, 0, "record.name.text"},
      {named, body + 5, 2, 2, "record.name.bytes"},
      {free, body + 24, 1, 3, "record.key.state"},
      {free, body + 24, 1, 1, "record.key.holder"},
      {free, body + 25, 8, 1, "record.key.holder"},
      {free, body + 33, 8, 1, "record.key.until"},
      {held, body + 25, 8, 0, "record.key.holder"},
      {until, body + 25, 8, 0, "record.key.holder"},
      {until, body + 33, 8, 0, "record.key.until"},
      {cursor, body, 4, 0, "record.cursor.source"},
      {cursor, body + 12, 2, 2, "record.cursor.bytes"},
      {floor_record{1}, 6, 2, 1, "record.count"},
      {floor_record{1}, 5, 1, 0, "record.needed"},
      {opened_record{1, 2, 3, 4, {}}, body, 8, 0, "record.opened.epoch"},
      {opened_record{1, 2, 3, 4, {}}, body + 32, 1, 3, "record.opened.how"},
      {opened_record{1, 2, 3, 4, {}}, 5, 1, 1, "record.needed"},
      {closed_record{1}, body, 8, 0, "record.closed.epoch"},
      {note_record{"abc"}, body, 2, 2, "record.note.bytes"},
      {note_record{"abc"}, body, 2, 4, "record.note.bytes"},
      {note_record{"abc"}, 5, 1, 1, "record.needed"},
  };
}

std::vector<broken_rule> broken_settings() {
  using part = scope::part;
  constexpr std::size_t what = body + 7, value = what + 14;
  const auto all = [](setting_value v) { return setting(part::scheduler, v); };
  const any_record queue = setting(part::queue, share_setting{1});
  std::vector<broken_rule> rules{
      {queue, body, 1, 5, "record.setting.part"},
      {queue, body, 1, 0, "record.setting.number"},
      {queue, body + 1, 4, 0, "record.setting.number"},
      {queue, body, 1, 4, "record.setting.lane"},
      {setting(part::lane, intake_setting{}), body, 1, 1, "record.setting.lane"},
      {queue, what, 2, 0, "record.setting.what"},
      {queue, 5, 1, 0, "record.needed"},
      {queue, what + 10, 4, 3, "record.setting.bytes"},
      {queue, what + 10, 4, 5, "record.setting.bytes"},
      {all(paused_setting{}), value, 1, 2, "record.setting.paused"},
      {all(paused_setting{true, 5}), value, 1, 0, "record.setting.paused.until"},
      {all(intake_setting{}), value, 1, 2, "record.setting.intake"},
      {all(bounds_setting{}), value + 16, 1, 3, "record.setting.when_full"},
      {all(durability_setting{}), value, 1, 3, "record.setting.durability"},
      {all(durability_setting{}), value + 1, 1, 2, "record.setting.strict_start"},
      {all(order_setting{}), value, 1, 4, "record.setting.order_by"},
      {all(lanes_setting{}), value + 20, 1, 3, "record.setting.on_failure"},
  };
  // A value of another length than its `what` has.
  for (const std::uint16_t other : std::initializer_list<std::uint16_t>{1, 2, 3, 4, 6, 7, 8, 10}) {
    rules.push_back({queue, what, 2, other, "record.setting.value"});
  }
  rules.push_back({all(kept_setting{}), what, 2, 9, "record.setting.value"});
  return rules;
}

TEST(record_rules, each_one_broken_is_refused_by_its_name) {
  std::size_t count = 0;
  for (const auto& rules :
       {broken_submits(), broken_outcomes(), broken_verbs_and_names(), broken_settings()}) {
    for (const broken_rule& rule : rules) {
      byte_vector bytes = coded(rule.good);
      if (rule.width == 1) set_at(bytes, rule.offset, static_cast<std::uint8_t>(rule.value));
      if (rule.width == 2) set_at(bytes, rule.offset, static_cast<std::uint16_t>(rule.value));
      if (rule.width == 4) set_at(bytes, rule.offset, static_cast<std::uint32_t>(rule.value));
      if (rule.width == 8) set_at(bytes, rule.offset, rule.value);
      if (rule.width != 0) {
        EXPECT_TRUE(test::decoded(coded(rule.good))) << rule.where;
      }
      const auto read = test::decoded(bytes);
      ASSERT_FALSE(read) << count << ": " << rule.where;
      EXPECT_EQ(read.error().where, rule.where) << count << ": offset " << rule.offset;
      EXPECT_EQ(read.error().code, errc::corrupt) << rule.where;
      ++count;
    }
  }
  std::printf("%zu broken rules\n", count);
}

// Lengths that the writer would not write, so they are made by hand.
TEST(record_rules, texts_and_values_have_their_bounds) {
  const auto grown = [](any_record x, std::size_t length_at, int width, std::size_t by) {
    byte_vector bytes = coded(x);
    bytes.resize(bytes.size() + by);
    set_at(bytes, 0, static_cast<std::uint32_t>(bytes.size()));
    if (width == 2) set_at(bytes, length_at, static_cast<std::uint16_t>(by));
    if (width == 4) set_at(bytes, length_at, static_cast<std::uint32_t>(by));
    return bytes;
  };
  const auto cursor = [&](std::size_t n) {
    return grown(cursor_record{1, 2, {}}, body + 12, 2, n);
  };
  EXPECT_TRUE(test::decoded(cursor(1'024)));
  EXPECT_EQ(test::decoded(cursor(1'025)).error().where, "record.cursor.position");
  const auto value = [&](std::size_t n) {
    return grown(result_record{{7}, 8, {}}, body + 16, 4, n);
  };
  EXPECT_TRUE(test::decoded(value(65'536)));
  EXPECT_EQ(test::decoded(value(65'537)).error().where, "record.result.value");
  const std::array<attempt_error, 1> error{};
  again_record again{state(), {}, {}};
  again.facts.errors = error;
  const auto text = [&](std::size_t n) { return grown(again, body + 38 + 19, 2, n); };
  EXPECT_TRUE(test::decoded(text(4'096)));
  EXPECT_EQ(test::decoded(text(4'097)).error().where, "record.attempt.error.text");
}

// A setting of a later release: kept as it is, or refused if it must be known.
TEST(record_rules, a_later_setting_is_kept_unless_it_is_needed) {
  byte_vector bytes = coded(setting(scope::part::queue, unknown_setting{11, as_bytes("later")}));
  const auto kept = test::decoded(bytes);
  ASSERT_TRUE(kept);
  const auto& value = std::get<setting_record>(*kept).value;
  EXPECT_EQ(what_is_set(value), 11);
  EXPECT_EQ(as_text(std::get<unknown_setting>(value).value), "later");
  EXPECT_EQ(as_text(coded(*kept)), as_text(bytes));

  set_at(bytes, 5, std::uint8_t{1});
  const auto needed = test::decoded(bytes);
  ASSERT_FALSE(needed);
  EXPECT_EQ(needed.error().code, errc::version);
  EXPECT_EQ(needed.error().where, "record.setting.what");
}

}  // namespace
}  // namespace pawl
