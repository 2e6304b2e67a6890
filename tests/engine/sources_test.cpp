// Sources and their cursors: in one piece with the jobs that bring them, in memory and after the process.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pawl/scheduler.hpp"
#include "pawl/unique.hpp"
#include "support/opened.hpp"
#include "support/process.hpp"
#include "support/scratch_directory.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;

constexpr kind_ref count_it{0};

class sources : public ::testing::Test {
 protected:
  sources() { kinds_.add("count/1", &sources::run, this); }

  static outcome run(void* user, context&, std::span<const std::byte> payload) {
    auto& self = *static_cast<sources*>(user);
    const std::lock_guard lock(self.mutex_);
    ++self.ran_[std::string(reinterpret_cast<const char*>(payload.data()), payload.size())];
    return outcome::done();
  }
  options wanted(bool dispatch = true) const {
    options o = small_options();
    if (with_log_) o.directory = directory_.path();
    o.segment_bytes = 256u << 10;
    o.dispatch = dispatch;
    return o;
  }
  std::unique_ptr<scheduler> open(bool dispatch = true) {
    return open_or_exit(wanted(dispatch), kinds_);
  }
  static std::span<const std::byte> bytes(const std::string& text) {
    return std::as_bytes(std::span(text));
  }
  static std::string position(scheduler& s, source_ref source) {
    const auto at = s.cursor(source);
    if (!at) return std::string(name(at.error().code));
    return {reinterpret_cast<const char*>(at->position.data()), at->position.size()};
  }
  // A job of its own for each text, whose position is the text.
  static submit_answers submit_all(scheduler& s, queue_ref q, source_ref source,
                                   const std::vector<std::string>& texts,
                                   const job_options& how = {}) {
    std::vector<source_cursor> cursors;
    for (const std::string& t : texts) cursors.push_back({source, bytes(t)});
    std::vector<job_spec> specs;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      specs.push_back({bytes(texts[i]), how});
      specs.back().options.cursor = &cursors[i];
    }
    return s.submit_bulk(q, count_it, specs);
  }
  static std::uint64_t alive(const scheduler& s) {
    const counters c = s.read_counters();
    return c.accepted + c.requeued - c.ended();
  }

  registry kinds_;
  const scratch_directory directory_;
  bool with_log_ = true;
  std::mutex mutex_;
  std::map<std::string, int> ran_;
};

TEST_F(sources, stand_where_the_last_accepted_job_says) {
  for (const bool with_log : {false, true}) {
    with_log_ = with_log;
    const auto s = open();
    const queue_ref q = queue_or_exit(*s, "q");
    const source_ref a = *s->source("a");
    const source_ref b = *s->source("b");
    EXPECT_EQ(*s->source("a"), a);
    EXPECT_NE(a, b);
    EXPECT_EQ(position(*s, a), "");
    const std::string one = "one";
    const source_cursor at{a, bytes(one)};
    ASSERT_TRUE(s->submit(q, count_it, bytes(one), {.cursor = &at}));
    EXPECT_EQ(position(*s, a), "one");
    ASSERT_TRUE(submit_all(*s, q, a, {"two", "three"}));
    EXPECT_EQ(position(*s, a), "three");
    EXPECT_EQ(position(*s, b), "");
    // Of all sorts of jobs.
    for (const job_options& how :
         {job_options{.after = 1h}, job_options{.max_attempts = 7}, job_options{.expires = 1h},
          job_options{.lane = "l"}, job_options{.durability = durability::none},
          job_options{.durability = durability::relaxed}}) {
      job_options with = how;
      const std::string text = "single";
      const source_cursor there{a, bytes(text)};
      with.cursor = &there;
      ASSERT_TRUE(s->submit(q, count_it, bytes(text), with));
      EXPECT_EQ(position(*s, a), "single");
      ASSERT_TRUE(submit_all(*s, q, a, {"x", "y"}, how));
      EXPECT_EQ(position(*s, a), "y");
    }
    const queue_ref ordered = queue_or_exit(*s, "o", {.order = queue_order::deadline});
    ASSERT_TRUE(submit_all(*s, ordered, a, {"p", "q"}));
    EXPECT_EQ(position(*s, a), "q");
    const auto moved = s->set_cursor({b, bytes(one)});
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->lsn != 0, with_log);
    EXPECT_EQ(position(*s, b), "one");
    ASSERT_TRUE(s->set_cursor({b, {}}));
    EXPECT_EQ(position(*s, b), "");
  }
}

TEST_F(sources, that_are_not_ours_and_positions_that_are_too_long_are_refused) {
  const auto s = open();
  const auto other = open_or_exit(small_options(), kinds_);
  const queue_ref q = queue_or_exit(*s, "q");
  const source_ref a = *s->source("a");
  const source_ref foreign = *other->source("a");
  const std::string long_one(position_bytes_max + 1, 'x');
  const std::string longest(position_bytes_max, 'x');
  for (const source_cursor& bad :
       {source_cursor{foreign, {}}, source_cursor{{}, {}}, source_cursor{a, bytes(long_one)}}) {
    EXPECT_EQ(s->submit(q, count_it, {}, {.cursor = &bad}).reason, reject::bad_option);
    const job_spec spec{{}, {.cursor = &bad}};
    EXPECT_EQ(s->submit_bulk(q, count_it, {&spec, 1}).reason, reject::bad_option);
    EXPECT_FALSE(s->set_cursor(bad));
  }
  EXPECT_EQ(s->cursor(foreign).error().code, errc::not_found);
  EXPECT_EQ(s->source("no spaces").error().code, errc::invalid);
  EXPECT_EQ(position(*s, a), "");
  EXPECT_EQ(alive(*s), 0u);
  const source_cursor at{a, bytes(longest)};
  ASSERT_TRUE(s->submit(q, count_it, {}, {.cursor = &at}));
  EXPECT_EQ(position(*s, a), longest);
}

TEST_F(sources, move_past_duplicates_but_not_past_what_is_refused) {
  const auto s = open();
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 2});
  const source_ref a = *s->source("a");
  const std::vector<std::string> texts{"1", "2", "3"};
  const unique_key key{.key = "k", .on_duplicate = on_duplicate::existing};
  const source_cursor first{a, bytes(texts[0])};
  const auto original = s->submit(q, count_it, {}, {.after = 1h, .unique = &key, .cursor = &first});
  ASSERT_TRUE(original);
  const source_cursor second{a, bytes(texts[1])};
  const auto again = s->submit(q, count_it, {}, {.after = 1h, .unique = &key, .cursor = &second});
  ASSERT_TRUE(again);
  EXPECT_EQ(again.ticket.id, original.ticket.id);
  EXPECT_GE(again.ticket.lsn, s->cursor(a)->ticket.lsn);
  EXPECT_EQ(position(*s, a), "2");
  const auto some = submit_all(*s, q, a, texts, {.after = 1h});
  EXPECT_EQ(some.accepted, 1u);
  EXPECT_EQ(position(*s, a), "1");
}

TEST_F(sources, stand_after_the_process_where_they_stood) {
  {
    const auto s = open(false);
    const queue_ref q = queue_or_exit(*s, "q");
    const source_ref a = *s->source("a");
    ASSERT_TRUE(submit_all(*s, q, *s->source("b"), {"b1"}));
    ASSERT_TRUE(submit_all(*s, q, a, {"a1", "a2"}));
    ASSERT_TRUE(s->stop(10s));
  }
  for (int life = 0; life < 2; ++life) {
    const auto s = open(false);
    EXPECT_EQ(alive(*s), 3u);
    const source_ref b = *s->source("b");
    const source_ref a = *s->source("a");
    EXPECT_EQ(position(*s, a), "a2");
    EXPECT_EQ(position(*s, b), "b1");
    EXPECT_TRUE(s->is_durable(s->cursor(a)->ticket));
    EXPECT_EQ(position(*s, *s->source("new")), "");
    ASSERT_TRUE(s->stop(10s));
  }
  {
    const auto s = open(false);
    const auto moved = s->set_cursor({*s->source("b"), {}});
    ASSERT_TRUE(moved);
    ASSERT_TRUE(submit_all(*s, queue_or_exit(*s, "q"), *s->source("a"), {"a3"}));
    ASSERT_TRUE(s->stop(10s));
  }
  const auto s = open(false);
  EXPECT_EQ(position(*s, *s->source("a")), "a3");
  EXPECT_EQ(position(*s, *s->source("b")), "");
}

// Exactly once, whenever the process dies: one that counts up goes on at its cursor, in another process each
// time, which is killed in the midst of it. Each number is there exactly once then.
TEST_F(sources, lose_nothing_and_take_nothing_twice_when_the_process_is_killed) {
  const auto count_on = [this](durability level, std::chrono::microseconds life) -> int {
    const auto s = open(false);
    const queue_ref q = queue_or_exit(*s, name(level), {.durability = level});
    const source_ref numbers = *s->source("numbers");
    const std::string at = position(*s, numbers);
    auto next = at.empty() ? 0 : std::stoul(at);
    const auto first = submit_all(*s, q, numbers, {std::to_string(++next)});
    if (!first || !s->wait_durable(first.ticket, 20s)) return 1;
    const std::thread killer([life] {
      std::this_thread::sleep_for(life);
      ::kill(::getpid(), SIGKILL);
    });
    for (;;) {
      std::vector<std::string> texts;
      for (unsigned i = 0; i < 1 + next % 37; ++i) texts.push_back(std::to_string(++next));
      // Some have options of their own, so that a bulk falls into several records.
      const job_options how{.max_attempts = static_cast<std::uint8_t>(1 + next % 3)};
      if (submit_all(*s, q, numbers, texts, next % 5 == 0 ? how : job_options{})) continue;
      next = std::stoul(position(*s, numbers));  // after the prefix that was accepted
      std::this_thread::sleep_for(1ms);
    }
  };
  for (int life = 0; life < 15; ++life) {
    const durability level = life % 2 == 0 ? durability::relaxed : durability::durable;
    const std::chrono::microseconds span(1'000 + 397 * life);
    ASSERT_EQ(exit_code_of_child([&] { return count_on(level, span); }), 128 + SIGKILL);
  }
  const auto s = open();
  const std::string at = position(*s, *s->source("numbers"));
  ASSERT_FALSE(at.empty());
  const auto all = std::stoul(at);
  for (int i = 0; i < 10'000 && alive(*s) != 0; ++i) std::this_thread::sleep_for(1ms);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(ran_.size(), all);
  for (const auto& [text, times] : ran_) {
    ASSERT_EQ(times, 1) << text;
    ASSERT_LE(std::stoul(text), all);
  }
  EXPECT_GE(all, 15u);
}

}  // namespace
}  // namespace pawl::test
