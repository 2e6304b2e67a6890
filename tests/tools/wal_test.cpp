// `pawl wal`, on stores that a real scheduler has made, closed, open or damaged.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "pawl_process.hpp"
#include "stored_jobs.hpp"

namespace pawl_tests {
namespace {

using json = nlohmann::json;

// Times differ from run to run, their length does not.
std::string without_times(const std::string& text) {
  static const std::regex time(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)");
  return std::regex_replace(text, time, "TIME....................");
}

std::vector<json> objects_of(const process_end& end) {
  std::vector<json> objects;
  for (const std::string& line : lines_of(end.output)) objects.push_back(json::parse(line));
  return objects;
}

bool ends_with_seal(const std::string& segment) {
  const std::size_t last = segment.rfind("FRAM");
  return last != segment.npos && last % 4'096 == 0 && (segment[last + 44] & 2) != 0;
}

// Two jobs in a store that was closed in order.
class wal : public ::testing::Test {
 protected:
  wal() {
    store_.open();
    first_ = store_.submit("mail", "hello");
    second_ = store_.submit("letters", "bye\x1b[2J\xff",
                            {.after = std::chrono::hours(24), .lane = "a b\x1b[2J"});
    store_.close();
  }

  stored_jobs store_;
  std::uint64_t first_ = 0;
  std::uint64_t second_ = 0;
};

TEST_F(wal, dump_is_a_table) {
  const process_end end = store_.run({"wal", "dump", "--record", "submit", "--payload"});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  const words lines = lines_of(without_times(end.output));
  ASSERT_EQ(lines.size(), 3u) << end.output;
  EXPECT_EQ(
      lines[0],
      "     LSN  TIME                      RECORD                ID  VERSION  QUEUE       KIND     "
      "   MORE");
  EXPECT_TRUE(contains(lines[1], "TIME....................  submit")) << lines[1];
  EXPECT_TRUE(contains(lines[1], std::to_string(first_) + "        1  mail        note/1 "))
      << lines[1];
  EXPECT_TRUE(contains(lines[1], " priority=normal attempts_max=")) << lines[1];
  EXPECT_TRUE(contains(lines[1], " payload_bytes=5 payload=\"hello\"")) << lines[1];
  EXPECT_TRUE(contains(lines[2], "  letters     note/1 ")) << lines[2];
  EXPECT_TRUE(contains(lines[2], " due=TIME")) << lines[2];
  EXPECT_TRUE(contains(lines[2], " lane=\"a b\\x1b[2J\"")) << lines[2];
  EXPECT_TRUE(contains(lines[2], " payload=\"bye\\x1b[2J\\xff\"")) << lines[2];
  EXPECT_FALSE(contains(end.output, "\x1b"));
  EXPECT_TRUE(contains(end.errors, "pawl: as of LSN ")) << end.errors;
  EXPECT_TRUE(contains(end.errors, "; not open\n")) << end.errors;
}

TEST_F(wal, dump_is_json_without_payloads_unless_asked) {
  const auto rows = objects_of(store_.run({"wal", "dump", "-o", "jsonl", "-q"}));
  std::vector<std::string> kinds;
  for (const json& row : rows) {
    kinds.push_back(row.at("record"));
    EXPECT_FALSE(row.contains("payload"));
  }
  for (const char* kind : {"name", "floor", "opened", "submit", "closed"}) {
    EXPECT_NE(std::find(kinds.begin(), kinds.end(), kind), kinds.end()) << kind;
  }
  EXPECT_EQ(kinds.back(), "closed");
  const auto paid =
      objects_of(store_.run({"wal", "dump", "-o", "jsonl", "--payload", "--record", "submit"}));
  ASSERT_EQ(paid.size(), 2u);
  EXPECT_EQ(paid[0].at("payload"), "hello");
  EXPECT_EQ(paid[0].at("id"), std::to_string(first_));
  EXPECT_EQ(paid[1].at("payload_hex"), "6279651b5b324aff");
  EXPECT_EQ(paid[1].at("lane"), "a b\x1b[2J");
}

TEST_F(wal, dump_filters) {
  const auto count = [&](words more) {
    words all{"wal", "dump", "-q", "-o", "jsonl"};
    all.insert(all.end(), more.begin(), more.end());
    const process_end end = store_.run(all);
    EXPECT_EQ(end.exit_code, 0) << end.errors;
    return lines_of(end.output).size();
  };
  EXPECT_EQ(count({"--id", std::to_string(first_)}), 1u);
  EXPECT_EQ(count({"--queue", "mail"}), 1u);
  EXPECT_EQ(count({"--queue", "nobody"}), 0u);
  EXPECT_EQ(count({"--limit", "2"}), 2u);
  EXPECT_EQ(count({"--since", "2200-01-01"}), 0u);
  EXPECT_EQ(count({"--until", "1h"}), 0u);
  EXPECT_EQ(count({"--since", "1h"}), count({}));
  EXPECT_EQ(count({"--lsn", "..0"}), 0u);
  const auto rows = objects_of(store_.run({"wal", "dump", "-q", "-o", "jsonl"}));
  const std::uint64_t last = rows.back().at("lsn");
  EXPECT_EQ(
      count({"--lsn", std::to_string(last)}) + count({"--lsn", ".." + std::to_string(last - 1)}),
      rows.size());
}

TEST_F(wal, verify_says_what_counts) {
  const process_end end = store_.run({"wal", "verify"});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  for (const char* line : {"result         sound\n", "segments       1\n", "epochs         1\n",
                           "tail           row F: the end of the log, nothing is left out\n",
                           "jobs           2\n", "dead           0\n"}) {
    EXPECT_TRUE(contains(end.output, line)) << line << end.output;
  }
  const json told = objects_of(store_.run({"wal", "verify", "-o", "jsonl"})).at(0);
  EXPECT_EQ(told.at("rows").at(0).at("A"), told.at("frames"));
  EXPECT_EQ(told.at("rows").at(0).at("F"), 1);
  EXPECT_EQ(told.at("records"), objects_of(store_.run({"wal", "dump", "-o", "jsonl"})).size());
}

TEST_F(wal, stat_counts_kinds) {
  std::map<std::string, json> rows;
  for (const json& row : objects_of(store_.run({"wal", "stat", "-o", "jsonl"})))
    rows[row.at("record")] = row;
  EXPECT_EQ(rows.at("submit").at("items"), 2);
  EXPECT_EQ(rows.at("closed").at("count"), 1);
  std::uint64_t bytes = 0;
  for (const auto& [kind, row] : rows) {
    if (kind != "cut") bytes += row.at("bytes").get<std::uint64_t>();
  }
  EXPECT_EQ(rows.at("cut").at("bytes"), bytes);
  EXPECT_EQ(lines_of(store_.run({"wal", "stat"}).output).at(0),
            "RECORD             COUNT         ITEMS           BYTES  BYTES EACH");
}

TEST_F(wal, ls_lists_segments) {
  const words lines = lines_of(without_times(store_.run({"wal", "ls"}).output));
  ASSERT_EQ(lines.size(), store_.segments().size() + 1);
  EXPECT_EQ(
      lines[0],
      "FILE                       EPOCH       BYTES  MADE                      BASE FRAME  BASE "
      "LSN  MORE");
  EXPECT_EQ(
      lines[1],
      "wal-0000000000000001.seg       1      262144  TIME....................           0       "
      "  0  number=1");
}

TEST_F(wal, damage_is_told_with_its_place) {
  const std::string file = store_.segments().at(0);
  const std::string whole = content_of(file);
  // The second frame: what follows it says that it was durable.
  const auto u32_at = [&](std::size_t at) {
    std::uint32_t n = 0;
    std::memcpy(&n, whole.data() + at, sizeof n);
    return n;
  };
  const std::size_t second = 4'096 + u32_at(4'096 + 8);
  overwrite(file, second + 80, "\xee");
  const process_end end = store_.run({"wal", "verify"});
  EXPECT_EQ(end.exit_code, 5) << end.output;
  EXPECT_TRUE(contains(end.output, "result         damaged\n")) << end.output;
  EXPECT_TRUE(contains(end.output, "row E: damage")) << end.output;
  EXPECT_TRUE(contains(end.output, "offset         " + std::to_string(second) + "\n"))
      << end.output;
  EXPECT_TRUE(contains(end.errors,
                       "pawl: corrupt: frame: it is missing or damaged, and was durable "
                       "(wal-0000000000000001.seg, offset " +
                           std::to_string(second) + ", frame 2)\n"))
      << end.errors;
  EXPECT_EQ(store_.run({"wal", "dump"}).exit_code, 5);
  EXPECT_EQ(store_.run({"wal", "tail", "--no-follow"}).exit_code, 5);
}

TEST_F(wal, a_file_that_is_too_short_is_damage) {
  std::filesystem::resize_file(store_.segments().at(0), 100'000);
  const process_end end = store_.run({"wal", "verify"});
  EXPECT_EQ(end.exit_code, 5);
  EXPECT_TRUE(
      contains(end.errors, "segment: its length is wrong (wal-0000000000000001.seg, offset 0)"))
      << end.errors;
  EXPECT_EQ(store_.run({"wal", "ls"}).exit_code, 5);
}

TEST_F(wal, a_torn_tail_is_sound) {
  const json told = objects_of(store_.run({"wal", "verify", "-o", "jsonl"})).at(0);
  const std::string file = store_.segments().at(0);
  const std::string whole = content_of(file);
  // The last frame, which nothing vouches for: the magic of frames tells where it is.
  const std::size_t last = whole.rfind("FRAM");
  ASSERT_EQ(last % 4'096, 0u);
  overwrite(file, last + 72, "\xee");
  const process_end end = store_.run({"wal", "verify", "-o", "jsonl"});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  const json torn = objects_of(end).at(0);
  EXPECT_EQ(torn.at("frames"), told.at("frames").get<std::uint64_t>() - 1);
}

TEST_F(wal, tail_shows_the_last_and_ends) {
  const words all = lines_of(store_.run({"wal", "dump", "-q"}).output);
  const words last =
      lines_of(store_.run({"wal", "tail", "--no-follow", "--limit", "2", "-q"}).output);
  ASSERT_EQ(last.size(), 3u);
  EXPECT_EQ(last[1], all[all.size() - 2]);
  EXPECT_EQ(last[2], all.back());
}

TEST_F(wal, tail_follows_what_is_written_over_an_opening_until_a_signal) {
  store_.open();
  pawl_process tail(
      {"wal", "tail", store_.path(), "-o", "jsonl", "--payload", "--record", "submit"});
  store_.submit("mail", "before");
  EXPECT_TRUE(becomes_true([&] { return contains(tail.output_so_far(), "\"before\""); }));
  store_.close();
  store_.open();
  store_.submit("mail", "after");
  EXPECT_TRUE(becomes_true([&] { return contains(tail.output_so_far(), "\"after\""); }));
  tail.send(SIGTERM);
  const process_end end = tail.wait();
  EXPECT_EQ(end.exit_code, 130) << end.errors;
  std::size_t times = 0;
  for (const json& row : objects_of(end)) times += row.value("payload", "") == "after" ? 1 : 0;
  EXPECT_EQ(times, 1u) << end.output;
  store_.close();
}

TEST_F(wal, a_store_that_is_open_is_read_and_not_touched) {
  store_.open();
  const std::uint64_t third = store_.submit("mail", "third");
  // The log says by a last frame that all is durable, and is then left alone.
  EXPECT_TRUE(becomes_true([&] { return ends_with_seal(content_of(store_.segments().back())); }));
  const std::string before = store_.everything();
  const process_end end = store_.run({"wal", "verify"});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_TRUE(contains(end.errors, "; open by process " + std::to_string(::getpid()) + "\n"))
      << end.errors;
  const process_end dump = store_.run({"wal", "dump", "--id", std::to_string(third)});
  EXPECT_TRUE(contains(dump.output, "submit")) << dump.output << dump.errors;
  EXPECT_TRUE(store_.everything() == before);
  store_.close();
}

TEST(wal_options, mistakes_are_told) {
  const auto errors_of = [](const words& more) {
    const process_end end = run_pawl(more, "");
    EXPECT_EQ(end.exit_code, 2);
    return end.errors;
  };
  EXPECT_TRUE(contains(errors_of({"wal", "dump", "x", "--since", "soon"}),
                       "pawl: --since: \"soon\" is no time, such as "));
  EXPECT_TRUE(contains(errors_of({"wal", "dump", "x", "--lsn", "9..7"}), "\"9..7\" is no range"));
  EXPECT_TRUE(contains(errors_of({"wal", "dump", "x", "--record", "x"}), "is no kind of record"));
  EXPECT_TRUE(contains(errors_of({"wal", "dump", "x", "-o", "xml"}), "neither table nor jsonl"));
  EXPECT_TRUE(contains(errors_of({"wal", "dump"}), "DIR is required"));
  EXPECT_TRUE(contains(errors_of({"wal"}), "Try: pawl wal --help\n"));
}

TEST(wal_options, no_store_is_told) {
  const temporary_folder folder;
  EXPECT_EQ(run_pawl({"wal", "verify", folder.path() + "/none"}, "").exit_code, 3);
  EXPECT_EQ(run_pawl({"wal", "verify", folder.add("file", "x")}, "").exit_code, 4);
  for (const words& verb : {words{"wal", "ls"},
                            {"wal", "dump"},
                            {"wal", "verify"},
                            {"wal", "tail"},
                            {"store", "info"},
                            {"store", "check"},
                            {"jobs", "ls"}}) {
    const process_end end = run_pawl({verb[0], verb[1], folder.path()}, "");
    EXPECT_EQ(end.exit_code, 3) << verb[1];
    EXPECT_EQ(end.errors, "pawl: there is no store: the directory holds no log\n") << verb[1];
  }
}

TEST(wal_options, help_has_examples_and_exit_codes) {
  const process_end end = run_pawl({"help", "wal"}, "");
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(end.output, run_pawl({"wal", "--help"}, "").output);
  EXPECT_TRUE(end.output.starts_with("Examples:\n"));
  EXPECT_TRUE(contains(end.output, "5 damage was found"));
  EXPECT_TRUE(contains(run_pawl({"help"}, "").output,
                       "\n  wal       Looks at the log of a store, record by record.\n"
                       "  store     Looks at a store as a whole.\n"));
}

}  // namespace
}  // namespace pawl_tests
