// Who runs first. Method: everything is submitted to paused queues, then resumed; one drain makes the
// order of starts the order of decisions.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::below;
using test::bytes_of;
using test::eventually;
using test::on_threads;
using test::open_or_exit;
using test::queue_or_exit;
using test::scaled;
using test::small_options;
using test::value_of;

// A kind that writes down the order of its starts.
struct start_log {
  struct entry {
    unsigned band;
    std::uint64_t value;
  };
  std::mutex mutex;
  std::vector<entry> entries;

  static outcome note(void* self, context& job, std::span<const std::byte> payload) {
    auto& log = *static_cast<start_log*>(self);
    const std::lock_guard lock(log.mutex);
    log.entries.push_back(
        {static_cast<unsigned>(job.priority()), value_of<std::uint64_t>(payload)});
    return outcome::done();
  }
};

TEST(order, bands_are_strict_and_each_is_a_fifo_with_one_drain) {
  test::random_source random(test::fresh_seed());
  start_log log;
  registry kinds;
  const kind_ref kind = kinds.add("k", start_log::note, &log);
  options o = small_options();
  o.drains = 1;
  o.ageing = duration(0);
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  const auto count = static_cast<std::uint64_t>(scaled(5000));
  ASSERT_TRUE(s->pause(q));
  for (std::uint64_t i = 0; i < count; ++i) {
    ASSERT_TRUE(s->submit(q, kind, bytes_of(i),
                          {.priority = static_cast<priority>(below<unsigned>(random, 8))}));
  }
  ASSERT_TRUE(s->resume(q));
  ASSERT_TRUE(eventually([&] { return s->read_counters().completed == count; }));
  EXPECT_TRUE(
      std::is_sorted(log.entries.begin(), log.entries.end(), [](const auto& a, const auto& b) {
        return a.band != b.band ? a.band < b.band : a.value < b.value;
      }));
}

TEST(order, bands_are_strict_across_queues_with_one_drain) {
  // Three paused queues; the lowest priorities are resumed first, behind a job that holds the drain.
  start_log log;
  test::door held;
  registry kinds;
  const kind_ref kind = kinds.add("k", start_log::note, &log);
  const kind_ref hold = kinds.add(
      "hold",
      [](void* d, context&, std::span<const std::byte>) {
        static_cast<test::door*>(d)->wait();
        return outcome::done();
      },
      &held);
  options o = small_options();
  o.drains = 1;
  o.ageing = duration(0);
  const auto s = open_or_exit(o, kinds);
  ASSERT_TRUE(s->submit(queue_or_exit(*s, "hold"), hold, test::no_payload()));
  ASSERT_TRUE(held.wait_for_arrivals(1));
  for (const unsigned band : {7u, 3u, 5u, 0u}) {
    const queue_ref q = queue_or_exit(*s, "q" + std::to_string(band));
    for (std::uint64_t i = 0; i < 300; ++i) {
      ASSERT_TRUE(s->submit(q, kind, bytes_of(i), {.priority = static_cast<priority>(band)}));
    }
  }
  held.open();
  ASSERT_TRUE(eventually([&] { return s->read_counters().completed == 1201; }));
  EXPECT_TRUE(std::is_sorted(log.entries.begin(), log.entries.end(),
                             [](const auto& a, const auto& b) { return a.band < b.band; }));
}

TEST(order, jobs_of_one_thread_start_in_submit_order_with_one_drain) {
  // Three threads, singly and in bulk, into a queue that runs.
  start_log log;
  registry kinds;
  const kind_ref kind = kinds.add("k", start_log::note, &log);
  options o = small_options();
  o.drains = 1;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  const auto each = static_cast<std::uint64_t>(scaled(20'000));
  on_threads(3, [&](int thread) {
    const auto mine = static_cast<std::uint64_t>(thread) << 32;
    std::vector<std::uint64_t> values;
    std::vector<job_spec> specs;
    for (std::uint64_t i = 0; i < each; ++i) {
      if (thread == 0) {
        const std::uint64_t value = mine | i;
        ASSERT_TRUE(s->submit(q, kind, bytes_of(value)));
        continue;
      }
      values.push_back(mine | i);
      if (values.size() < 300 && i + 1 != each) continue;
      specs.clear();
      for (const std::uint64_t& v : values) specs.push_back({bytes_of(v), {}});
      ASSERT_TRUE(s->submit_bulk(q, kind, specs));
      values.clear();
    }
  });
  ASSERT_TRUE(eventually([&] { return s->read_counters().completed == 3 * each; }));
  std::vector<std::uint64_t> next(3, 0);
  for (const auto& e : log.entries) ASSERT_EQ(e.value & 0xffffffff, next[e.value >> 32]++);
}

TEST(order, a_low_priority_starts_under_a_steady_load_of_high_ones) {
  // Two threads keep the high band full; a job of the lowest band still starts, soon after its
  // ageing. The bound itself is checked by simulation, without a clock that others can hold up.
  registry kinds;
  const kind_ref kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  options o = small_options();
  o.ageing = 1ms;
  const auto s = open_or_exit(o, kinds);
  const queue_ref q = queue_or_exit(*s, "q", {.jobs_max = 20'000});
  std::atomic<bool> stop{false};
  std::vector<std::thread> load;
  for (int i = 0; i < 2; ++i) {
    load.emplace_back([&] {
      const std::vector<job_spec> specs(64, job_spec{{}, {.priority = priority::critical}});
      while (!stop.load()) {
        if (!s->submit_bulk(q, kind, specs)) std::this_thread::sleep_for(50us);
      }
    });
  }
  for (int i = 0; i < 5; ++i) {
    submit_answer a;
    ASSERT_TRUE(eventually([&] {
      a = s->submit(q, kind, test::no_payload(), {.priority = priority::idle});
      return static_cast<bool>(a);
    }));
    EXPECT_TRUE(s->wait(a.ticket.id, test::patience));
  }
  stop = true;
  for (std::thread& t : load) t.join();
}

}  // namespace
}  // namespace pawl
