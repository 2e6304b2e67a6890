// What a job of an earlier process brings with it, one thing at a time. Method: test schedulers, one after the other,
// on one directory; each has a clock of its own that begins at 0, as all of one boot.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "pawl/scheduler.hpp"
#include "pawl/testing.hpp"
#include "support/opened.hpp"
#include "support/scratch_directory.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;
using pawl::testing::test_scheduler;

class restored : public ::testing::Test {
 protected:
  restored() {
    kinds_.add("k/1", &restored::run, this,
               {.max_attempts = 5, .backoff = backoff::fixed(std::chrono::hours(9))});
  }
  static constexpr kind_ref k{0};

  // The next process.
  test_scheduler& open() {
    t_.reset();
    options o = small_options();
    o.directory = directory_.path();
    o.segment_bytes = 256u << 10;
    o.pushbacks_max = 3;
    o.drains = 1;  // so that their order is one
    auto opened = test_scheduler::open(o, kinds_, 1);
    EXPECT_TRUE(opened);
    t_ = std::move(*opened);
    return *t_;
  }
  // Ends this one; what is ready stays so.
  void close() {
    ASSERT_TRUE((*t_)->wait_durable(last_, 10s));
    t_.reset();
  }
  queue_ref queue(const queue_options& how = {}) { return queue_or_exit(**t_, "q", how); }
  job_id submit(const job_options& how = {}, int number = 0) {
    const auto answer = (*t_)->submit(queue_or_exit(**t_, "q", how_), k, bytes_of(number), how);
    EXPECT_TRUE(answer) << name(answer.reason);
    last_ = answer.ticket;
    return answer.ticket.id;
  }

  queue_options how_;  // of the queue that submit() takes
  std::function<outcome(context&)> act_ = [](context&) { return outcome::done(); };
  std::vector<int> ran_;
  ticket last_;
  std::unique_ptr<test_scheduler> t_;

 private:
  static outcome run(void* self, context& job, std::span<const std::byte> payload) {
    auto& w = *static_cast<restored*>(self);
    w.ran_.push_back(value_of<int>(payload));
    return w.act_(job);
  }

  scratch_directory directory_;
  registry kinds_;
};

TEST_F(restored, priority) {
  open();
  for (std::size_t i = 0; i < priority_count; ++i) {
    submit({.priority = static_cast<priority>(priority_count - 1 - i)}, static_cast<int>(i));
  }
  close();
  open().run_ready();
  std::vector<int> expected;
  for (std::size_t i = priority_count; i-- > 0;) expected.push_back(static_cast<int>(i));
  EXPECT_EQ(ran_, expected);
}

TEST_F(restored, exact_priority_and_deadline) {
  for (const queue_order order : {queue_order::exact_priority, queue_order::deadline}) {
    const std::string q = order == queue_order::deadline ? "deadline" : "exact";
    ran_.clear();
    open();
    for (int i = 0; i < 20; ++i) {
      const int key = (i * 7) % 20;
      const auto answer =
          (*t_)->submit(queue_or_exit(**t_, q, {.order = order}), k, bytes_of(key),
                        {.deadline = std::chrono::hours(1 + key), .exact_priority = key - 10});
      ASSERT_TRUE(answer);
      last_ = answer.ticket;
    }
    close();
    open().run_ready();
    EXPECT_EQ(ran_.size(), 20u);
    EXPECT_TRUE(std::is_sorted(ran_.begin(), ran_.end()))
        << q << " " << ::testing::PrintToString(ran_);
  }
}

TEST_F(restored, run_timeout) {
  open();
  submit({.run_timeout = 3s});
  close();
  std::vector<bool> timed_out;
  act_ = [&](context& job) {
    test_scheduler::of(job)->advance(2s);
    timed_out.push_back(job.timed_out());
    test_scheduler::of(job)->advance(2s);
    timed_out.push_back(job.timed_out());
    return outcome::done();
  };
  open().run_ready();
  EXPECT_EQ(timed_out, (std::vector<bool>{false, true}));
}

TEST_F(restored, backoff_of_its_own) {
  const backoff own = backoff::fixed(7s);
  open();
  const job_id id = submit({.backoff = &own});
  close();
  act_ = [](context&) { return outcome::fail(); };
  test_scheduler& t = open();
  t.run_ready();
  const auto known = t->find(id);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->attempt, 1u);
  EXPECT_EQ(known->due - t.now(), 7s);
}

TEST_F(restored, attempts_and_pushbacks) {
  open();
  const job_id id = submit({.max_attempts = 2});
  act_ = [](context&) { return outcome::snooze(1s); };
  t_->run_ready();
  t_->advance(1500ms);  // twice put off, of three times
  ASSERT_EQ(ran_.size(), 2u);
  last_ = *(*t_)->pause(scope::all());
  close();
  test_scheduler& t = open();
  EXPECT_EQ(t->find(id)->max_attempts, 2u);
  ASSERT_TRUE(t->resume(scope::all()));
  t.advance(1min);
  EXPECT_EQ(ran_.size(), 4u) << "the fourth time it is too often";
  EXPECT_EQ(t->find(id)->state, job_state::dead);
}

TEST_F(restored, tenant_with_its_limit) {
  open();
  const auto slow = (*t_)->tenant("slow", {.limits = {.rate = {.starts = 1, .per = 10s}}});
  ASSERT_TRUE(slow);
  for (int i = 0; i < 3; ++i) submit({.tenant = *slow});
  submit();
  close();
  test_scheduler& t = open();
  t.run_ready();
  EXPECT_EQ(ran_.size(), 2u) << "one of the tenant, and one of nobody";
  t.advance(1min);
  EXPECT_EQ(ran_.size(), 4u);
}

TEST_F(restored, place_in_its_lane_before_those_that_come_later) {
  for (int first : {0, 3}) {
    open();
    for (int i = first; i < first + 3; ++i) submit({.lane = "one"}, i);
    close();
  }
  open().run_ready();
  EXPECT_EQ(ran_, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST_F(restored, bytes_of_its_payload) {
  how_.bytes_max = 3 * sizeof(int);
  open();
  submit();
  submit();
  close();
  test_scheduler& t = open();
  EXPECT_EQ(t->health().queues.at(0).bytes, 2 * sizeof(int));
  submit();
  EXPECT_EQ(t->submit(queue(how_), k, bytes_of(1)).reason, reject::queue_full);
  t.run_ready();
  EXPECT_EQ(t->health().queues.at(0).bytes, 0u);
}

TEST_F(restored, what_each_job_of_a_bulk_has_of_its_own) {
  constexpr int count = 60;
  open();
  const std::array tenants{*(*t_)->tenant("runs"), *(*t_)->tenant("waits")};
  ASSERT_TRUE((*t_)->pause(tenants[1]));
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(i);
  std::vector<job_spec> specs(count);
  for (std::size_t i = 0; i < count; ++i) {
    job_options& how = specs[i].options;
    specs[i].payload = bytes_of(numbers[i]);
    how.max_attempts = static_cast<std::uint8_t>(1 + i / 3 % 3);
    how.tenant = tenants[i / 5 % 2];
    if (i % 7 == 0) how.after = 1s;  // said by itself
  }
  std::vector<job_id> ids(count);
  const submit_answers answer = (*t_)->submit_bulk(queue(), k, specs, ids);
  ASSERT_EQ(answer.accepted, specs.size());
  last_ = answer.ticket;
  close();
  test_scheduler& t = open();
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(t->find(ids[i])->max_attempts, 1 + i / 3 % 3);
  t.advance(2s);
  std::vector<int> expected;
  for (int i = 0; i < count; ++i) {
    if (i / 5 % 2 == 0) expected.push_back(i);
  }
  std::sort(ran_.begin(), ran_.end());
  EXPECT_EQ(ran_, expected);
}

TEST_F(restored, life_that_a_requeue_gave_it) {
  open();
  const job_id id = submit();
  act_ = [](context&) { return outcome::dead(); };
  t_->run_ready();
  const auto requeued = (*t_)->requeue(id, (*t_)->show_dead(id)->version);
  ASSERT_TRUE(requeued);
  last_ = *requeued;
  close();
  act_ = [](context&) { return outcome::done(); };
  test_scheduler& t = open();
  EXPECT_EQ(t->find(id)->state, job_state::ready);
  EXPECT_EQ(t->health().dead, 0u);
  t.run_ready();
  EXPECT_EQ(ran_.size(), 2u);
}

TEST_F(restored, moment_of_its_submit) {
  open().advance(5s);
  const job_id id = submit();
  close();
  EXPECT_EQ(open()->find(id)->submitted, 5s);
}

TEST_F(restored, expiry) {
  open();
  const job_id waits = submit({.after = 1h, .expires = 10min});
  const job_id runs = submit({.after = 5min, .expires = 10min});
  close();
  test_scheduler& t = open();
  t.advance(6min);
  EXPECT_EQ(t->find(runs)->state, job_state::ended);
  EXPECT_EQ(t->find(waits)->state, job_state::scheduled);
  t.advance(5min);
  EXPECT_EQ(ran_.size(), 1u);
  EXPECT_EQ(t->read_counters().expired, 1u);
}

TEST_F(restored, unique_key_as_long_as_it_is_held) {
  const unique_key finished{.key = "finished"};
  const unique_key started{.key = "started", .until = unique_until::started};
  const auto is_free = [&](const unique_key& key) {
    const auto answer = (*t_)->submit(queue(), k, bytes_of(9), {.after = 2h, .unique = &key});
    if (answer) {
      EXPECT_TRUE((*t_)->cancel(answer.ticket.id));
    }
    return static_cast<bool>(answer);
  };
  open();
  submit({.unique = &finished});
  submit({.unique = &started});
  close();
  open();
  EXPECT_FALSE(is_free(finished));
  EXPECT_FALSE(is_free(started));
  act_ = [](context& job) { return job.attempt() == 1 ? outcome::fail() : outcome::done(); };
  t_->run_ready();
  EXPECT_FALSE(is_free(finished)) << "it comes again";
  EXPECT_TRUE(is_free(started));
  last_ = *(*t_)->pause(scope::all());
  close();
  open();
  EXPECT_FALSE(is_free(finished));
  EXPECT_TRUE(is_free(started)) << "it had let go in the process before";
  ASSERT_TRUE((*t_)->resume(scope::all()));
  t_->advance(10h);
  EXPECT_TRUE(is_free(finished));
}

TEST_F(restored, unique_key_as_long_as_its_ttl_holds_it) {
  const unique_key key{.key = "once a day", .ttl = 24h};
  const auto is_free = [&] {
    const unique_key same{.key = "once a day"};
    const auto answer = (*t_)->submit(queue(), k, bytes_of(9), {.unique = &same});
    if (answer) {
      EXPECT_TRUE((*t_)->cancel(answer.ticket.id));
    }
    return static_cast<bool>(answer);
  };
  open();
  const job_id id = submit({.unique = &key});
  close();
  open().run_ready();  // it has ended
  EXPECT_EQ((*t_)->find(id)->state, job_state::ended);
  EXPECT_FALSE(is_free());
  last_ = *(*t_)->pause(scope::all());
  close();
  for (int life = 0; life < 3; ++life) {  // of each the base has to say so
    open();
    EXPECT_FALSE(is_free());
    t_->advance(23h);
    EXPECT_FALSE(is_free());
  }
  t_->advance(1h);
  EXPECT_TRUE(is_free());
}

TEST_F(restored, ttl_of_a_job_that_died_and_is_requeued) {
  const unique_key key{.key = "key", .ttl = 24h};
  open();
  act_ = [](context&) { return outcome::dead(); };
  const job_id id = submit({.unique = &key});
  t_->run_ready();
  last_ = *(*t_)->pause(scope::all());
  close();
  test_scheduler& t = open();
  ASSERT_TRUE(t->resume(scope::all()));
  EXPECT_EQ(t->submit(queue(), k, bytes_of(1), {.unique = &key}).original, id);
  ASSERT_TRUE(t->requeue(id, t->show_dead(id)->version)) << "its own ttl is not in its way";
  act_ = [](context&) { return outcome::done(); };
  t.run_ready();
  EXPECT_EQ(t->find(id)->state, job_state::ended);
  EXPECT_FALSE(t->submit(queue(), k, bytes_of(1), {.unique = &key}));
}

TEST_F(restored, pauses_of_every_scope) {
  struct paused_scope {
    const char* what;
    std::function<scope()> of;
  };
  const std::vector<paused_scope> scopes{{"all", [] { return scope::all(); }},
                                         {"queue", [&] { return scope(queue()); }},
                                         {"kind", [&] { return scope(k); }},
                                         {"tenant", [&] { return scope(*(*t_)->tenant("t")); }}};
  for (const paused_scope& s : scopes) {
    SCOPED_TRACE(s.what);
    ran_.clear();
    open();
    submit({.tenant = *(*t_)->tenant("t")});
    last_ = *(*t_)->pause(s.of());
    close();
    for (int life = 0; life < 2; ++life) {
      open().run_ready();
      EXPECT_TRUE(ran_.empty());
    }
    last_ = *(*t_)->resume(s.of());
    close();
    open().run_ready();
    EXPECT_EQ(ran_.size(), 1u) << "what was said last holds, in whichever process";
  }
}

TEST_F(restored, pause_that_ends_by_itself) {
  open();
  submit();
  last_ = *(*t_)->pause(scope(queue()), 1h);
  close();
  test_scheduler& t = open();
  t.advance(30min);
  EXPECT_TRUE(ran_.empty());
  t.advance(31min);
  EXPECT_EQ(ran_.size(), 1u);
}

TEST_F(restored, intake_that_was_closed) {
  open();
  queue();
  last_ = *(*t_)->close_intake(scope(queue()));
  close();
  open();
  EXPECT_EQ((*t_)->submit(queue(), k, bytes_of(1)).reason, reject::intake_closed);
  last_ = *(*t_)->open_intake(scope(queue()));
  close();
  open();
  EXPECT_TRUE((*t_)->submit(queue(), k, bytes_of(1)));
}

}  // namespace
}  // namespace pawl::test
