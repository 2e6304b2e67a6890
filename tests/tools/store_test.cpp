// `pawl store`, `pawl jobs` and `pawl dead`, on stores that a real scheduler has made.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "pawl_process.hpp"
#include "stored_jobs.hpp"

namespace pawl_tests {
namespace {

using json = nlohmann::json;

std::vector<json> objects_of(const process_end& end) {
  std::vector<json> objects;
  for (const std::string& line : lines_of(end.output)) objects.push_back(json::parse(line));
  return objects;
}

// A job that is dead, one that waits and one that is due tomorrow; closed.
class store : public ::testing::Test {
 protected:
  store() {
    store_.open(true);
    dead_ = store_.submit_dying("bye");
    store_.wait_for_dead(1);
    store_.close();
    store_.open();
    ready_ = store_.submit("mail", "hello\x1b[2J");
    later_ = store_.submit("letters", std::string("\0\xff", 2), {.after = std::chrono::hours(24)});
    store_.close();
  }
  static std::string id(std::uint64_t value) { return std::to_string(value); }

  stored_jobs store_;
  std::uint64_t dead_ = 0;
  std::uint64_t ready_ = 0;
  std::uint64_t later_ = 0;
};

TEST_F(store, info_tells_what_it_holds) {
  const json told = objects_of(store_.run({"store", "info", "-o", "jsonl"})).at(0);
  EXPECT_EQ(told.at("ready"), 1);
  EXPECT_EQ(told.at("scheduled"), 1);
  EXPECT_EQ(told.at("dead"), 1);
  EXPECT_EQ(told.at("epoch"), 2);
  EXPECT_EQ(told.at("format"), "1.0");
  EXPECT_EQ(told.at("closed"), true);
  EXPECT_EQ(told.at("open_by"), nullptr);
  EXPECT_EQ(told.at("segment_bytes"), 262'144);
  EXPECT_EQ(told.at("directory_id").get<std::string>().size(), 32u);
  std::vector<std::string> queues;
  for (const json& queue : told.at("queues")) {
    queues.push_back(queue.at("queue").get<std::string>() + ' ' + queue.at("ready").dump() + ' ' +
                     queue.at("scheduled").dump() + ' ' + queue.at("dead").dump());
  }
  EXPECT_EQ(queues, (std::vector<std::string>{"mail 1 0 1", "letters 0 1 0"}));
  const process_end sheet = store_.run({"store", "info"});
  EXPECT_TRUE(contains(sheet.output, "\n  queue=mail ready=1 scheduled=0 dead=1 oldest="))
      << sheet.output;
}

TEST_F(store, jobs_are_listed_by_state_queue_kind_and_id) {
  const auto ids = [&](words more) {
    words all{"jobs", "ls", "-q", "-o", "jsonl"};
    all.insert(all.end(), more.begin(), more.end());
    const process_end end = store_.run(all);
    EXPECT_EQ(end.exit_code, 0) << end.errors;
    words found;
    for (const json& job : objects_of(end)) found.push_back(job.at("id"));
    return found;
  };
  EXPECT_EQ(ids({}), (words{id(ready_), id(later_)}));
  EXPECT_EQ(ids({"--state", "ready"}), words{id(ready_)});
  EXPECT_EQ(ids({"--state", "scheduled"}), words{id(later_)});
  EXPECT_EQ(ids({"--state", "dead"}), words{id(dead_)});
  EXPECT_EQ(ids({"--queue", "letters"}), words{id(later_)});
  EXPECT_EQ(ids({"--kind", "die/1"}), words{});
  EXPECT_EQ(ids({"--id", id(ready_)}), words{id(ready_)});
  EXPECT_EQ(ids({"--limit", "1"}), words{id(ready_)});
  EXPECT_EQ(ids({"--since", "1h"}).size(), 2u);
  EXPECT_EQ(ids({"--until", "1h"}), words{});
}

TEST_F(store, jobs_are_a_table) {
  const words lines = lines_of(store_.run({"jobs", "ls", "--payload"}).output);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].substr(0, 76),
            "            ID  STATE      QUEUE         KIND              PRIORITY  ATTEMPT");
  EXPECT_TRUE(
      contains(lines[1], id(ready_) + "  ready      mail          note/1            normal  "))
      << lines[1];
  EXPECT_TRUE(lines[1].ends_with("  \"hello\\x1b[2J\"")) << lines[1];
  EXPECT_TRUE(contains(lines[2], id(later_) + "  scheduled  letters ")) << lines[2];
  EXPECT_TRUE(lines[2].ends_with("  \"\\x00\\xff\"")) << lines[2];
}

TEST_F(store, a_job_is_shown_with_its_payload_if_asked) {
  const process_end end = store_.run({"jobs", "show", id(ready_)});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_TRUE(end.output.starts_with("id             " + id(ready_) + "\nstate          ready\n"))
      << end.output;
  EXPECT_FALSE(contains(end.output, "hello"));
  const json job =
      objects_of(store_.run({"jobs", "show", id(later_), "--payload", "-o", "jsonl"})).at(0);
  EXPECT_EQ(job.at("payload_hex"), "00ff");
  EXPECT_EQ(job.at("state"), "scheduled");
}

TEST_F(store, a_dead_job_is_shown_with_its_errors) {
  const words lines = lines_of(store_.run({"dead", "ls"}).output);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(contains(lines[1], "exhausted    mail          die/1  ")) << lines[1];
  EXPECT_TRUE(lines[1].ends_with("  \"no such \\x1b[2J host\"")) << lines[1];
  const json job =
      objects_of(store_.run({"dead", "show", id(dead_), "-o", "jsonl", "--payload"})).at(0);
  EXPECT_EQ(job.at("cause"), "exhausted");
  EXPECT_EQ(job.at("payload"), "bye");
  EXPECT_EQ(job.at("errors").at(0).at("kind"), 7);
  EXPECT_EQ(job.at("errors").at(0).at("text"), "no such \x1b[2J host");
  EXPECT_EQ(store_.run({"jobs", "show", id(dead_)}).exit_code, 0);
}

TEST_F(store, who_is_not_there_is_not_found) {
  const process_end end = store_.run({"jobs", "show", "77"});
  EXPECT_EQ(end.exit_code, 3);
  EXPECT_EQ(end.output, "");
  EXPECT_TRUE(
      contains(end.errors, "pawl: there is no job 77: it was never here, or it has ended\n"));
  EXPECT_EQ(store_.run({"dead", "show", id(ready_)}).exit_code, 3);
  EXPECT_EQ(store_.run({"jobs", "show", "x"}).exit_code, 2);
  EXPECT_EQ(store_.run({"jobs", "show"}).exit_code, 2);
  EXPECT_EQ(store_.run({"jobs", "ls", "--state", "sad"}).exit_code, 2);
}

TEST_F(store, check_finds_nothing_in_a_sound_one) {
  const process_end end = store_.run({"store", "check"});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(end.output, "");
  EXPECT_TRUE(contains(end.errors, "pawl: sound, 0 findings\n")) << end.errors;
}

TEST_F(store, check_finds_strangers_and_open_doors_and_no_fault_with_spares) {
  std::ofstream(store_.path() + "/a\x1b[2Jb") << "x";
  std::ofstream(store_.path() + "/spare-0000000000000009.seg") << "x";
  std::filesystem::permissions(store_.path(), std::filesystem::perms(0777));
  const process_end end = store_.run({"store", "check"});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  for (const char* part :
       {"warning  .                                    -  others may write into",
        "note     \"a\\x1b[2Jb\"                          -  no file of a store"}) {
    EXPECT_TRUE(contains(end.output, part)) << part << '\n' << end.output;
  }
  EXPECT_FALSE(contains(end.output, "spare")) << end.output;
}

TEST_F(store, check_finds_damage) {
  const std::string file = store_.segments().back();
  overwrite(file, 4'096 + 90, "\xee\xee");
  const process_end end = store_.run({"store", "check", "-o", "jsonl"});
  EXPECT_EQ(end.exit_code, 5);
  const json found = objects_of(end).back();
  EXPECT_EQ(found.at("level"), "damage");
  EXPECT_EQ(found.at("file"), std::filesystem::path(file).filename().string());
  EXPECT_EQ(found.at("offset"), 4'096);
  EXPECT_EQ(store_.run({"jobs", "ls"}).exit_code, 5);
  EXPECT_EQ(store_.run({"store", "info"}).exit_code, 5);
}

TEST_F(store, one_that_is_open_is_told_and_stays_so) {
  store_.open();
  const process_end end = store_.run({"store", "info", "-o", "jsonl"});
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(objects_of(end).at(0).at("open_by"), ::getpid());
  EXPECT_EQ(objects_of(end).at(0).at("closed"), false);
  store_.close();
  EXPECT_EQ(objects_of(store_.run({"store", "info", "-o", "jsonl"})).at(0).at("open_by"), nullptr);
}

}  // namespace
}  // namespace pawl_tests
