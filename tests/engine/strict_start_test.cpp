// Queues whose jobs start when their submit is durable. Method: the log's thread is kept in a hook, so that nothing
// becomes durable, while other jobs run; and handlers that compare with the ticket under load.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <vector>

#include "pawl/scheduler.hpp"
#include "pawl/testing.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/scratch_directory.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;

constexpr kind_ref run_it{0};

class strict_start : public ::testing::Test {
 protected:
  strict_start() {
    kinds_.add("run/1", &strict_start::run, this, {.max_attempts = 1});
    options o = small_options();
    o.directory = directory_.path();
    o.segment_bytes = 1u << 20;
    o.durable = {.on_durable = [](void* self, std::uint64_t) { keep(self); }, .user = this};
    s_ = open_or_exit(o, kinds_);
    strict_ = queue_or_exit(*s_, "strict", {.strict_start = true});
    other_ = queue_or_exit(*s_, "other");
  }
  ~strict_start() override { log_.open(); }

  // From now on until log_.open() nothing more becomes durable.
  void keep_log() {
    keeps_ = true;
    ASSERT_TRUE(s_->submit(other_, run_it, no_payload()));
    ASSERT_TRUE(log_.wait_for_arrivals(1));
    ASSERT_TRUE(others_are_done());
  }
  // Those that were submitted to `other_` so far, behind what was submitted elsewhere.
  bool others_are_done() {
    ++others_;
    return eventually([&] { return ran_in_other_ == others_; });
  }
  void submit_other() { ASSERT_TRUE(s_->submit(other_, run_it, no_payload())); }
  std::uint64_t held() { return s_->health().log.held_starts; }

  scratch_directory directory_;
  registry kinds_;
  door log_;
  std::atomic<bool> keeps_{false};
  std::atomic<bool> fails_{false};
  std::atomic<std::uint64_t> ran_{0};
  std::atomic<std::uint64_t> ran_in_other_{0};
  std::uint64_t others_ = 0;
  std::unique_ptr<scheduler> s_;
  queue_ref strict_;
  queue_ref other_;

 private:
  static void keep(void* self) {
    auto& t = *static_cast<strict_start*>(self);
    if (t.keeps_) t.log_.wait();
  }
  static outcome run(void* self, context& job, std::span<const std::byte>) {
    auto& t = *static_cast<strict_start*>(self);
    ++(job.queue().index == t.other_.index ? t.ran_in_other_ : t.ran_);
    return t.fails_ ? outcome::dead() : outcome::done();
  }
};

TEST_F(strict_start, waits_for_the_submit_to_be_durable) {
  keep_log();
  ASSERT_TRUE(s_->submit(strict_, run_it, no_payload()));
  ASSERT_TRUE(s_->submit(strict_, run_it, no_payload(), {.after = 1ns}));
  ASSERT_TRUE(s_->submit(strict_, run_it, no_payload(), {.lane = "lane"}));
  ASSERT_TRUE(s_->submit(strict_, run_it, no_payload(), {.expires = 1h}));
  const std::vector<job_spec> bulk(100);
  ASSERT_EQ(s_->submit_bulk(strict_, run_it, bulk).accepted, 100u);
  EXPECT_TRUE(eventually([&] { return held() == 104; })) << held();
  submit_other();
  EXPECT_TRUE(others_are_done()) << "the others go on";
  EXPECT_EQ(ran_, 0u);
  EXPECT_EQ(held(), 104u);
  log_.open();
  EXPECT_TRUE(eventually([&] { return ran_ == 104; })) << ran_;
  EXPECT_EQ(held(), 0u);
}

TEST_F(strict_start, waits_in_queues_of_every_order) {
  const queue_ref ordered =
      queue_or_exit(*s_, "ordered", {.order = queue_order::exact_priority, .strict_start = true});
  const queue_ref shared =
      queue_or_exit(*s_, "shared", {.order = queue_order::tenants, .strict_start = true});
  keep_log();
  for (const queue_ref q : {ordered, shared}) {
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(s_->submit(q, run_it, no_payload()));
  }
  submit_other();
  EXPECT_TRUE(others_are_done());
  EXPECT_EQ(ran_, 0u);
  EXPECT_EQ(held(), 100u);
  log_.open();
  EXPECT_TRUE(eventually([&] { return ran_ == 100; })) << ran_;
}

TEST_F(strict_start, is_of_durable_jobs_only) {
  keep_log();
  ASSERT_TRUE(s_->submit(strict_, run_it, no_payload(), {.durability = durability::relaxed}));
  ASSERT_TRUE(s_->submit(strict_, run_it, no_payload(), {.durability = durability::none}));
  EXPECT_TRUE(eventually([&] { return ran_ == 2; }));
  const queue_ref relaxed =
      queue_or_exit(*s_, "relaxed", {.durability = durability::relaxed, .strict_start = true});
  ASSERT_TRUE(s_->submit(relaxed, run_it, no_payload(), {.durability = durability::durable}));
  submit_other();
  EXPECT_TRUE(others_are_done());
  EXPECT_EQ(ran_, 2u);
  log_.open();
  EXPECT_TRUE(eventually([&] { return ran_ == 3; }));
}

TEST_F(strict_start, of_a_job_that_is_cancelled_meanwhile_never_comes) {
  keep_log();
  const auto accepted = s_->submit(strict_, run_it, no_payload());
  ASSERT_TRUE(accepted);
  ASSERT_TRUE(s_->cancel(accepted.ticket.id));
  // Its slot's next job waits for itself.
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(s_->submit(strict_, run_it, no_payload()));
  log_.open();
  EXPECT_TRUE(eventually([&] { return ran_ == 100; }));
  EXPECT_TRUE(eventually([&] { return held() == 0; }));
  EXPECT_EQ(s_->read_counters().cancelled, 1u);
  EXPECT_EQ(ran_, 100u);
}

TEST_F(strict_start, of_a_dead_job_waits_for_its_requeue) {
  fails_ = true;
  const auto accepted = s_->submit(strict_, run_it, no_payload());
  ASSERT_TRUE(accepted);
  ASSERT_TRUE(eventually([&] { return s_->health().dead == 1; }));
  const result<dead_page> page = s_->list_dead();
  ASSERT_TRUE(page);
  fails_ = false;
  keep_log();
  ASSERT_TRUE(s_->requeue(accepted.ticket.id, page->letters.at(0).version));
  submit_other();
  EXPECT_TRUE(others_are_done());
  EXPECT_EQ(ran_, 1u);
  log_.open();
  EXPECT_TRUE(eventually([&] { return ran_ == 2; }));
}

TEST_F(strict_start, that_is_held_is_no_end_for_a_stop) {
  keep_log();
  ASSERT_TRUE(s_->submit(strict_, run_it, no_payload()));
  ASSERT_EQ(held(), 1u);
  log_.open();
  EXPECT_TRUE(s_->stop(60s));
  EXPECT_EQ(held(), 0u);
}

// Each handler looks whether its own ticket is durable, whichever way it came.
TEST(strict_start_stress, never_comes_before_its_ticket_is_durable) {
  constexpr int submitters = 2;
  const auto jobs = static_cast<std::size_t>(scaled(20'000));
  struct world {
    std::vector<std::atomic<std::uint64_t>> lsns;
    scheduler* s = nullptr;
    std::atomic<std::uint64_t> ran{0}, early{0}, unknown{0};
    explicit world(std::size_t count) : lsns(count) {}
    static outcome run(void* self, context&, std::span<const std::byte> payload) {
      auto& w = *static_cast<world*>(self);
      const std::uint64_t durable = w.s->durable_lsn();
      const std::uint64_t lsn = w.lsns[value_of<std::uint32_t>(payload)];
      if (lsn == 0) ++w.unknown;  // submit has not returned yet
      if (lsn > durable) ++w.early;
      ++w.ran;
      return outcome::done();
    }
  };
  for (const bool is_strict : {true, false}) {
    scratch_directory directory;
    world w(submitters * jobs);
    registry kinds;
    const kind_ref kind = kinds.add("k/1", &world::run, &w);
    options o = small_options();
    o.directory = directory.path();
    const auto s = open_or_exit(o, kinds);
    w.s = s.get();
    const queue_ref q = queue_or_exit(*s, "q", {.strict_start = is_strict});
    std::array<std::uint64_t, submitters> seeds{};
    random_source seeder(fresh_seed());
    for (std::uint64_t& seed : seeds) seed = seeder();
    on_threads(submitters, [&](int thread) {
      const auto t = static_cast<std::size_t>(thread);
      random_source random(seeds[t]);
      for (std::size_t i = 0; i < jobs; ++i) {
        const auto number = static_cast<std::uint32_t>(t * jobs + i);
        job_options how;
        if (one_in(random, 4)) how.after = std::chrono::microseconds(below(random, 500));
        if (one_in(random, 8)) how.lane = "a";
        how.priority = static_cast<priority>(below(random, priority_count));
        const auto accepted = s->submit(q, kind, bytes_of(number), how);
        ASSERT_TRUE(accepted) << name(accepted.reason);
        w.lsns[number] = accepted.ticket.lsn;
        if (one_in(random, 16)) static_cast<void>(s->cancel(accepted.ticket.id));
      }
    });
    ASSERT_TRUE(eventually([&] { return s->read_counters().ended() == submitters * jobs; }));
    if (is_strict) {
      EXPECT_EQ(w.early, 0u);
      EXPECT_LT(w.unknown, w.ran / 2);
    } else {
      EXPECT_GT(w.early, 0u) << "or the test sees nothing";
    }
    EXPECT_TRUE(s->stop(60s));
  }
}

TEST(strict_start_without_a_log, is_any_start) {
  registry kinds;
  const kind_ref kind = kinds.add("k/1", say_done);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q", {.strict_start = true});
  ASSERT_TRUE(s->submit(q, kind, no_payload()));
  ASSERT_TRUE(s->submit(q, kind, no_payload(), {.after = 1ns}));
  ASSERT_TRUE(s->set_options(q, {.strict_start = true}));
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == 2; }));
}

// Without threads, the submit writes the log.
TEST(strict_start_stepped, runs_at_once) {
  scratch_directory directory;
  registry kinds;
  int ran = 0;
  kinds.add(
      "k/1",
      [](void* count, context&, std::span<const std::byte>) {
        ++*static_cast<int*>(count);
        return outcome::done();
      },
      &ran);
  options o = small_options();
  o.directory = directory.path();
  const auto opened = pawl::testing::test_scheduler::open(o, kinds);
  ASSERT_TRUE(opened);
  pawl::testing::test_scheduler& t = **opened;
  const queue_ref q = queue_or_exit(*t, "q", {.strict_start = true});
  ASSERT_TRUE(t->submit(q, run_it, no_payload()));
  ASSERT_TRUE(t->submit(q, run_it, no_payload(), {.after = 1s}));
  t.run_ready();
  EXPECT_EQ(ran, 1);
  t.advance(2s);
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace pawl::test
