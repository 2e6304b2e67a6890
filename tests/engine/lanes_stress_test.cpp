// Lanes under threads. Method: drains, the pool and submitters at work on few and on many keys, while
// lanes pause, are held and get new rules; handlers count who is inside their lane and look at the
// order. At the end everything is open, everything must have run, and no lane is left.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::eventually;
using test::open_or_exit;
using test::queue_or_exit;

constexpr unsigned key_count = 8;

struct ticketed {
  std::uint32_t lane;
  std::uint32_t number;
};

struct lane_world {
  std::array<std::atomic<int>, key_count> inside{};
  std::array<std::atomic<std::uint32_t>, key_count> next{};  // number of the job that has to come
  std::array<std::atomic<std::uint32_t>, key_count>
      failed{};  // the last that did not get through at once
  std::atomic<int> too_many{0};
  std::atomic<int> out_of_order{0};
  std::atomic<std::uint64_t> ran{0};
};

outcome in_order(void* user, context&, std::span<const std::byte> payload) {
  auto& w = *static_cast<lane_world*>(user);
  const auto t = test::value_of<ticketed>(payload);
  if (w.inside[t.lane].fetch_add(1) != 0) ++w.too_many;
  const std::uint32_t expected = w.next[t.lane].load();
  if (expected != t.number) ++w.out_of_order;
  const bool fails = t.number % 97 == 96 && w.failed[t.lane].exchange(t.number) != t.number;
  if (!fails) w.next[t.lane] = t.number + 1;
  w.inside[t.lane].fetch_sub(1);
  if (fails) return t.number % 2 == 0 ? outcome::fail() : outcome::yield();
  ++w.ran;
  return outcome::done();
}

// One submitter to a lane, so that the order of the submits is known.
TEST(lanes_stress, of_one_at_a_time_are_strictly_in_order_under_failures_pauses_and_thieves) {
  lane_world w;
  registry kinds;
  const kind_options quickly{.backoff = backoff::fixed(std::chrono::microseconds(50))};
  const kind_ref plain = kinds.add("plain", in_order, &w, quickly);
  kind_options on_pool = quickly;
  on_pool.blocking = true;
  const kind_ref blocking = kinds.add("blocking", in_order, &w, on_pool);
  options o = test::small_options();
  o.drains = 4;
  o.jobs_max = 200'000;
  const auto s = open_or_exit(o, kinds);
  const queue_ref queue = queue_or_exit(*s, "q");
  std::array<std::string, key_count> names;
  for (unsigned i = 0; i < key_count; ++i) names[i] = "lane " + std::to_string(i);
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    test::random_source random(test::fresh_seed());
    while (!stop.load()) {
      const lane_ref at{queue, names[test::below<std::size_t>(random, key_count)]};
      EXPECT_TRUE(s->pause(at));
      EXPECT_TRUE(s->resume(at));
      EXPECT_TRUE(s->hold(at, std::chrono::microseconds(50)));
      EXPECT_TRUE(s->set_options(queue, {}));
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  const int each = test::scaled(20'000);
  constexpr unsigned submitters = 2;
  test::on_threads(submitters, [&](int t) {
    test::random_source random(test::fresh_seed() + static_cast<std::uint64_t>(t));
    std::array<std::uint32_t, key_count> numbers{};
    for (int i = 0; i < each; ++i) {
      const auto lane = test::below<std::uint32_t>(random, key_count / submitters) * submitters +
                        static_cast<std::uint32_t>(t);
      const ticketed p{lane, numbers[lane]++};
      const bool to_pool = test::one_in(random, 50);
      ASSERT_TRUE(s->submit(
          queue, to_pool ? blocking : plain, test::bytes_of(p),
          {.priority = static_cast<priority>(test::below<int>(random, 8)), .lane = names[lane]}));
    }
  });
  stop = true;
  changer.join();
  const auto all = static_cast<std::uint64_t>(each) * submitters;
  EXPECT_TRUE(eventually([&] { return w.ran == all; }));
  EXPECT_EQ(w.too_many, 0);
  EXPECT_EQ(w.out_of_order, 0);
  EXPECT_TRUE(eventually([&] { return s->read_metrics().lanes.lanes == 0; }));
}

struct crowd {
  std::array<std::atomic<int>, key_count> inside{};
  std::array<std::atomic<int>, key_count> most{};
  std::atomic<std::uint64_t> over{0};
  std::atomic<std::uint64_t> started{0};
};

// Everything else at once: cancels, expiries, deaths, skips, several at a time.
TEST(lanes_stress, with_cancels_expiries_and_deaths_nobody_waits_for_ever) {
  crowd w;
  registry kinds;
  const kind_ref kind =
      kinds.add("k",
                [](void* user, context& job, std::span<const std::byte> payload) {
                  auto& c = *static_cast<crowd*>(user);
                  const auto lane = test::value_of<std::uint32_t>(payload);
                  const int now = c.inside[lane].fetch_add(1) + 1;
                  int seen = c.most[lane].load();
                  while (now > seen && !c.most[lane].compare_exchange_weak(seen, now)) {
                  }
                  ++c.started;
                  for (int i = 0; i < 20; ++i) c.started.load();
                  c.inside[lane].fetch_sub(1);
                  const std::uint64_t dice = job.id().value * 0x9e3779b97f4a7c15u >> 60;
                  return dice == 0   ? outcome::dead()
                         : dice <= 2 ? outcome::fail()
                         : dice == 3 ? outcome::snooze(std::chrono::microseconds(100))
                                     : outcome::done();
                },
                &w, {.max_attempts = 2, .backoff = backoff::fixed(std::chrono::microseconds(100))});
  options o = test::small_options();
  o.drains = 4;
  o.jobs_max = 200'000;
  o.dead_in_memory = 50;  // most are forgotten while others wait for them
  o.pushbacks_max = 2;
  const auto s = open_or_exit(o, kinds);
  constexpr std::array<on_failure, 3> rules{on_failure::dead_then_continue, on_failure::block,
                                            on_failure::skip};
  std::vector<queue_ref> queues;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    queues.push_back(queue_or_exit(*s, "q" + std::to_string(i),
                                   {.lanes = {.concurrency = 2, .on_failure = rules[i]}}));
  }
  std::array<std::string, key_count> names;
  for (unsigned i = 0; i < key_count; ++i) names[i] = "lane " + std::to_string(i);
  std::atomic<bool> stop{false};
  std::thread undertaker([&] {
    while (!stop.load()) {
      EXPECT_TRUE(s->purge_dead());
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  });
  const int each = test::scaled(20'000);
  test::on_threads(2, [&](int t) {
    test::random_source random(test::fresh_seed() + static_cast<std::uint64_t>(t));
    std::vector<job_id> mine;
    for (int i = 0; i < each; ++i) {
      // Of each queue other lanes, so that the counts of who is inside are one lane's.
      const auto lane = test::below<std::uint32_t>(random, key_count);
      const queue_ref queue = queues[lane % queues.size()];
      job_options how{.lane = names[lane]};
      if (test::one_in(random, 10)) how.expires = std::chrono::microseconds(200);
      if (test::one_in(random, 10)) how.after = std::chrono::microseconds(300);
      const submit_answer a = s->submit(queue, kind, test::bytes_of(lane), how);
      ASSERT_TRUE(a);
      mine.push_back(a.ticket.id);
      if (test::one_in(random, 5)) {
        static_cast<void>(s->cancel(mine[test::below(random, mine.size())]));
      }
    }
  });
  const auto is_over = [&] {
    const counters c = s->read_counters();
    return c.accepted + c.requeued == c.ended();
  };
  EXPECT_TRUE(eventually(is_over));
  stop = true;
  undertaker.join();
  for (const auto& most : w.most) EXPECT_LE(most, 2);
  EXPECT_TRUE(s->purge_dead());
  const lane_metrics left = s->read_metrics().lanes;
  EXPECT_EQ(left.lanes, 0u);
  EXPECT_EQ(left.waiting, 0u);
  EXPECT_EQ(left.stopped, 0u);
}

// As many keys as jobs, made and forgotten by all threads.
TEST(lanes_stress, of_many_keys_come_and_go) {
  std::atomic<std::uint64_t> ran{0};
  registry kinds;
  const kind_ref kind = kinds.add(
      "k",
      [](void* user, context&, std::span<const std::byte>) {
        ++*static_cast<std::atomic<std::uint64_t>*>(user);
        return outcome::done();
      },
      &ran);
  options o = test::small_options();
  o.drains = 3;
  o.jobs_max = 400'000;
  const auto s = open_or_exit(o, kinds);
  const queue_ref queue = queue_or_exit(*s, "q");
  const int each = test::scaled(50'000);
  test::on_threads(2, [&](int t) {
    for (int i = 0; i < each; ++i) {
      const std::string key = std::to_string(t) + "/" + std::to_string(i);
      ASSERT_TRUE(s->submit(queue, kind, {}, {.lane = key}));
    }
  });
  EXPECT_TRUE(eventually([&] { return ran == 2u * static_cast<unsigned>(each); }));
  EXPECT_TRUE(eventually([&] { return s->read_metrics().lanes.lanes == 0; }));
}

// Breakers given, changed and taken away while the servers of the lanes go up and down. That no more trials
// run than may is the property test's business; here nobody waits for ever, in order, and no lane is left.
TEST(lanes_stress, with_breakers_that_change_forget_nothing_and_nobody) {
  struct world {
    std::array<std::atomic<bool>, key_count> is_up{};
    std::array<std::atomic<std::uint32_t>, key_count> next{};
    std::atomic<int> out_of_order{0};
    std::atomic<std::uint64_t> ran{0};
  } w;
  const auto call = [](void* user, context& job, std::span<const std::byte> payload) {
    auto& of = *static_cast<world*>(user);
    const auto t = test::value_of<ticketed>(payload);
    // None runs out of attempts, however long the weather lasts.
    if (!of.is_up[t.lane].load() && job.attempt() < 250) return outcome::fail();
    if (of.next[t.lane].exchange(t.number + 1) != t.number) ++of.out_of_order;
    ++of.ran;
    return outcome::done();
  };
  registry kinds;
  kind_options how{.max_attempts = 255, .backoff = backoff::fixed(std::chrono::microseconds(300))};
  const kind_ref plain = kinds.add("plain", call, &w, how);
  how.blocking = true;
  const kind_ref blocking = kinds.add("blocking", call, &w, how);
  options o = test::small_options();
  o.drains = 4;
  o.jobs_max = 200'000;
  const auto s = open_or_exit(o, kinds);
  const breaker_rule rules[] = {
      {},
      {.window = 4, .attempts_min = 2, .open_for = std::chrono::milliseconds(1), .trials = 1},
      {.window = 2, .attempts_min = 1, .open_for = std::chrono::milliseconds(2), .trials = 3},
      {.window = 8, .attempts_min = 4, .open_for = std::chrono::microseconds(500), .trials = 2}};
  const queue_ref queue = queue_or_exit(*s, "q", {.lanes = {.breaker = rules[1]}});
  std::array<std::string, key_count> names;
  for (unsigned i = 0; i < key_count; ++i) names[i] = "lane " + std::to_string(i);
  std::atomic<bool> stop{false};
  std::thread weather([&] {
    test::random_source random(test::fresh_seed());
    EXPECT_TRUE(eventually([&] { return s->read_metrics().lanes.breaker_opened != 0; }));
    while (!stop.load()) {
      w.is_up[test::below<std::size_t>(random, key_count)] = test::one_in(random, 2);
      const breaker_rule& rule = rules[test::below<std::size_t>(random, 4)];
      if (test::one_in(random, 4)) {
        EXPECT_TRUE(s->set_options(queue, {.lanes = {.breaker = rule}}));
      }
      const lane_ref at{queue, names[test::below<std::size_t>(random, key_count)]};
      if (test::one_in(random, 4)) {
        EXPECT_TRUE(s->pause(at, std::chrono::microseconds(200)));
      }
      EXPECT_TRUE(s->find(at));
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
    for (auto& is_up : w.is_up) is_up = true;
  });
  const int each = test::scaled(20'000);
  constexpr unsigned submitters = 2;
  test::on_threads(submitters, [&](int t) {
    test::random_source random(test::fresh_seed() + static_cast<std::uint64_t>(t));
    std::array<std::uint32_t, key_count> numbers{};
    for (int i = 0; i < each; ++i) {
      const auto lane = test::below<std::uint32_t>(random, key_count / submitters) * submitters +
                        static_cast<std::uint32_t>(t);
      const ticketed p{lane, numbers[lane]++};
      ASSERT_TRUE(s->submit(queue, test::one_in(random, 20) ? blocking : plain, test::bytes_of(p),
                            {.lane = names[lane]}));
    }
  });
  const auto all = static_cast<std::uint64_t>(each) * submitters;
  static_cast<void>(eventually([&] { return w.ran > all / 2; }));
  stop = true;
  weather.join();
  EXPECT_TRUE(eventually([&] { return w.ran == all; })) << w.ran << " of " << all;
  EXPECT_EQ(w.out_of_order, 0);
  EXPECT_TRUE(eventually([&] { return s->read_metrics().lanes.lanes == 0; }));
  const lane_metrics left = s->read_metrics().lanes;
  EXPECT_EQ(left.waiting, 0u);
  EXPECT_EQ(left.breakers_open, 0u);
}

}  // namespace
}  // namespace pawl
