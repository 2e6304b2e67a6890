// Records as version 1.0 of the format writes them: golden/records-1.0.bin, and beside it their text. Every
// later release reads these bytes as that text and, as long as it writes 1.0, writes that text as these bytes.
// The files were written once, by
//
//   PAWL_GOLDEN_TO=DIR bin/pawl_persistence_tests --gtest_filter='record_golden.*'
//
// which also writes each record to a file of its own, DIR/record-NN: seeds for fuzz/corpus/record.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "persistence/record_coding.hpp"
#include "persistence/record_text.hpp"

namespace pawl {
namespace {

using test::coded;

struct golden_record {
  any_record record;
  more group = more::no;
};

// Every kind, every field of it, and every enumerator that stands in one.
const std::array<submitted_job, 1> one_job{submitted_job{{0x1000000001}, 1, as_bytes("payload")}};
const std::array<submitted_job, 3> three_jobs{submitted_job{{0x1000000002}, 3, as_bytes("a")},
                                              submitted_job{{0x2000000002}, 5, {}},
                                              submitted_job{{0x3000000007}, 7, as_bytes("ccc")}};
const std::array<ended_job, 2> two_ended{ended_job{{0x1000000001}, 4},
                                         ended_job{{0x2000000002}, 9}};
const std::array<purged_job, 1> one_purged{purged_job{{0x3000000007}, 12}};
const std::array<crashed_job, 2> two_crashed{crashed_job{{0x1000000001}, 2, true},
                                             crashed_job{{0x2000000002}, 3, false}};
const std::array<attempt_error, 2> two_errors{attempt_error{3, 1'000, 1, 2, "no answer"},
                                              attempt_error{6, 2'000, 2, 0xfffe, ""}};

submit_extras every_extra() {
  submit_extras x;
  x.due = clock_time{clock_name::wall, 1'700'000'000'000'000'000};
  x.expires_ns = 11;
  x.run_timeout_ns = 12;
  x.backoff = backoff::table({duration(1), duration(20), duration(300)}, jitter::decorrelated);
  x.unique = {
      {0x0102030405060708, 0x1112131415161718}, unique_scope::scheduler, unique_until::started, 13};
  x.tenant = 4;
  x.lane = {"account 4711", 14};
  x.deadline_ns = 15;
  x.exact_priority = -16;
  x.parent = {{0x1000000001}, 17};
  x.tag = 5;
  x.trace.emplace();
  x.trace->trace.fill(std::byte{0xaa});
  x.trace->span.fill(std::byte{0xbb});
  x.trace->flags = 1;
  return x;
}

void add_submits(std::vector<golden_record>& all) {
  submit_record x;
  x.common = {1, 2, priority::critical, 3, 4, 5, 6};
  x.jobs = one_job;
  all.push_back({x});
  x.common.priority = priority::idle;
  x.jobs = three_jobs;
  x.extras = every_extra();
  all.push_back({x, more::yes});  // with the cursor behind it
  all.push_back({cursor_record{3, 77, as_bytes("line 12")}});
  x.jobs = one_job;
  for (const backoff& b : {backoff::fixed(duration(5)), backoff::linear(duration(6), duration(7)),
                           backoff::exponential(duration(8), 3, duration(9), jitter::full)}) {
    x.extras = {};
    x.extras.backoff = b;
    all.push_back({x});
  }
  x.extras = {};
  x.extras.unique = {{1, 2}, unique_scope::queue, unique_until::finished, 0};
  x.extras.due = clock_time{clock_name::boot, 18};
  all.push_back({x});
  x.extras.unique->scope = unique_scope::kind;
  all.push_back({x});
}

void add_outcomes(std::vector<golden_record>& all) {
  for (unsigned how = 0; how <= 2; ++how) {
    all.push_back({ended_record{static_cast<ended_record::way>(how), two_ended}});
  }
  attempt_state s{{0x1000000001}, 6, 2, 1, 0, 3'000, two_errors};
  for (unsigned cause = 0; cause <= 5; ++cause) {
    all.push_back({again_record{s, static_cast<again_record::why>(cause), {clock_name::boot, 19}}});
  }
  s.errors = {};
  all.push_back({again_record{s, again_record::why::yield, {}}});
  for (unsigned cause = 1; cause <= 8; ++cause) {
    all.push_back({died_record{s, static_cast<dead_cause>(cause)}});
  }
  s.errors = two_errors;
  all.push_back({died_record{s, dead_cause::exhausted}});
  all.push_back({result_record{{0x1000000001}, 4, as_bytes("42")}, more::yes});
  all.push_back({ended_record{ended_record::way::completed, two_ended}});
  all.push_back({crashed_record{two_crashed}});
}

void add_verbs(std::vector<golden_record>& all) {
  all.push_back({change_record{{0x1000000001}, 5, clock_time{clock_name::wall, 20}, {}, {}}});
  all.push_back({change_record{{0x1000000001}, 6, {}, priority::low, {}}});
  all.push_back({change_record{{0x1000000001}, 7, {}, {}, 2u}});
  all.push_back({change_record{{0x1000000001}, 8, clock_time{}, priority::high, 2u}});
  all.push_back({requeued_record{{0x1000000001}, 9, priority::bulk}});
  all.push_back({purged_record{one_purged}});
}

void add_settings(std::vector<golden_record>& all) {
  const limits_setting limits{8, 100, 1'000'000'000, 10};
  using part = scope::part;
  const setting_record settings[] = {
      {part::scheduler, 0, "", 1, paused_setting{true, 21}},
      {part::lane, 1, "account 4711", 2, paused_setting{false, 0}},
      {part::tenant, 4, "", 3, intake_setting{true}},
      {part::kind, 2, "", 4, limits},
      {part::queue, 1, "", 5, bounds_setting{1'000, 22, when_full::shed, 23}},
      {part::queue, 1, "", 6, share_setting{7}},
      {part::queue, 1, "", 7, durability_setting{durability_setting::level::relaxed, true}},
      {part::queue, 1, "", 8, order_setting{order_setting::by::tenants}},
      {part::queue, 1, "", 9, lanes_setting{limits, on_failure::skip}},
      {part::queue, 1, "", 10, retry_budget_setting{24}},
      {part::queue, 1, "", 11, kept_setting{25, 100'000}},
      {part::queue, 1, "", 12, unknown_setting{60'000, as_bytes("later")}}};
  for (const setting_record& x : settings) all.push_back({x});
}

std::vector<golden_record> golden_records() {
  std::vector<golden_record> all;
  for (unsigned space = 1; space <= 5; ++space) {
    all.push_back({name_record{static_cast<name_record::of>(space), space, "mail.send/1"}});
  }
  add_submits(all);
  add_outcomes(all);
  add_verbs(all);
  all.push_back({key_record{{1, 2}, 3, key_record::held::free, {}, 0}});
  all.push_back({key_record{{1, 2}, 4, key_record::held::by_job, {0x1000000001}, 0}});
  all.push_back({key_record{{1, 2}, 5, key_record::held::until_time, {0x1000000001}, 26}});
  add_settings(all);
  all.push_back({floor_record{1'024}});
  for (unsigned how = 0; how <= 2; ++how) {
    all.push_back({opened_record{2, 27, 28, 29, static_cast<opened_record::before>(how)}});
  }
  all.push_back({note_record{"a note"}});
  all.push_back({closed_record{2}});
  return all;
}

std::string line(const any_record& x, more m) {
  return test::record_text::of(x) + (m == more::yes ? " more\n" : "\n");
}

std::string bytes_of(const std::vector<golden_record>& all) {
  std::string bytes;
  for (const golden_record& g : all) bytes += as_text(coded(g.record, g.group));
  return bytes;
}
std::string text_of(const std::vector<golden_record>& all) {
  std::string text;
  for (const golden_record& g : all) text += line(g.record, g.group);
  return text;
}

std::string read_file(const std::string& name) {
  std::ifstream file(PAWL_GOLDEN_FOLDER "/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void write_files(const std::string& folder) {
  const auto write = [&folder](const std::string& name, const std::string& content) {
    std::ofstream(folder + "/" + name, std::ios::binary) << content;
  };
  const auto all = golden_records();
  write("records-1.0.bin", bytes_of(all));
  write("records-1.0.txt", text_of(all));
  for (std::size_t i = 0; i < all.size(); ++i)
    write("record-" + std::to_string(i), bytes_of({all[i]}));
}

TEST(record_golden, is_read_as_it_was_written) {
  if (const char* folder = std::getenv("PAWL_GOLDEN_TO")) write_files(folder);
  const std::string bytes = read_file("records-1.0.bin");
  std::string text;
  record_walk walk(as_bytes(bytes));
  while (const auto record = walk.next()) {
    const auto x = decode(*record);
    ASSERT_TRUE(x) << x.error().where << " at " << walk.offset();
    text += line(*x, record->more);
    EXPECT_EQ(as_text(coded(*x, record->more)), as_text(record->bytes));
  }
  EXPECT_TRUE(walk.end());
  EXPECT_EQ(text, read_file("records-1.0.txt"));
}

TEST(record_golden, is_written_as_it_was) {
  const auto all = golden_records();
  EXPECT_EQ(text_of(all), read_file("records-1.0.txt"));
  EXPECT_TRUE(bytes_of(all) == read_file("records-1.0.bin"));
}

}  // namespace
}  // namespace pawl
