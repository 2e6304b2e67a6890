// What outlives a scheduler that is stopped, or abandoned, and opened again on the same directory.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
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

constexpr kind_ref note_it{0};

// A directory that is opened again and again by schedulers whose jobs note what they get.
class durable : public ::testing::Test {
 protected:
  durable() {
    kinds_.add("note/1", &durable::run, this, {.max_attempts = 3, .backoff = backoff::fixed(1ms)});
  }

  options wanted(bool dispatch) const {
    options o = small_options();
    o.directory = directory_.path();
    o.segment_bytes = 256u << 10;
    o.dispatch = dispatch;
    return o;
  }
  // Accepts jobs and starts none.
  std::unique_ptr<scheduler> open_idle() { return open_or_exit(wanted(false), kinds_); }
  std::unique_ptr<scheduler> open() { return open_or_exit(wanted(true), kinds_); }

  static outcome run(void* user, context& job, std::span<const std::byte> payload) {
    auto& self = *static_cast<durable*>(user);
    const std::string text(reinterpret_cast<const char*>(payload.data()), payload.size());
    const std::lock_guard lock(self.mutex_);
    self.ran_.push_back(text);
    self.attempts_[text] = job.attempt();
    self.ids_[text] = job.id().value;
    if (text.starts_with("fail")) return job.fail("as it says", 7);
    if (text.starts_with("snooze") && job.attempt() == 1 && !self.snoozed_.contains(text)) {
      self.snoozed_.insert(text);
      return outcome::snooze(std::chrono::hours(1));
    }
    return outcome::done();
  }
  static ticket submit(scheduler& s, queue_ref q, const std::string& text,
                       const job_options& how = {}) {
    const auto answer = s.submit(q, note_it, std::as_bytes(std::span(text)), how);
    EXPECT_TRUE(answer) << name(answer.reason);
    return answer.ticket;
  }
  static std::uint64_t alive(const scheduler& s) {
    const counters c = s.read_counters();
    return c.accepted + c.requeued - c.ended();
  }
  static void wait_until_left(const scheduler& s, std::uint64_t jobs) {
    for (int i = 0; i < 10'000 && alive(s) != jobs; ++i) std::this_thread::sleep_for(1ms);
    ASSERT_EQ(alive(s), jobs);
  }
  static void wait_until_empty(const scheduler& s) { wait_until_left(s, 0); }
  std::vector<std::string> ran() {
    const std::lock_guard lock(mutex_);
    return ran_;
  }
  static void stop(std::unique_ptr<scheduler> s) {
    EXPECT_TRUE(s->stop(10s));
    EXPECT_EQ(s->health().log.state, log_state::closed);
  }

  scratch_directory directory_;
  registry kinds_;
  std::mutex mutex_;
  std::vector<std::string> ran_;
  std::map<std::string, unsigned> attempts_;
  std::map<std::string, std::uint64_t> ids_;
  std::set<std::string> snoozed_;
};

TEST_F(durable, jobs_come_back_with_their_ids_in_their_order) {
  std::map<std::string, std::uint64_t> ids;
  {
    auto s = open_idle();
    const queue_ref q = queue_or_exit(*s, "q");
    for (int i = 0; i < 500; ++i) {
      const std::string text = "job " + std::to_string(1000 + i);
      ids[text] = submit(*s, q, text).id.value;
    }
    stop(std::move(s));
  }
  options one = wanted(true);
  one.drains = 1;
  auto s = open_or_exit(one, kinds_);
  wait_until_empty(*s);
  EXPECT_EQ(ids_, ids);
  EXPECT_TRUE(std::is_sorted(ran_.begin(), ran_.end()));
  EXPECT_EQ(ran_.size(), 500u);
  EXPECT_TRUE(s->health().log.was_closed);
  EXPECT_EQ(s->health().log.recovered_jobs, 500u);
}

TEST_F(durable, what_has_ended_does_not_come_back) {
  job_id cancelled;
  {
    auto s = open();
    const queue_ref q = queue_or_exit(*s, "q");
    for (int i = 0; i < 100; ++i) submit(*s, q, "done " + std::to_string(i));
    wait_until_empty(*s);
    cancelled = submit(*s, q, "later", {.after = 1h}).id;
    EXPECT_TRUE(s->cancel(cancelled));
    submit(*s, q, "old", {.after = 1h, .expires = 1ms});
    wait_until_empty(*s);
    stop(std::move(s));
  }
  auto s = open();
  EXPECT_EQ(s->health().log.recovered_jobs, 0u);
  EXPECT_EQ(ran().size(), 100u);
  const auto known = s->find(cancelled);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->state, job_state::ended);
}

TEST_F(durable, ids_are_never_given_twice) {
  std::set<std::uint64_t> ids;
  for (int life = 0; life < 4; ++life) {
    auto s = open();
    const queue_ref durable_one = queue_or_exit(*s, "q");
    const queue_ref other = queue_or_exit(*s, "n", {.durability = durability::none});
    for (int i = 0; i < 3'000; ++i) {
      ASSERT_TRUE(ids.insert(submit(*s, i % 2 == 0 ? durable_one : other, "x").id.value).second);
    }
    wait_until_empty(*s);
    if (life % 2 == 0) stop(std::move(s));
  }
}

TEST_F(durable, a_queue_without_durability_forgets_and_a_job_may_say_otherwise) {
  {
    auto s = open_idle();
    const queue_ref none = queue_or_exit(*s, "none", {.durability = durability::none});
    const queue_ref relaxed_one = queue_or_exit(*s, "r", {.durability = durability::relaxed});
    EXPECT_EQ(submit(*s, none, "lost").lsn, 0u);
    EXPECT_NE(submit(*s, none, "kept 1", {.durability = durability::durable}).lsn, 0u);
    submit(*s, relaxed_one, "kept 2");
    EXPECT_EQ(submit(*s, relaxed_one, "lost", {.durability = durability::none}).lsn, 0u);
    stop(std::move(s));
  }
  auto s = open();
  wait_until_empty(*s);
  auto seen = ran();
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<std::string>{"kept 1", "kept 2"}));
}

TEST_F(durable, delays_expiries_and_retries_go_on) {
  job_id later;
  {
    auto s = open();
    const queue_ref q = queue_or_exit(*s, "q");
    later = submit(*s, q, "later", {.after = 1h}).id;
    submit(*s, q, "soon", {.after = 1s});
    submit(*s, q, "at", {.at = std::chrono::system_clock::now() + 1s});
    submit(*s, q, "old", {.after = 1h, .expires = 1s});
    submit(*s, q, "snooze");
    while (ran().empty()) std::this_thread::sleep_for(1ms);
    stop(std::move(s));
  }
  auto s = open();
  const auto known = s->find(later);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->state, job_state::scheduled);
  EXPECT_GT(known->due, 30min);
  wait_until_left(*s, 2);  // later and snooze
  auto seen = ran();
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<std::string>{"at", "snooze", "soon"}));
  EXPECT_EQ(s->read_counters().expired, 1u);
}

TEST_F(durable, dead_letters_are_kept_with_their_errors_and_can_be_requeued) {
  dead_letter before;
  {
    auto s = open();
    const queue_ref q = queue_or_exit(*s, "q");
    const job_id id = submit(*s, q, "fail once").id;
    EXPECT_EQ(s->wait(id, 20s)->state, job_state::dead);
    before = *s->show_dead(id);
    stop(std::move(s));
  }
  std::this_thread::sleep_for(200ms);  // so that it did not die just now
  for (int life = 0; life < 2; ++life) {
    auto s = open();
    std::vector<std::byte> payload;
    const auto after = s->show_dead(before.status.id, &payload);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->version, before.version);
    EXPECT_LT(std::chrono::abs(after->died - before.died), 50ms) << "by another clock";
    EXPECT_EQ(after->status.cause, dead_cause::exhausted);
    EXPECT_EQ(after->status.attempt, 3u);
    ASSERT_EQ(after->errors.size(), 3u);
    EXPECT_EQ(after->errors[2].text, "as it says");
    EXPECT_EQ(after->errors[2].kind, 7u);
    EXPECT_EQ(payload.size(), 9u);
    if (life == 0) continue;
    ASSERT_TRUE(s->requeue(before.status.id, before.version));
    EXPECT_EQ(s->wait(before.status.id, 20s)->state, job_state::dead);
    EXPECT_EQ(*s->purge_dead(), 1u);
    stop(std::move(s));
  }
  EXPECT_EQ(ran().size(), 6u);
  auto s = open();
  EXPECT_FALSE(s->show_dead(before.status.id));
  EXPECT_EQ(s->health().dead, 0u);
}

TEST_F(durable, attempts_that_failed_before_count) {
  job_id id;
  {
    registry slow;
    slow.add("note/1", &durable::run, this, {.max_attempts = 3, .backoff = backoff::fixed(1h)});
    auto s = open_or_exit(wanted(true), slow);
    id = submit(*s, queue_or_exit(*s, "q"), "fail").id;
    while (s->find(id)->state != job_state::scheduled) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(s->find(id)->attempt, 1u);
    stop(std::move(s));
  }
  auto s = open();
  const auto known = s->find(id);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->state, job_state::scheduled);
  EXPECT_EQ(known->attempt, 1u);
  EXPECT_EQ(known->max_attempts, 3u);
}

TEST_F(durable, queues_tenants_and_lanes_come_back) {
  {
    auto s = open_idle();
    const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 77, .weight = 5});
    ASSERT_TRUE(s->tenant("acme"));
    const auto tenant = s->tenant("other");
    ASSERT_TRUE(tenant);
    for (int i = 0; i < 50; ++i) {
      submit(*s, q, std::to_string(100 + i), {.tenant = *tenant, .lane = "one"});
    }
    stop(std::move(s));
  }
  auto s = open_idle();
  const health_report h = s->health();
  ASSERT_EQ(h.queues.size(), 1u);
  EXPECT_EQ(h.queues[0].name, "q");
  EXPECT_EQ(h.queues[0].jobs_max, 77u);
  EXPECT_EQ(h.queues[0].jobs, 50u);
  EXPECT_EQ(s->find(lane_ref{h.queues[0].queue, "one"})->waiting, 50u);
  stop(std::move(s));
  auto again = open();
  wait_until_empty(*again);
  EXPECT_TRUE(std::is_sorted(ran_.begin(), ran_.end()));  // one at a time, in the lane's order
  EXPECT_EQ(ran_.size(), 50u);
}

TEST_F(durable, what_was_paused_or_closed_is_so_still) {
  {
    auto s = open_idle();
    const queue_ref paused = queue_or_exit(*s, "paused");
    const queue_ref resumed = queue_or_exit(*s, "resumed");
    const queue_ref closed = queue_or_exit(*s, "closed");
    submit(*s, paused, "waits");
    submit(*s, resumed, "runs");
    EXPECT_NE(s->pause(paused)->lsn, 0u);
    EXPECT_TRUE(s->pause(resumed));
    EXPECT_TRUE(s->resume(resumed));
    EXPECT_TRUE(s->pause(lane_ref{resumed, "slow"}));
    EXPECT_TRUE(s->close_intake(closed));
    stop(std::move(s));
  }
  auto s = open();
  wait_until_left(*s, 1);
  EXPECT_EQ(ran(), std::vector<std::string>{"runs"});
  const health_report h = s->health();
  ASSERT_EQ(h.queues.size(), 3u);
  EXPECT_TRUE(h.queues[0].paused);
  EXPECT_FALSE(h.queues[1].paused);
  EXPECT_TRUE(s->find(lane_ref{h.queues[1].queue, "slow"})->is_paused);
  EXPECT_EQ(s->submit(h.queues[2].queue, note_it, {}).reason, reject::intake_closed);
  EXPECT_TRUE(s->resume(h.queues[0].queue));
  wait_until_empty(*s);
}

TEST_F(durable, a_pause_that_is_over_by_then_does_not_come_back) {
  {
    auto s = open_idle();
    const queue_ref q = queue_or_exit(*s, "q");
    ASSERT_TRUE(s->pause(scope(q), 50ms));
    submit(*s, q, "waits");
    stop(std::move(s));
  }
  std::this_thread::sleep_for(60ms);
  auto s = open();
  wait_until_empty(*s);
  EXPECT_EQ(ran().size(), 1u);
}

TEST_F(durable, a_unique_key_is_held_by_a_job_of_an_earlier_process) {
  const unique_key once{.key = "once"};
  job_id first;
  {
    auto s = open_idle();
    first = submit(*s, queue_or_exit(*s, "q"), "first", {.unique = &once}).id;
    stop(std::move(s));
  }
  auto s = open_idle();
  const auto second = s->submit(queue_or_exit(*s, "q"), note_it, {}, {.unique = &once});
  EXPECT_EQ(second.reason, reject::duplicate);
  EXPECT_EQ(second.original, first);
}

TEST_F(durable, a_job_of_an_unknown_kind_waits_for_its_handler) {
  job_id id;
  {
    auto s = open_idle();
    id = submit(*s, queue_or_exit(*s, "q"), "patient").id;
    stop(std::move(s));
  }
  {
    registry others;
    others.add("other/1", &durable::run, this);
    auto s = open_or_exit(wanted(true), others);
    const auto known = s->find(id);
    ASSERT_TRUE(known);
    EXPECT_EQ(known->state, job_state::blocked);
    EXPECT_EQ(known->waiting_for, waiting_for::handler);
    const health_report h = s->health();
    EXPECT_EQ(h.status, health_status::unhealthy);
    ASSERT_EQ(h.conditions.size(), 1u);
    EXPECT_EQ(h.conditions[0].what, issue::without_handler);
    EXPECT_EQ(h.conditions[0].value, 1);
    stop(std::move(s));
  }
  auto s = open();
  const auto ended = s->wait(id, 20s);
  EXPECT_TRUE(ended);
  wait_until_empty(*s);
  EXPECT_EQ(ran(), std::vector<std::string>{"patient"});
  EXPECT_EQ(s->health().status, health_status::ok);
}

TEST_F(durable, a_ticket_is_durable_when_it_says_so) {
  auto s = open();
  const queue_ref q = queue_or_exit(*s, "q");
  for (int i = 0; i < 20; ++i) {
    const ticket t = submit(*s, q, "x");
    ASSERT_TRUE(s->wait_durable(t, 20s));
    EXPECT_TRUE(s->is_durable(t));
    EXPECT_GE(s->durable_lsn(), t.lsn);
  }
  const job_id gone = submit(*s, q, "later", {.after = 1h}).id;
  const auto cancelled = s->cancel(gone);
  ASSERT_TRUE(cancelled);
  EXPECT_TRUE(s->wait_durable(*cancelled, 20s));
}

TEST_F(durable, the_host_is_told_what_is_durable) {
  std::atomic<std::uint64_t> told{0};
  options o = wanted(false);
  o.durable = {[](void* user, std::uint64_t lsn) {
                 static_cast<std::atomic<std::uint64_t>*>(user)->store(lsn);
               },
               &told};
  auto s = open_or_exit(o, kinds_);
  const ticket t = submit(*s, queue_or_exit(*s, "q"), "x");
  for (int i = 0; i < 20'000 && told < t.lsn; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_GE(told, t.lsn);
}

TEST_F(durable, one_scheduler_has_a_directory) {
  auto s = open_idle();
  const auto second = scheduler::open(wanted(false), kinds_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, errc::busy);
  stop(std::move(s));
  EXPECT_TRUE(scheduler::open(wanted(false), kinds_));
}

TEST_F(durable, bulks_and_large_payloads_come_back_whole) {
  const std::string large(700'000, 'z');
  {
    auto s = open_idle();
    const queue_ref q = queue_or_exit(*s, "q");
    std::vector<std::string> texts;
    for (int i = 0; i < 2'000; ++i) texts.push_back("bulk " + std::to_string(i));
    texts.push_back(large);
    std::vector<job_spec> specs;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      job_options how;
      how.priority = static_cast<priority>(i / 100 % priority_count);
      if (i % 7 == 0) how.max_attempts = 9;
      if (i % 50 == 0) how.expires = 1h;
      specs.push_back({std::as_bytes(std::span(texts[i])), how});
    }
    const auto answers = s->submit_bulk(q, note_it, specs);
    EXPECT_EQ(answers.accepted, specs.size()) << name(answers.reason);
    EXPECT_TRUE(s->wait_durable(answers.ticket, 20s));
    stop(std::move(s));
  }
  auto s = open();
  wait_until_empty(*s);
  const auto seen = ran();
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 2'001u);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), large), 1);
}

TEST_F(durable, a_process_that_leaves_without_a_word_loses_nothing_durable) {
  const int left = exit_code_of_child([&] {
    auto s = open_idle().release();
    const queue_ref q = queue_or_exit(*s, "q");
    ticket last;
    for (int i = 0; i < 300; ++i) last = submit(*s, q, "job " + std::to_string(i));
    if (!s->wait_durable(last, 20s)) return 1;
    std::_Exit(7);
  });
  ASSERT_EQ(left, 7);
  auto s = open();
  EXPECT_FALSE(s->health().log.was_closed);
  wait_until_empty(*s);
  EXPECT_EQ(ran().size(), 300u);
}

}  // namespace
}  // namespace pawl::test
