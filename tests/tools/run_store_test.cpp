// `pawl run --store`: the same command, typed again after whatever happened, goes on where it stopped.
//
// Each job appends its line to a file, the oracle, before it ends: what has run, and how often.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "pawl_process.hpp"
#include "stored_jobs.hpp"

namespace pawl_tests {
namespace {

class run_store : public testing::Test {
 protected:
  // `pawl run --store` with a command that tells the oracle of its line and prints "out LINE".
  [[nodiscard]] words command(const words& options = {}, const std::string& then = {}) const {
    words all = {"run", "--store", store(), "-q"};
    all.insert(all.end(), options.begin(), options.end());
    const std::string script = "echo $1 >>" + oracle() + "; " + then + "echo out $1";
    all.insert(all.end(), {"--", "sh", "-c", script, "sh"});
    return all;
  }
  [[nodiscard]] process_end results(const words& options = {}) const {
    words all = {"jobs", "results", store(), "-q"};
    all.insert(all.end(), options.begin(), options.end());
    return run_pawl(all, "");
  }
  // How often each line has run.
  [[nodiscard]] std::map<std::string, int> runs() const {
    std::map<std::string, int> count;
    for (const std::string& line : lines_of(content_of(oracle()))) ++count[line];
    return count;
  }
  [[nodiscard]] std::string store() const { return folder_.path() + "/store"; }
  [[nodiscard]] std::string oracle() const { return folder_.path() + "/oracle"; }

  const temporary_folder folder_;
};

std::string numbers(int from, int to) {
  std::string text;
  for (int i = from; i <= to; ++i) text += std::to_string(i) + '\n';
  return text;
}

std::string outputs(int from, int to) {
  std::string text;
  for (int i = from; i <= to; ++i) text += "out " + std::to_string(i) + '\n';
  return text;
}

std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> members(const std::string& output, std::string_view name) {
  std::vector<std::string> values;
  for (const std::string& line : lines_of(output)) {
    const std::size_t at = line.find("\"" + std::string(name) + "\":") + name.size() + 3;
    values.push_back(line.substr(at, line.find_first_of(",}", at) - at));
  }
  return values;
}

TEST_F(run_store, a_finished_run_typed_again_runs_nothing_and_prints_all) {
  const process_end first = run_pawl(command(), numbers(1, 30));
  EXPECT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_EQ(sorted(lines_of(first.output)), sorted(lines_of(outputs(1, 30))));
  const process_end again = run_pawl(command(), numbers(1, 30));
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_EQ(sorted(lines_of(again.output)), sorted(lines_of(first.output)));
  EXPECT_EQ(sorted(lines_of(results().output)), sorted(lines_of(first.output)));
  EXPECT_EQ(content_of(oracle()).size(), numbers(1, 30).size());
}

TEST_F(run_store, an_input_that_has_grown_goes_on_behind_what_was_read) {
  EXPECT_EQ(run_pawl(command(), numbers(1, 5)).exit_code, 0);
  const process_end end = run_pawl(command({"--keep-order"}), numbers(1, 9));
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(end.output, outputs(1, 9));
  EXPECT_EQ(runs().size(), 9u);
  EXPECT_EQ(runs().at("3"), 1);
}

// Method: it is killed again and again, each time when some more results are there. What the store said
// that it had when it was killed must not have run again when it is killed the next time.
TEST_F(run_store, goes_on_after_every_kill_and_runs_nothing_that_was_done) {
  const std::string wait = "sleep 0.01; ";
  std::vector<std::string> done;
  std::map<std::string, int> before;
  while (done.size() <= 140) {
    const std::size_t wanted = done.size() + 20;
    pawl_process process(command({"-j", "3"}, wait));
    process.write(numbers(1, 200));
    process.close_input();
    ASSERT_TRUE(becomes_true([&] { return lines_of(process.output_so_far()).size() >= wanted; }));
    process.send(SIGKILL);
    EXPECT_EQ(process.wait().signal, SIGKILL);
    const auto now = runs();
    for (const std::string& line : done) {
      const std::string number = line.substr(4);
      EXPECT_EQ(now.at(number), before.at(number)) << line;
    }
    before = now;
    const std::size_t had = done.size();
    done = lines_of(results().output);
    ASSERT_LT(had, done.size());
  }
  const process_end last = run_pawl(command({"--keep-order"}, wait), numbers(1, 200));
  EXPECT_EQ(last.exit_code, 0) << last.errors;
  EXPECT_EQ(last.output, outputs(1, 200));
  EXPECT_EQ(runs().size(), 200u);
  EXPECT_EQ(sorted(lines_of(results().output)), sorted(lines_of(outputs(1, 200))));
}

TEST_F(run_store, jsonl_has_each_id_once_and_each_line_once) {
  {
    pawl_process process(command({"-j", "2", "-o", "jsonl"}, "sleep 0.01; "));
    process.write(numbers(1, 60));
    process.close_input();
    ASSERT_TRUE(becomes_true([&] { return lines_of(process.output_so_far()).size() >= 20; }));
    process.send(SIGKILL);
    process.wait();
  }
  const process_end end = run_pawl(command({"-o", "jsonl"}, "sleep 0.01; "), numbers(1, 60));
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  const auto ids = members(end.output, "id");
  const auto lines = members(end.output, "line");
  EXPECT_EQ(ids.size(), 60u);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 60u);
  EXPECT_EQ(std::set<std::string>(lines.begin(), lines.end()).size(), 60u);
  EXPECT_EQ(sorted(members(results({"-o", "jsonl"}).output, "id")), sorted(ids));
}

TEST_F(run_store, another_input_is_refused_with_its_first_line_that_differs) {
  ASSERT_EQ(run_pawl(command(), "a\nb\nc\n").exit_code, 0);
  const std::string before = content_of(oracle());
  const process_end other = run_pawl(command(), "a\nb\nx\nd\n");
  EXPECT_EQ(other.exit_code, 4);
  EXPECT_EQ(other.output, "");
  EXPECT_TRUE(contains(other.errors, ": line 3 differs from the one that the store has"))
      << other.errors;
  const process_end shorter = run_pawl(command(), "a\nb\n");
  EXPECT_EQ(shorter.exit_code, 4);
  EXPECT_TRUE(contains(shorter.errors, "ends after 2 of the 3 lines")) << shorter.errors;
  EXPECT_EQ(content_of(oracle()), before);
  EXPECT_EQ(run_pawl(command(), "a\nb\nc\n").exit_code, 0);
}

TEST_F(run_store, another_command_is_refused) {
  ASSERT_EQ(run_pawl(command(), "a\n").exit_code, 0);
  for (const words& other : {command({}, ": ; "), command({"--jsonl"}), command({"-0"}),
                             words{"run", "--store", store(), "noop"}}) {
    const process_end end = run_pawl(other, "a\n");
    EXPECT_EQ(end.exit_code, 4) << end.errors;
    EXPECT_TRUE(contains(end.errors, "the store is that of another command")) << end.errors;
  }
  EXPECT_EQ(run_pawl(command({"-j", "1", "--keep-order", "--attempts", "2"}), "a\n").exit_code, 0);
}

TEST_F(run_store, new_throws_away_what_was_there_and_nothing_else) {
  ASSERT_EQ(run_pawl(command(), "a\nb\n").exit_code, 0);
  folder_.add("store/mine", "keep");
  const process_end end = run_pawl(command({"--new"}), "x\n");
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(end.output, "out x\n");
  EXPECT_EQ(results().output, "out x\n");
  EXPECT_EQ(content_of(store() + "/mine"), "keep");
}

TEST_F(run_store, options_that_make_no_sense_together_are_wrong_usage) {
  for (const words& typed :
       {words{"--new"}, words{"--store", ""}, words{"--store", store(), "--memory", "64MB"}}) {
    words all = {"run", "noop"};
    all.insert(all.end(), typed.begin(), typed.end());
    EXPECT_EQ(run_pawl(all, "a\n").exit_code, 2);
  }
}

TEST_F(run_store, a_store_that_is_held_is_refused_with_who_holds_it) {
  pawl_process holder(
      command({}, "while [ ! -e " + folder_.path() + "/go ]; do sleep 0.02; done; "));
  holder.write("a\n");
  ASSERT_TRUE(becomes_true([&] { return content_of(oracle()) == "a\n"; }));
  for (const words& options : {words{}, words{"--new"}}) {
    const process_end end = run_pawl(command(options), "a\n");
    EXPECT_EQ(end.exit_code, 4);
    EXPECT_TRUE(contains(end.errors, "process " + std::to_string(holder.id()) + " has it open"))
        << end.errors;
  }
  // What looks only may look.
  EXPECT_EQ(results().exit_code, 0);
  EXPECT_TRUE(contains(run_pawl({"jobs", "results", store()}, "").errors,
                       "open by process " + std::to_string(holder.id())));
  folder_.add("go", "");
  EXPECT_EQ(holder.wait().exit_code, 0);
}

// Once: what runs may finish. Twice: what runs is ended, and no job dies of that.
TEST_F(run_store, what_ctrl_c_leaves_runs_the_next_time) {
  const std::string go = folder_.path() + "/go";
  const std::string wait = "while [ ! -e " + go + " ]; do sleep 0.02; done; ";
  for (const bool twice : {true, false}) {
    ::unlink(go.c_str());
    ::unlink(oracle().c_str());
    pawl_process process(command({"-j", "2", "--new"}, wait));
    process.write(numbers(1, 8));
    process.close_input();
    ASSERT_TRUE(becomes_true([&] { return runs().size() == 2; }));
    process.send(SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (twice) {
      process.send(SIGINT);
    } else {
      folder_.add("go", "");
    }
    const process_end stopped = process.wait();
    EXPECT_EQ(stopped.exit_code, 130) << stopped.errors;
    EXPECT_EQ(lines_of(stopped.output).size(), twice ? 0u : 2u);
    folder_.add("go", "");
    const process_end end = run_pawl(command({"--keep-order"}, wait), numbers(1, 8));
    EXPECT_EQ(end.exit_code, 0) << end.errors;
    EXPECT_EQ(end.output, outputs(1, 8));
    EXPECT_EQ(runs().at("1"), twice ? 2 : 1);
  }
}

TEST_F(run_store, dead_lines_are_told_again_and_do_not_run_again) {
  const words fails = command({"-o", "jsonl", "--keep-order"}, "[ $1 != 2 ] || exit 3; ");
  const process_end first = run_pawl(fails, numbers(1, 3));
  EXPECT_EQ(first.exit_code, 8);
  const process_end again = run_pawl(fails, numbers(1, 3));
  EXPECT_EQ(again.exit_code, 8) << again.errors;
  EXPECT_EQ(runs().at("2"), 1);
  for (const char* member : {"id", "line", "state", "cause", "attempts", "exit_code", "error"}) {
    EXPECT_EQ(members(again.output, member), members(first.output, member));
  }
  EXPECT_EQ(members(again.output, "state").at(1), "\"dead\"");
}

// Method: the file `starts` has a line for each start. It is killed while the job waits for its next one.
TEST_F(run_store, attempts_count_on_after_a_kill) {
  const std::string starts = folder_.path() + "/starts";
  const auto typed = [&](const std::string& backoff) {
    return command({"--attempts", "3", "--backoff", backoff, "-o", "jsonl"},
                   "echo >>" + starts + "; [ $(wc -l <" + starts + ") = 3 ] || exit 1; ");
  };
  {
    pawl_process process(typed("3s,jitter=none"));
    process.write("a\n");
    ASSERT_TRUE(becomes_true([&] {
      return contains(run_pawl({"jobs", "ls", store(), "-q"}, "").output, "scheduled");
    }));
    process.send(SIGKILL);
    process.wait();
  }
  const process_end end = run_pawl(typed("1ms"), "a\n");
  EXPECT_EQ(end.exit_code, 0) << end.errors;
  EXPECT_EQ(members(end.output, "attempts"), words{"3"});
  EXPECT_EQ(runs().at("a"), 3);
}

// Method: killed while jobs of both forms run, in a queue that the next process hears of from its store only.
TEST_F(run_store, jobs_as_json_go_on_in_their_queues) {
  const std::string go = folder_.path() + "/go";
  const std::string wait =
      "echo $1 >>" + oracle() + "; while [ ! -e " + go + " ]; do sleep 0.02; done; echo out $1";
  const words typed = {"run", "--store", store(), "-q", "--jsonl", "--keep-order", "-j", "2"};
  const auto line = [&](const std::string& word) {
    return R"({"kind":"exec","payload":["sh","-c",")" + wait + R"(","sh",")" + word +
           R"("],"queue":"other","timeout":"1h"})" + '\n';
  };
  const std::string input = line("1") + line("2") + "{\"kind\":\"noop\"}\n" + line("3");
  {
    pawl_process process(typed);
    process.write(input);
    ASSERT_TRUE(becomes_true([&] { return runs().size() == 2; }));
    process.send(SIGKILL);
    process.wait();
  }
  folder_.add("go", "");
  for (int i = 0; i < 2; ++i) {
    const process_end end = run_pawl(typed, input);
    EXPECT_EQ(end.exit_code, 0) << end.errors;
    EXPECT_EQ(end.output, outputs(1, 3));
  }
  EXPECT_EQ(runs().at("1"), 2);
  EXPECT_EQ(runs().at("3"), 1);
  EXPECT_EQ(sorted(lines_of(results().output)), lines_of(outputs(1, 3)));
}

TEST_F(run_store, refused_lines_are_refused_again) {
  const std::string job = R"({"kind":"exec","payload":["echo","x"]})";
  const words again = {"run", "--store", store(), "--jsonl", "--keep-order", "-o", "jsonl"};
  const std::string input = "{\n" + job + "\nnone\n" + job + "\n{}\n";
  const process_end first = run_pawl(again, input);
  EXPECT_EQ(first.exit_code, 8);
  const process_end second = run_pawl(again, input);
  EXPECT_EQ(second.exit_code, 8);
  EXPECT_EQ(lines_of(second.output), lines_of(first.output));
  EXPECT_TRUE(contains(second.errors, "completed 2, dead 0 (2 of them before), refused 3\n"))
      << second.errors;
  const process_end other = run_pawl(again, "{\n" + job + "\nelse\n" + job + "\n{}\n");
  EXPECT_EQ(other.exit_code, 4);
  EXPECT_TRUE(contains(other.errors, "line 1, or a later one that was no job, differs"))
      << other.errors;
}

// What was refused below the position of the input does not count again, so each run gets further.
TEST_F(run_store, halt_counts_what_fails_now) {
  const std::string job = R"({"kind":"noop"})";
  const words command = {"run", "--store", store(), "--jsonl", "--halt", "2", "-q", "-o", "jsonl"};
  const std::string input = "{\n" + job + "\n{\n" + job + "\n{\n" + job + "\n";
  for (int i = 0; i < 2; ++i) {
    const process_end halted = run_pawl(command, input);
    EXPECT_EQ(halted.exit_code, 8);
    EXPECT_TRUE(contains(halted.errors, "halted")) << halted.errors;
  }
  const process_end last = run_pawl(command, input);
  EXPECT_FALSE(contains(last.errors, "halted")) << last.errors;
  EXPECT_EQ(lines_of(last.output).size(), 6u) << last.output;
}

TEST_F(run_store, a_long_output_is_kept_as_far_as_there_is_room) {
  const words command = {"run", "--store", store(), "-q", "--", "head", "-c", "100000"};
  const process_end first = run_pawl(command, "/dev/zero\n");
  EXPECT_EQ(first.output.size(), 100'000u);
  const process_end again = run_pawl(command, "/dev/zero\n");
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_GT(again.output.size(), 60'000u);
  EXPECT_TRUE(contains(again.errors, "kept only the beginning of its output")) << again.errors;
}

// Method: a record of a log that its last frame says was durable is spoilt.
TEST_F(run_store, a_damaged_store_is_left_as_it_is) {
  ASSERT_EQ(run_pawl(command(), "a\n").exit_code, 0);
  const std::string segment = store() + "/wal-0000000000000001.seg";
  overwrite(segment, 4'096 + 100, "spoilt");
  const std::string before = content_of(segment);
  const process_end end = run_pawl(command(), "a\n");
  EXPECT_EQ(end.exit_code, 5) << end.errors;
  EXPECT_EQ(content_of(segment), before);
  EXPECT_EQ(run_pawl(command({"--new"}), "a\n").exit_code, 0);
}

TEST_F(run_store, results_are_listed_by_id) {
  ASSERT_EQ(run_pawl(command(), "a\nb\n").exit_code, 0);
  const std::string all = results({"-o", "jsonl"}).output;
  std::string id = members(all, "id").at(1);
  id = id.substr(1, id.size() - 2);
  EXPECT_EQ(results({"-o", "jsonl", "--id", id}).output, lines_of(all).at(1) + '\n');
  EXPECT_EQ(results({"--id", "77"}).exit_code, 3);
  EXPECT_EQ(results({"--limit", "1"}).output.size(), 6u);
  EXPECT_EQ(results({"-o", "table"}).exit_code, 2);
}

TEST(run_store_of_others, is_left_alone) {
  stored_jobs store;
  store.open();
  store.submit("mail", "hello");
  store.close();
  const std::string before = store.everything();
  const process_end end = run_pawl({"run", "--store", store.path(), "noop"}, "a\n");
  EXPECT_EQ(end.exit_code, 4);
  EXPECT_TRUE(contains(end.errors, "did not make")) << end.errors;
  EXPECT_EQ(store.everything(), before);
}

}  // namespace
}  // namespace pawl_tests
