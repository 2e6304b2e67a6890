// What completed jobs leave behind: kept, listed, forgotten, and there again after the process.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "pawl/scheduler.hpp"
#include "support/opened.hpp"
#include "support/process.hpp"
#include "support/scratch_directory.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;

constexpr kind_ref answer_with_result{0};
constexpr kind_ref block_it{1};

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class results : public ::testing::Test {
 protected:
  results() {
    kinds_.add("answer/1", &results::run, this,
               {.max_attempts = 2, .backoff = backoff::fixed(1ms)});
    kinds_.add("block/1", &results::run, this, {.blocking = true});
  }

  static status give(context& job, const std::string& text) {
    return job.set_result(std::as_bytes(std::span(text)));
  }
  // The payload says what to do; what is left behind is twice the payload.
  static outcome run(void* user, context& job, std::span<const std::byte> payload) {
    auto& self = *static_cast<results*>(user);
    const std::string text(reinterpret_cast<const char*>(payload.data()), payload.size());
    if (text == "nothing") return outcome::done();
    if (text == "empty") return give(job, "") ? outcome::done() : job.dead("refused");
    if (text == "large") {
      return give(job, std::string(result_bytes_max, 'x')) ? outcome::done() : job.dead("refused");
    }
    if (text == "too large") {
      if (!give(job, "small")) return job.dead("refused");
      const status refused = give(job, std::string(result_bytes_max + 1, 'x'));
      self.refused_ = !refused && refused.error().code == errc::invalid;
      return outcome::done();
    }
    if (!give(job, "first") || !give(job, text + text)) return job.dead("refused");
    if (text == "second attempt") return job.attempt() == 1 ? outcome::fail() : outcome::done();
    if (text == "dies") return outcome::dead();
    return outcome::done();
  }

  options wanted() const {
    options o = small_options();
    if (with_log_) o.directory = directory_.path();
    o.segment_bytes = 256u << 10;
    o.results_in_memory = kept_max_;
    return o;
  }
  std::unique_ptr<scheduler> open() { return open_or_exit(wanted(), kinds_); }
  static queue_ref keeping(scheduler& s) { return *s.queue("keeps", {.keep_results = true}); }
  static job_id run_one(scheduler& s, queue_ref q, const std::string& text,
                        kind_ref kind = answer_with_result) {
    const auto answer = s.submit(q, kind, std::as_bytes(std::span(text)));
    EXPECT_TRUE(answer) << name(answer.reason);
    EXPECT_TRUE(s.wait(answer.ticket.id, 10s));
    // What is in the log in one piece has no order there.
    if (const auto r = s.show_result(answer.ticket.id)) {
      EXPECT_TRUE(s.wait_durable(r->ticket, 10s));
    }
    return answer.ticket.id;
  }
  static std::string shown(scheduler& s, job_id id) {
    const auto r = s.show_result(id);
    if (!r) return std::string(name(r.error().code));
    EXPECT_EQ(r->id, id);
    return text_of(r->bytes);
  }
  static std::vector<std::string> listed(scheduler& s, std::size_t at_once) {
    EXPECT_EQ(s.list_results(0, 0).error().code, errc::invalid) << "its cursor would never move";
    std::vector<std::string> all;
    std::uint64_t cursor = 0;
    do {
      const auto page = s.list_results(cursor, at_once);
      EXPECT_TRUE(page);
      EXPECT_LE(page->results.size(), at_once);
      for (const job_result& r : page->results) all.push_back(text_of(r.bytes));
      cursor = page->cursor;
    } while (cursor != 0);
    return all;
  }

  registry kinds_;
  const scratch_directory directory_;
  bool with_log_ = true;
  std::uint32_t kept_max_ = 100;
  std::atomic<bool> refused_{false};
};

TEST_F(results, are_there_when_the_end_is_told) {
  for (const bool with_log : {false, true}) {
    with_log_ = with_log;
    const auto s = open();
    const queue_ref q = keeping(*s);
    EXPECT_EQ(shown(*s, run_one(*s, q, "ab")), "abab");
    EXPECT_EQ(shown(*s, run_one(*s, q, "cd", block_it)), "cdcd");
    EXPECT_EQ(shown(*s, run_one(*s, q, "empty")), "");
    EXPECT_EQ(shown(*s, run_one(*s, q, "large")), std::string(result_bytes_max, 'x'));
    EXPECT_EQ(shown(*s, run_one(*s, q, "nothing")), "not_found");
  }
}

TEST_F(results, are_of_the_attempt_that_completed_the_job) {
  const auto s = open();
  const queue_ref q = keeping(*s);
  EXPECT_EQ(shown(*s, run_one(*s, q, "second attempt")), "second attemptsecond attempt");
  EXPECT_EQ(shown(*s, run_one(*s, q, "dies")), "not_found");
  EXPECT_EQ(shown(*s, run_one(*s, q, "too large")), "small");
  EXPECT_TRUE(refused_);
}

TEST_F(results, are_kept_for_queues_that_ask_for_it) {
  const auto s = open();
  const queue_ref q = *s->queue("forgets", {});
  EXPECT_EQ(shown(*s, run_one(*s, q, "ab")), "not_found");
  ASSERT_TRUE(s->set_options(q, {.keep_results = true}));
  EXPECT_EQ(shown(*s, run_one(*s, q, "ab")), "abab");
  ASSERT_TRUE(s->set_options(q, {}));
  EXPECT_EQ(shown(*s, run_one(*s, q, "ab")), "not_found");
}

TEST_F(results, are_listed_oldest_first_and_forgotten_when_asked) {
  const auto s = open();
  const queue_ref q = keeping(*s);
  std::vector<job_id> ids;
  for (const char* text : {"a", "b", "c", "d", "e"}) ids.push_back(run_one(*s, q, text));
  const std::vector<std::string> all{"aa", "bb", "cc", "dd", "ee"};
  for (const std::size_t at_once : {1u, 2u, 5u, 100u}) EXPECT_EQ(listed(*s, at_once), all);
  const std::array gone{ids[1], ids[3], ids[1], job_id{12345}};
  EXPECT_EQ(*s->purge_results(gone), 2u);
  EXPECT_EQ(listed(*s, 100), (std::vector<std::string>{"aa", "cc", "ee"}));
  EXPECT_EQ(shown(*s, ids[1]), "not_found");
}

TEST_F(results, outlive_the_process_in_their_order) {
  std::vector<job_id> ids;
  {
    const auto s = open();
    const queue_ref q = keeping(*s);
    for (const char* text : {"a", "b", "c", "d"}) ids.push_back(run_one(*s, q, text));
    EXPECT_EQ(*s->purge_results(std::span(ids).subspan(1, 1)), 1u);
    const auto last = s->show_result(ids[3]);
    ASSERT_TRUE(last);
    EXPECT_GT(last->ticket.lsn, 0u);
    ASSERT_TRUE(s->wait_durable(last->ticket, 10s));
    ASSERT_TRUE(s->stop(10s));
  }
  for (int life = 0; life < 2; ++life) {
    const auto s = open();
    EXPECT_EQ(listed(*s, 2), (std::vector<std::string>{"aa", "cc", "dd"}));
    EXPECT_EQ(shown(*s, ids[1]), "not_found");
    EXPECT_TRUE(s->is_durable(s->show_result(ids[0])->ticket));
    // The queue keeps them still, though nobody says it again.
    if (life == 1) {
      ASSERT_TRUE(s->wait(ids[0], 1s));
      EXPECT_EQ(s->find(ids[0])->state, job_state::ended);
    }
    ASSERT_TRUE(s->stop(10s));
  }
}

TEST_F(results, that_are_too_many_are_forgotten_in_the_log_as_well) {
  kept_max_ = 3;
  {
    const auto s = open();
    const queue_ref q = keeping(*s);
    for (const char* text : {"a", "b", "c", "d", "e"}) run_one(*s, q, text);
    EXPECT_EQ(listed(*s, 100), (std::vector<std::string>{"cc", "dd", "ee"}));
    ASSERT_TRUE(s->stop(10s));
  }
  kept_max_ = 100;
  {
    const auto s = open();
    EXPECT_EQ(listed(*s, 100), (std::vector<std::string>{"cc", "dd", "ee"}));
    ASSERT_TRUE(s->stop(10s));
  }
  kept_max_ = 2;
  {
    const auto s = open();
    EXPECT_EQ(listed(*s, 100), (std::vector<std::string>{"dd", "ee"}));
    // One of a job that is not logged pushes out one that is, from a thread that has logged nothing yet.
    const queue_ref q =
        *s->queue("in_memory", {.durability = durability::none, .keep_results = true});
    run_one(*s, q, "f");
    EXPECT_EQ(listed(*s, 100), (std::vector<std::string>{"ee", "ff"}));
    ASSERT_TRUE(s->stop(10s));
  }
  kept_max_ = 100;
  const auto s = open();
  EXPECT_EQ(listed(*s, 100), (std::vector<std::string>{"ee"}));
}

TEST_F(results, are_none_where_none_are_kept) {
  kept_max_ = 0;
  const auto s = open();
  EXPECT_EQ(shown(*s, run_one(*s, keeping(*s), "ab")), "not_found");
}

// Those that were acknowledged are there whatever happens then, with the end of their jobs.
TEST_F(results, are_durable_with_the_end_of_their_jobs) {
  const int status = exit_code_of_child([this] {
    const auto s = open();
    const queue_ref q = keeping(*s);
    ticket last;
    for (int i = 0; i < 200; ++i) {
      const auto answer = s->submit(q, answer_with_result, std::as_bytes(std::span("large", 5)));
      if (!answer || !s->wait(answer.ticket.id, 10s)) return 1;
      last = s->show_result(answer.ticket.id)->ticket;
    }
    if (!s->wait_durable(last, 10s)) return 2;
    std::_Exit(0);
  });
  ASSERT_EQ(status, 0);
  kept_max_ = 1'000;
  const auto s = open();
  EXPECT_EQ(s->health().log.recovered_jobs, 0u);
  const auto all = listed(*s, 50);
  ASSERT_EQ(all.size(), 100u);
  for (const std::string& r : all) EXPECT_EQ(r.size(), result_bytes_max);
}

}  // namespace
}  // namespace pawl::test
